// Vectors of numbers as GCC and Clang know them: the compilation at hand maps them to the registers
// that it has, several to a vector where those are short.
#pragma once

#include <cstdint>

namespace strata::cpu {

template <class T, int kLanes>
struct VectorOf {
  using Type __attribute__((vector_size(kLanes * sizeof(T)))) = T;
  using InMemory __attribute__((vector_size(kLanes * sizeof(T)), aligned(alignof(T)), may_alias)) =
      T;
};
template <class T, int kLanes>
using Vector = typename VectorOf<T, kLanes>::Type;

/// From and to any address that suits a T.
template <int kLanes, class T>
[[gnu::always_inline]] inline Vector<T, kLanes> load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T, kLanes>::InMemory*>(from);
}
template <class T, class V>
[[gnu::always_inline]] inline void store(T* to, const V& vector) {
  *reinterpret_cast<typename VectorOf<T, sizeof(V) / sizeof(T)>::InMemory*>(to) = vector;
}

}  // namespace strata::cpu
