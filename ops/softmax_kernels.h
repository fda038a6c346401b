// The kernels' signatures of softmax and log_softmax.
#pragma once

#include "ops/softmax.h"
#include "tensor/tensor.h"

namespace strata {

enum class Softmax { plain, logarithm };

struct SoftmaxGeometry {
  int64_t rows, classes;
  /// Throws as ops::softmax says.
  SoftmaxGeometry(std::string_view op, const Tensor& input);
};

// Backward needs only the output.
#define STRATA_SOFTMAX_KERNELS                                                                 \
  void softmax(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& input,             \
               Tensor& output);                                                                \
  void softmax_backward(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& output,   \
                        const Tensor& grad_output, Tensor& grad_input);
namespace reference { STRATA_SOFTMAX_KERNELS }
namespace cpu { STRATA_SOFTMAX_KERNELS }
namespace cuda { STRATA_SOFTMAX_KERNELS }
namespace cudnn { STRATA_SOFTMAX_KERNELS }
namespace onednn { STRATA_SOFTMAX_KERNELS }
#undef STRATA_SOFTMAX_KERNELS

}  // namespace strata
