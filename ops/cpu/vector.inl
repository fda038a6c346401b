// Vectors of numbers as GCC and Clang know them. One that is longer than a register takes several.

template <class T, int kCount>
struct VectorOf {
  using Type __attribute__((vector_size(kCount * sizeof(T)))) = T;
  using InMemory __attribute__((vector_size(kCount * sizeof(T)), aligned(alignof(T)), may_alias)) =
      T;
};
template <class T, int kCount>
using Vector = typename VectorOf<T, kCount>::Type;

/// From and to any address that suits a T.
template <int kCount, class T>
[[gnu::always_inline]] inline Vector<T, kCount> load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T, kCount>::InMemory*>(from);
}
template <class T, class V>
[[gnu::always_inline]] inline void store(T* to, const V& vector) {
  *reinterpret_cast<typename VectorOf<T, sizeof(V) / sizeof(T)>::InMemory*>(to) = vector;
}
