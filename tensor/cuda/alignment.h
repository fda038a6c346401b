// How well device pointers are aligned, which the libraries choose kernels by.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace strata::cuda {

/// The widest load in bytes, 16 or a float's 4, that every pointer allows. The pool's blocks are
/// aligned to more; a view may start anywhere. Null pointers count as aligned.
inline int64_t common_alignment(std::initializer_list<const void*> pointers) {
  for (const void* pointer : pointers)
    if (reinterpret_cast<std::uintptr_t>(pointer) % 16 != 0) return sizeof(float);
  return 16;
}

}  // namespace strata::cuda
