// Whether a function declared by hand can be called in place of a library's own.
#pragma once

#include <type_traits>

namespace strata::test {

/// Passed the same way: both pointers, or numbers of one size.
template <class A, class B>
constexpr bool kSamePassing = std::is_pointer_v<A> == std::is_pointer_v<B> &&
                              sizeof(A) == sizeof(B);

template <class A, class B>
constexpr bool kSameShape = false;
template <class R, class... P, class S, class... Q>
constexpr bool kSameShape<R (*)(P...), S (*)(Q...)> = [] {
  if constexpr (sizeof...(P) != sizeof...(Q))
    return false;
  else
    return kSamePassing<R, S> && (kSamePassing<P, Q> && ...);
}();

static_assert(kSameShape<int (*)(long*, int), unsigned (*)(void*, int)>);
static_assert(!kSameShape<int (*)(long), int (*)(int)>);
static_assert(!kSameShape<int (*)(long), int (*)(long*)>);
static_assert(!kSameShape<int (*)(long), int (*)(long, long)>);

}  // namespace strata::test
