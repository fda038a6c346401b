// A tensor: a cheap handle to typed memory on a device, with an optional record for autograd.
//
// Contiguous and row-major, always: a view is another shape or a run of elements of it, so a kernel
// needs a pointer and extents, never strides. Copying a handle shares the memory. Arithmetic is in
// ops/.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "tensor/storage.h"

namespace strata {

struct GradRecord;  // tensor/autograd.h

class Tensor {
 public:
  /// An undefined tensor: no memory, no shape. Only defined() may be asked of it.
  Tensor() = default;

  /// Uninitialised memory from the device's pool, booked under the current MemoryScope. Throws
  /// `out_of_memory`; throws `invalid_argument` for float64 on the GPU.
  static Tensor empty(const Shape& shape, DType dtype = DType::float32,
                      Device device = Device::cpu);
  static Tensor zeros(const Shape& shape, DType dtype = DType::float32,
                      Device device = Device::cpu);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::float32,
                     Device device = Device::cpu);
  /// A copy of host values, which must be as many as the shape has elements.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device device = Device::cpu);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape,
                     Device device = Device::cpu) {
    return from(std::span<const T>(values), shape, device);
  }

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t extent(int axis) const { return shape_[axis]; }
  int64_t size() const { return shape_.size(); }
  size_t bytes() const { return static_cast<size_t>(size()) * size_of(dtype_); }
  DType dtype() const { return dtype_; }
  Device device() const { return storage().device(); }
  /// What its memory was booked under.
  MemoryUse use() const { return storage().use(); }

  /// The first element, on the tensor's device. Throws unless T is the element type.
  template <class T>
  T* data() const {
    check(dtype_ == kDTypeOf<T>, "a {} tensor was read as {}", dtype_, kDTypeOf<T>);
    return reinterpret_cast<T*>(address());
  }
  Location location() const { return {device(), address()}; }

  /// The same memory under another shape of the same size; does not record (see ops::reshape).
  Tensor view(const Shape& shape) const;
  /// `shape.size()` elements from element `offset` on, the same memory; does not record.
  Tensor view(const Shape& shape, int64_t offset) const;
  /// The same memory without the autograd record.
  Tensor detach() const;
  /// A copy, with memory of its own and no record.
  Tensor clone() const;
  /// The tensor itself if it is there already, otherwise a copy without record.
  Tensor to(Device device) const;
  bool shares_memory_with(const Tensor& other) const;

  /// Overwrites the elements; shape and dtype must be equal, devices may differ.
  void copy_from(const Tensor& source);
  void fill(double value);
  void fill_zero();
  /// this[i] += value[i]
  void add_into(const Tensor& value);

  /// The elements on the host; waits for the GPU.
  template <class T>
  std::vector<T> to_vector() const;
  /// The one element of a tensor of size 1.
  template <class T>
  T item() const;

  /// Whether operations on this tensor are recorded. Only floating tensors can be asked to.
  bool requires_grad() const { return record_ != nullptr; }
  /// Makes this a leaf (`true`) or drops its record (`false`).
  Tensor& set_requires_grad(bool required);
  /// The gradient of a leaf, undefined before the first backward pass.
  Tensor grad() const;
  const std::shared_ptr<GradRecord>& record() const { return record_; }
  void set_record(std::shared_ptr<GradRecord> record) { record_ = std::move(record); }

 private:
  const Storage& storage() const {
    if (!storage_) [[unlikely]]
      fail(ErrorKind::invalid_argument,
           "an undefined tensor was used: it has no memory (a gradient before the backward pass?)");
    return *storage_;
  }
  std::byte* address() const { return static_cast<std::byte*>(storage().data()) + offset_; }

  std::shared_ptr<Storage> storage_;
  size_t offset_ = 0;  // bytes
  Shape shape_;
  DType dtype_ = DType::float32;
  std::shared_ptr<GradRecord> record_;
};

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape, Device device) {
  check(static_cast<int64_t>(values.size()) == shape.size(), "{} values cannot fill a tensor {}",
        values.size(), shape);
  Tensor result = empty(shape, kDTypeOf<T>, device);
  copy_bytes(result.location(), {Device::cpu, const_cast<T*>(values.data())}, result.bytes());
  return result;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  check(dtype_ == kDTypeOf<T>, "a {} tensor was read as {}", dtype_, kDTypeOf<T>);
  std::vector<T> values(static_cast<size_t>(size()));
  copy_bytes({Device::cpu, values.data()}, location(), bytes());
  return values;
}

template <class T>
T Tensor::item() const {
  check(size() == 1, "item() needs a tensor of one element, got {}", shape_);
  return to_vector<T>()[0];
}

}  // namespace strata
