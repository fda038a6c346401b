#include "tensor/tensor.h"

#include "tensor/autograd.h"

namespace strata {

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  check(device == Device::cpu || dtype != DType::float64,
        "float64 lives on the cpu only: it serves gradient checks");
  Tensor tensor;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  tensor.storage_ = std::make_shared<Storage>(tensor.bytes(), device, MemoryScope::current());
  return tensor;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  tensor.fill_zero();
  return tensor;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  tensor.fill(value);
  return tensor;
}

Tensor Tensor::view(const Shape& shape) const {
  check(shape.size() == size(), "a view cannot turn shape {} into {}", shape_, shape);
  return view(shape, 0);
}

Tensor Tensor::view(const Shape& shape, int64_t offset) const {
  check(offset >= 0 && offset + shape.size() <= size(),
        "a view of shape {} at element {} leaves its tensor of {} elements", shape, offset, size());
  Tensor tensor = detach();
  tensor.shape_ = shape;
  tensor.offset_ += static_cast<size_t>(offset) * size_of(dtype_);
  return tensor;
}

Tensor Tensor::detach() const {
  Tensor tensor = *this;
  tensor.record_ = nullptr;
  return tensor;
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape_, dtype_, device());
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(Device target) const {
  if (target == device()) return *this;
  Tensor copy = empty(shape_, dtype_, target);
  copy.copy_from(*this);
  return copy;
}

bool Tensor::shares_memory_with(const Tensor& other) const {
  return storage_ && storage_ == other.storage_;
}

void Tensor::copy_from(const Tensor& source) {
  check(source.shape_ == shape_ && source.dtype_ == dtype_, "cannot copy {} {} into {} {}",
        source.dtype_, source.shape_, dtype_, shape_);
  copy_bytes(location(), source.location(), bytes());
}

void Tensor::fill(double value) {
  strata::fill(location(), dtype_, value, size());
}
void Tensor::fill_zero() {
  strata::fill_zero(location(), bytes());
}

void Tensor::add_into(const Tensor& value) {
  check(value.shape_ == shape_ && value.dtype_ == dtype_ && value.device() == device(),
        "cannot add {} {} on {} into {} {} on {}", value.dtype_, value.shape_, value.device(),
        dtype_, shape_, device());
  strata::add_into(location(), value.location(), dtype_, size());
}

Tensor& Tensor::set_requires_grad(bool required) {
  check(!required || is_floating(dtype_), "a {} tensor has no gradient", dtype_);
  record_ = required ? std::make_shared<GradRecord>() : nullptr;
  return *this;
}

Tensor Tensor::grad() const {
  return record_ && !record_->grad_is_stale ? record_->grad : Tensor();
}

}  // namespace strata
