// The geometry of batch normalisation and its kernels' signatures.
#pragma once

#include <vector>

#include "ops/batch_norm.h"
#include "tensor/tensor.h"

namespace strata {

struct BatchNormGeometry {
  int64_t rows, channels;  // m, C
  ops::BatchNormOptions options;

  /// Throws as ops::batch_norm says.
  BatchNormGeometry(const Tensor& input, const Tensor& scale, const Tensor& shift,
                    const Tensor& running_mean, const Tensor& running_variance,
                    const ops::BatchNormOptions& options);
};

/// What the forward pass normalised with, (C) each: the batch's, or a copy of the running ones,
/// which may change before backward.
struct BatchNormStatistics {
  Tensor mean;
  Tensor inverse_deviation;  // 1 / sqrt(variance + epsilon)

  std::vector<Tensor> tensors() const { return {mean, inverse_deviation}; }
};

/// What backward writes; undefined members are not needed and left out.
struct BatchNormGradients {
  Tensor input, scale, shift;

  std::vector<Tensor> tensors() const { return {input, scale, shift}; }
};

#define STRATA_BATCH_NORM_KERNELS                                                               \
  void batch_norm(const BatchNormGeometry& geometry, const Tensor& input, const Tensor& scale,  \
                  const Tensor& shift, Tensor& running_mean, Tensor& running_variance,          \
                  BatchNormStatistics& statistics, Tensor& output);                             \
  void batch_norm_backward(const BatchNormGeometry& geometry, const Tensor& input,              \
                           const Tensor& scale, const BatchNormStatistics& statistics,          \
                           const Tensor& grad_output, BatchNormGradients& gradients);
namespace reference { STRATA_BATCH_NORM_KERNELS }
namespace cpu { STRATA_BATCH_NORM_KERNELS }
namespace cuda { STRATA_BATCH_NORM_KERNELS }
#undef STRATA_BATCH_NORM_KERNELS

}  // namespace strata
