// A vendor's function with its name: what is called is what is reported.
#pragma once

#include <utility>

#include "tools/stack_check/probe/loaded_library.h"

namespace strata::stack_probe {

template <class Function>
struct LibraryFunction {
  const char* name;
  Function* pointer = nullptr;

  bool load(LoadedLibrary& library) { return library.load(pointer, name); }

  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    return pointer(std::forward<Arguments>(arguments)...);
  }
};

/// A call with its arguments in it, to be made as the function `name`.
template <class Function>
struct LibraryCall {
  const char* name;
  Function function;

  auto operator()() const { return function(); }
};
template <class Function>
LibraryCall(const char*, Function) -> LibraryCall<Function>;

}  // namespace strata::stack_probe

/// A member for the function `name` of the vendor's header, and the loading of it.
#define STRATA_PROBE_FUNCTION(name) LibraryFunction<decltype(::name)> name{#name};
#define STRATA_PROBE_LOAD(name) &&name.load(library)
/// The value of a macro as text: the major version in a file's name.
#define STRATA_PROBE_TEXT(value) STRATA_PROBE_TEXT_OF(value)
#define STRATA_PROBE_TEXT_OF(value) #value
