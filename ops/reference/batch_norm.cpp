// Sums are in double for both dtypes.
#include <cmath>

#include "ops/batch_norm_kernels.h"

namespace strata::reference {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

template <class T>
Moments batch_moments(const BatchNormGeometry& geometry, const T* x, int64_t channel) {
  Moments moments;
  const int64_t end = geometry.rows * geometry.channels;
  for (int64_t i = channel; i < end; i += geometry.channels) moments.mean += x[i];
  moments.mean /= static_cast<double>(geometry.rows);
  for (int64_t i = channel; i < end; i += geometry.channels) {
    const double deviation = x[i] - moments.mean;
    moments.variance += deviation * deviation;
  }
  moments.variance /= static_cast<double>(geometry.rows);
  return moments;
}

template <class T>
void blend(T& running, double value, double momentum) {
  running = static_cast<T>((1 - momentum) * running + momentum * value);
}

}  // namespace

void batch_norm(const BatchNormGeometry& geometry, const Tensor& input, const Tensor& scale,
                const Tensor& shift, Tensor& running_mean, Tensor& running_variance,
                BatchNormStatistics& statistics, Tensor& output) {
  const auto [epsilon, momentum, training] = geometry.options;
  const auto rows = static_cast<double>(geometry.rows);
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    T* y = output.data<T>();
    for (int64_t c = 0; c < geometry.channels; ++c) {
      Moments moments{running_mean.data<T>()[c], running_variance.data<T>()[c]};
      if (training) {
        moments = batch_moments(geometry, x, c);
        blend(running_mean.data<T>()[c], moments.mean, momentum);
        blend(running_variance.data<T>()[c], moments.variance * rows / (rows - 1), momentum);
      }
      const T mean = statistics.mean.data<T>()[c] = static_cast<T>(moments.mean);
      const T inverse = statistics.inverse_deviation.data<T>()[c] =
          static_cast<T>(1 / std::sqrt(moments.variance + epsilon));
      for (int64_t i = c; i < input.size(); i += geometry.channels)
        y[i] = scale.data<T>()[c] * ((x[i] - mean) * inverse) + shift.data<T>()[c];
    }
  });
}

void batch_norm_backward(const BatchNormGeometry& geometry, const Tensor& input,
                         const Tensor& scale, const BatchNormStatistics& statistics,
                         const Tensor& grad_output, BatchNormGradients& gradients) {
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    const T* g = grad_output.data<T>();
    for (int64_t c = 0; c < geometry.channels; ++c) {
      const T mean = statistics.mean.data<T>()[c];
      const T inverse = statistics.inverse_deviation.data<T>()[c];
      double grad_scale = 0, grad_shift = 0;
      for (int64_t i = c; i < input.size(); i += geometry.channels) {
        grad_shift += g[i];
        grad_scale += double{g[i]} * ((x[i] - mean) * inverse);
      }
      if (gradients.scale.defined()) gradients.scale.data<T>()[c] = static_cast<T>(grad_scale);
      if (gradients.shift.defined()) gradients.shift.data<T>()[c] = static_cast<T>(grad_shift);
      if (!gradients.input.defined()) continue;
      const double share = geometry.options.training ? 1 / static_cast<double>(geometry.rows) : 0;
      const T mean_grad = static_cast<T>(grad_shift * share);
      const T mean_product = static_cast<T>(grad_scale * share);
      for (int64_t i = c; i < input.size(); i += geometry.channels) {
        const T normalised = (x[i] - mean) * inverse;
        gradients.input.data<T>()[i] =
            scale.data<T>()[c] * inverse * (g[i] - mean_grad - normalised * mean_product);
      }
    }
  });
}

}  // namespace strata::reference
