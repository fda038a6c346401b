#include "ops/cuda/result_check.h"

#include <cmath>

#include "ops/binary_kernels.h"
#include "ops/reduce_kernels.h"
#include "tensor/cuda/memory.h"
#include "tensor/pool.h"

namespace strata::cuda {
namespace {

/// The largest absolute value; NaN if there is one.
double largest(const Tensor& values) {
  Tensor squares = Tensor::empty(values.shape(), DType::float32, Device::gpu);
  binary(Binary::multiply, values, values, squares);
  Tensor maximum = Tensor::empty({1}, DType::float32, Device::gpu);
  Tensor position = Tensor::empty({1}, DType::int32, Device::gpu);
  reduce(Reduction::max, {.reduced = values.size()}, squares, maximum, position);
  return std::sqrt(maximum.item<float>());
}

}  // namespace

void ResultCheck::keep() {
  expected_ = copy();
}

std::string ResultCheck::objection() const {
  if (size_ == 0) return "";
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor actual = copy();
  Tensor difference = Tensor::empty({size_}, DType::float32, Device::gpu);
  binary(Binary::subtract, actual, expected_, difference);
  const double worst = largest(difference), scale = largest(expected_);
  if (worst <= tolerance_ * scale) return "";
  return fmt::format("its result is wrong by up to {:.3g}, where the largest value is {:.3g}",
                     worst, scale);
}

Tensor ResultCheck::copy() const {
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor copied = Tensor::empty({size_}, DType::float32, Device::gpu);
  copy_on_device(copied.data<float>(), result_, copied.bytes());
  return copied;
}

double tolerance_of_sums(bool tf32) {
  return tf32 ? 2e-2 : 1e-3;
}

}  // namespace strata::cuda
