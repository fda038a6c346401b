#include "tensor/storage.h"

#include <algorithm>
#include <cstring>

#include "tensor/build_config.h"
#include "tensor/cuda/memory.h"
#include "tensor/error.h"

namespace strata {
namespace {

template <class T>
void fill_on_cpu(void* address, double value, int64_t count) {
  std::fill_n(static_cast<T*>(address), count, static_cast<T>(value));
}

template <class T>
void add_on_cpu(T* into, const T* value, int64_t count) {
  for (int64_t i = 0; i < count; ++i) into[i] += value[i];
}

}  // namespace

void copy_bytes(Location to, Location from, size_t bytes) {
  if (bytes == 0) return;
  if (to.device == Device::cpu && from.device == Device::cpu) {
    std::memcpy(to.address, from.address, bytes);
    return;
  }
  if constexpr (kHasCuda) {
    if (to.device == Device::cpu)
      cuda::copy_to_host(to.address, from.address, bytes);
    else if (from.device == Device::cpu)
      cuda::copy_to_device(to.address, from.address, bytes);
    else
      cuda::copy_on_device(to.address, from.address, bytes);
  }
}

void fill_zero(Location where, size_t bytes) {
  if (bytes == 0) return;
  if (where.device == Device::cpu) {
    std::memset(where.address, 0, bytes);
    return;
  }
  if constexpr (kHasCuda) cuda::fill_zero(where.address, bytes);
}

void fill(Location where, DType dtype, double value, int64_t count) {
  if (where.device == Device::cpu) {
    switch (dtype) {
      case DType::float32:
        return fill_on_cpu<float>(where.address, value, count);
      case DType::float64:
        return fill_on_cpu<double>(where.address, value, count);
      case DType::int32:
        return fill_on_cpu<int32_t>(where.address, value, count);
      case DType::uint8:
        return fill_on_cpu<uint8_t>(where.address, value, count);
      case DType::bfloat16:
        std::fill_n(static_cast<BFloat16*>(where.address), count,
                    BFloat16::nearest(static_cast<float>(value)));
        return;
    }
  }
  if constexpr (kHasCuda) {
    check(dtype == DType::float32, "fill on the gpu takes float32, got {}", dtype);
    cuda::fill(static_cast<float*>(where.address), static_cast<float>(value), count);
  }
}

void add_into(Location into, Location value, DType dtype, int64_t count) {
  if (into.device == Device::cpu) {
    return visit_floating(dtype, [&]<class T>(T) {
      add_on_cpu(static_cast<T*>(into.address), static_cast<const T*>(value.address), count);
    });
  }
  check(dtype == DType::float32, "add_into on the gpu takes float32, got {}", dtype);
  if constexpr (kHasCuda)
    cuda::add_into(static_cast<float*>(into.address), static_cast<const float*>(value.address),
                   count);
}

}  // namespace strata
