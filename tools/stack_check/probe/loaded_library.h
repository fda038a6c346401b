// Libraries opened by name, each step a reported call, and what the loader made of the name.
// Nothing is ever closed: libraries of this kind keep threads and handlers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe {

class LoadedLibrary {
 public:
  enum class Need { required, optional };

  /// The call "dlopen(NAME)"; a failure has the loader's words. That an optional library is not
  /// there is reported with these words too, but as code 0.
  LoadedLibrary(Reporter& report, std::string name, Need need = Need::required);

  explicit operator bool() const { return handle_ != nullptr; }

  /// The call "dlsym(NAME)"; false and null if the library has no such function.
  template <class Function>
  bool load(Function*& function, const char* name) {
    return find(name, reinterpret_cast<void*&>(function));
  }
  /// Not a call of the report: null if the library has no such function, as an older one may.
  template <class Function>
  void load_if_there(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(find_quietly(name));
  }
  bool has(const char* name) const { return find_quietly(name) != nullptr; }

  /// {name, path, target}: what the loader opened; `version` is for the caller to add.
  nlohmann::json describe() const;

 private:
  bool find(const char* name, void*& function);
  void* find_quietly(const char* name) const;

  Reporter& report_;
  std::string name_;
  void* handle_ = nullptr;
};

/// {name, path, target} of every library mapped into this process whose file name starts with
/// `prefix` ("libcudnn"), each file once.
nlohmann::json mapped_libraries(std::string_view prefix);

}  // namespace strata::stack_probe
