// The memory verbs of the GPU, in terms that need no CUDA header. All work is queued on the
// context's stream(); only the copy to the host waits for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace strata::cuda {

/// Null when the device has not enough memory; throws `device` when it cannot be used at all.
void* allocate(size_t bytes);
void release(void* block) noexcept;

/// Returns once the source may be changed: pageable host memory is staged by the driver.
void copy_to_device(void* destination, const void* source, size_t bytes);
/// Waits for the stream.
void copy_to_host(void* destination, const void* source, size_t bytes);
void copy_on_device(void* destination, const void* source, size_t bytes);
void fill_zero(void* destination, size_t bytes);
void fill(float* destination, float value, int64_t count);
/// into[i] += value[i]
void add_into(float* into, const float* value, int64_t count);

}  // namespace strata::cuda
