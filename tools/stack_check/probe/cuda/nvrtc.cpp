#include "tools/stack_check/probe/cuda/nvrtc.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "tools/stack_check/probe/cuda/library_api.h"

namespace strata::stack_probe {
namespace {

// Declared here since NVRTC's header is a package of its own.
using NvrtcVersion = int(int* major, int* minor);
using NvrtcWords = const char*(int code);
using NvrtcCreate = int(void** program, const char* source, const char* name, int header_count,
                        const char* const* headers, const char* const* header_names);
using NvrtcCompile = int(void* program, int option_count, const char* const* options);

struct NvrtcApi {
  LibraryFunction<NvrtcVersion> version{"nvrtcVersion"};
  LibraryFunction<NvrtcWords> words{"nvrtcGetErrorString"};
  LibraryFunction<NvrtcCreate> create{"nvrtcCreateProgram"};
  LibraryFunction<NvrtcCompile> compile{"nvrtcCompileProgram"};

  bool load(LoadedLibrary& library) {
    return version.load(library) && words.load(library) && create.load(library) &&
           compile.load(library);
  }

  template <class Function, class... Arguments>
  bool call(Reporter& report, const Function& function, Arguments... arguments) const {
    return report.call(function.name, [&]() -> Status {
      const int code = function(arguments...);
      return code == 0 ? Status{} : Status{code, words(code), words(code)};
    });
  }
};

}  // namespace

void check_nvrtc(Reporter& report) {
  LoadedLibrary library(report, fmt::format("libnvrtc.so.{}", CUDART_VERSION / 1000));
  if (!library) return;
  nlohmann::json described = library.describe();
  report.facts({{"nvrtc", described}});
  NvrtcApi nvrtc;
  int major = 0, minor = 0;
  if (!nvrtc.load(library) || !nvrtc.call(report, nvrtc.version, &major, &minor)) return;
  described["version"] = fmt::format("{}.{}", major, minor);
  report.facts({{"nvrtc", described}});
  void* program = nullptr;
  const char* const source = "extern \"C\" __global__ void f(float* y) { y[threadIdx.x] += 1; }";
  if (nvrtc.call(report, nvrtc.create, &program, source, "f.cu", 0, nullptr, nullptr))
    nvrtc.call(report, nvrtc.compile, program, 0, nullptr);
}

}  // namespace strata::stack_probe
