// A library of the stack that is opened on first use, so that the program starts without it and a
// missing one is an error with a name instead of a loader crash.
#pragma once

#include <string>
#include <string_view>

namespace strata {

class SharedLibrary {
 public:
  /// Opens `file` ("libcudnn.so.9") where the loader finds it. Throws `device` with the layer, the
  /// file, the loader's words and what else can be done. Never closed: libraries of this size keep
  /// threads and handlers.
  SharedLibrary(std::string_view layer, const char* file,
                std::string_view otherwise = "or use --kernels own");

  /// The file that the loader took.
  const std::string& path() const { return path_; }

 protected:
  /// Throws `device` when the library does not have the function.
  template <class Function>
  Function load(const char* name) const {
    return reinterpret_cast<Function>(find(name));
  }

 private:
  void* find(const char* name) const;

  std::string layer_;
  void* handle_;
  std::string path_;
};

/// What a run reports of a library that it loaded.
struct LoadedLibrary {
  std::string version;  // "9.14.0"
  std::string path;
};

}  // namespace strata

/// A member that holds the function `name` of the vendor's header, loaded when the table is made.
#define STRATA_LIBRARY_FUNCTION(name) \
  const decltype(&::name) name = load<decltype(&::name)>(#name);

/// The value of a macro as text: the major version in a file's name.
#define STRATA_TEXT(value) STRATA_TEXT_OF(value)
#define STRATA_TEXT_OF(value) #value
