#include "ops/cudnn/legacy.h"

#include <limits>

namespace strata::cudnn {

using cuda::cudnn_library;

int extent(int64_t value) {
  check(value <= std::numeric_limits<int>::max(), "cuDNN takes extents below 2^31, got {}", value);
  return static_cast<int>(value);
}

TensorDescriptor describe(int64_t n, int64_t h, int64_t w, int64_t c) {
  cudnnTensorDescriptor_t created = nullptr;
  STRATA_CUDNN(cudnn_library().cudnnCreateTensorDescriptor(&created));
  TensorDescriptor descriptor(created, [](cudnnTensorDescriptor_t handle) noexcept {
    cudnn_library().cudnnDestroyTensorDescriptor(handle);
  });
  STRATA_CUDNN(cudnn_library().cudnnSetTensor4dDescriptor(
      created, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, extent(n), extent(c), extent(h), extent(w)));
  return descriptor;
}

TensorDescriptor describe_flat(int64_t size) {
  return describe(1, 1, 1, size);
}

}  // namespace strata::cudnn
