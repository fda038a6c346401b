// The only way to fail: one exception type, whose kind decides the exit code of a program.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace strata {

enum class ErrorKind {
  invalid_argument,  // an op or a layer was called with something it cannot take
  usage,             // a flag or an output path of a program is wrong
  data,              // a data set is missing, damaged or does not fit the model
  device,            // a device or a library of the stack cannot be used
  out_of_memory,     // a device has not enough memory left
  diverged,          // training produced a number that is not finite
};

/// The message is one line that names the op, file, flag or library and says what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

#ifdef __CUDACC__  // nvcc's front end cannot evaluate {fmt}'s compile-time check of a format
template <class...>
using Format = fmt::string_view;
#else
template <class... Args>
using Format = fmt::format_string<Args...>;
#endif

template <class... Args>
[[noreturn]] void fail(ErrorKind kind, Format<Args...> format, Args&&... args) {
  throw Error(kind, fmt::vformat(format, fmt::make_format_args(args...)));
}

/// Throws `invalid_argument` unless `condition` holds. The message is formatted only on failure.
template <class... Args>
void check(bool condition, Format<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(ErrorKind::invalid_argument, format, std::forward<Args>(args)...);
}

}  // namespace strata
