// Code between STRATA_BEGIN_TARGET("instructions") and STRATA_END_TARGET is compiled for more of a
// processor's instructions than the baseline, and uses the widest vectors that they have. At file
// scope, after every header: those must not be compiled for more.
//
// Not by attributes of functions: GCC splits vectors that the baseline does not have before it
// inlines a function into one that has them.
#pragma once

#define STRATA_PRAGMA(text) _Pragma(#text)

#ifdef __clang__
#define STRATA_BEGIN_TARGET(instructions) \
  STRATA_PRAGMA(clang attribute push(__attribute__((target(instructions))), apply_to = function))
#define STRATA_END_TARGET STRATA_PRAGMA(clang attribute pop)
#else
#define STRATA_BEGIN_TARGET(instructions) \
  STRATA_PRAGMA(GCC push_options)         \
  STRATA_PRAGMA(GCC target(instructions, "prefer-vector-width=512"))
#define STRATA_END_TARGET STRATA_PRAGMA(GCC pop_options)
#endif
