#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/batch_norm_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

int64_t rows_of_grain(const BatchNormGeometry& geometry) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, geometry.channels));
}

/// For each channel, the sum of term(i, channel) over its elements i: chunks of a fixed number of
/// rows, then the chunks in their order.
template <class Term>
std::vector<double> sum_over_rows(const BatchNormGeometry& geometry, Term term) {
  const int64_t channels = geometry.channels;
  const int64_t chunk_rows = rows_of_grain(geometry);
  const int64_t chunks = (geometry.rows + chunk_rows - 1) / chunk_rows;
  std::vector<double> partial(static_cast<size_t>(chunks * channels));
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      double* sums = partial.data() + chunk * channels;
      const int64_t last_row = std::min(geometry.rows, (chunk + 1) * chunk_rows);
      for (int64_t row = chunk * chunk_rows; row < last_row; ++row)
        for (int64_t c = 0; c < channels; ++c) sums[c] += term(row * channels + c, c);
    }
  });
  std::vector<double> result(static_cast<size_t>(channels));
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    for (int64_t c = 0; c < channels; ++c) result[c] += partial[chunk * channels + c];
  return result;
}

/// Calls body(i, channel) for every element.
template <class Body>
void for_each_element(const BatchNormGeometry& geometry, Body body) {
  const int64_t channels = geometry.channels;
  parallel_for(geometry.rows, rows_of_grain(geometry), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t c = 0; c < channels; ++c) body(row * channels + c, c);
  });
}

void find_statistics(const BatchNormGeometry& geometry, const float* x, float* running_mean,
                     float* running_variance, BatchNormStatistics& statistics) {
  const auto [epsilon, momentum, training] = geometry.options;
  const auto rows = static_cast<double>(geometry.rows);
  std::vector<double> mean(running_mean, running_mean + geometry.channels);
  std::vector<double> variance(running_variance, running_variance + geometry.channels);
  if (training) {
    mean = sum_over_rows(geometry, [=](int64_t i, int64_t) { return double{x[i]}; });
    for (double& value : mean) value /= rows;
    variance = sum_over_rows(geometry, [x, means = mean.data()](int64_t i, int64_t c) {
      const double deviation = x[i] - means[c];
      return deviation * deviation;
    });
    for (double& value : variance) value /= rows;
  }
  for (int64_t c = 0; c < geometry.channels; ++c) {
    statistics.mean.data<float>()[c] = static_cast<float>(mean[c]);
    statistics.inverse_deviation.data<float>()[c] =
        static_cast<float>(1 / std::sqrt(variance[c] + epsilon));
    if (!training) continue;
    const double unbiased = variance[c] * rows / (rows - 1);
    running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * mean[c]);
    running_variance[c] =
        static_cast<float>((1 - momentum) * running_variance[c] + momentum * unbiased);
  }
}

}  // namespace

void batch_norm(const BatchNormGeometry& geometry, const Tensor& input, const Tensor& scale,
                const Tensor& shift, Tensor& running_mean, Tensor& running_variance,
                BatchNormStatistics& statistics, Tensor& output) {
  const float* x = input.data<float>();
  find_statistics(geometry, x, running_mean.data<float>(), running_variance.data<float>(),
                  statistics);
  const float* mean = statistics.mean.data<float>();
  const float* inverse = statistics.inverse_deviation.data<float>();
  const float* scales = scale.data<float>();
  const float* shifts = shift.data<float>();
  float* y = output.data<float>();
  for_each_element(geometry, [=](int64_t i, int64_t c) {
    y[i] = scales[c] * ((x[i] - mean[c]) * inverse[c]) + shifts[c];
  });
}

void batch_norm_backward(const BatchNormGeometry& geometry, const Tensor& input,
                         const Tensor& scale, const BatchNormStatistics& statistics,
                         const Tensor& grad_output, BatchNormGradients& gradients) {
  const float* x = input.data<float>();
  const float* g = grad_output.data<float>();
  const float* mean = statistics.mean.data<float>();
  const float* inverse = statistics.inverse_deviation.data<float>();
  const std::vector<double> grad_shift =
      sum_over_rows(geometry, [=](int64_t i, int64_t) { return double{g[i]}; });
  const std::vector<double> grad_scale = sum_over_rows(geometry, [=](int64_t i, int64_t c) {
    return double{g[i]} * ((x[i] - mean[c]) * inverse[c]);
  });
  if (gradients.scale.defined())
    std::copy(grad_scale.begin(), grad_scale.end(), gradients.scale.data<float>());
  if (gradients.shift.defined())
    std::copy(grad_shift.begin(), grad_shift.end(), gradients.shift.data<float>());
  if (!gradients.input.defined()) return;

  const double share = geometry.options.training ? 1 / static_cast<double>(geometry.rows) : 0;
  std::vector<float> factors, mean_grads, mean_products;
  for (int64_t c = 0; c < geometry.channels; ++c) {
    factors.push_back(scale.data<float>()[c] * inverse[c]);
    mean_grads.push_back(static_cast<float>(grad_shift[c] * share));
    mean_products.push_back(static_cast<float>(grad_scale[c] * share));
  }
  float* result = gradients.input.data<float>();
  for_each_element(geometry, [=, factor = factors.data(), mean_grad = mean_grads.data(),
                              mean_product = mean_products.data()](int64_t i, int64_t c) {
    const float normalised = (x[i] - mean[c]) * inverse[c];
    result[i] = factor[c] * (g[i] - mean_grad[c] - normalised * mean_product[c]);
  });
}

}  // namespace strata::cpu
