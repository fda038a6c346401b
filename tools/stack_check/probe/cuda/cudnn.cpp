// cuDNN: which files, whether they fit together, a handle, and a convolution against the CPU.
#include <filesystem>

#include "tools/stack_check/probe/cuda/cudnn_api.h"
#include "tools/stack_check/probe/cuda/cudnn_files.h"
#include "tools/stack_check/probe/cuda/device_block.h"
#include "tools/stack_check/probe/cuda/nvrtc.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

/// A number that the library tells of itself, as the fact `fact`.
template <class Function>
void report_number(Reporter& report, const Function& function, const char* fact) {
  size_t number = 0;
  report.call(function.name, [&] {
    number = function();
    return Status{};
  });
  report.facts({{fact, number}});
}

void report_versions(Reporter& report, const CudnnApi& cudnn, LoadedLibrary& library) {
  report_number(report, cudnn.cudnnGetVersion, "version");
  report_number(report, cudnn.cudnnGetCudartVersion, "cudart_version");
  LibraryFunction<decltype(::cudnnGetMaxDeviceVersion)> get{"cudnnGetMaxDeviceVersion"};
  library.load_if_there(get.pointer, get.name);
  if (get.pointer) report_number(report, get, "max_device");
}

void report_libraries(Reporter& report) {
  report.facts({{"libraries", mapped_libraries("libcudnn")}});
}

/// What loads each sublibrary and asks whether it belongs to the others. A later one may be sound
/// where an earlier one is not.
void check_sublibraries(Reporter& report, const CudnnApi& cudnn) {
  cudnn.call(report, cudnn.cudnnGraphVersionCheck);
  cudnn.call(report, cudnn.cudnnOpsVersionCheck);
  cudnn.call(report, cudnn.cudnnCnnVersionCheck);
  cudnn.call(report, cudnn.cudnnAdvVersionCheck);
  report_libraries(report);
}

void use(Reporter& report, const CudnnApi& cudnn, const ProbeOptions& options) {
  const size_t memory_free = report_free_memory(report);
  cudnnHandle_t handle = nullptr;  // the process ends with the probe: nothing is destroyed
  if (!cudnn.call(report, cudnn.cudnnCreate, &handle)) return;
  check_convolution(report, cudnn, handle);
  report_libraries(report);
  if (!options.quick) measure_convolution(report, cudnn, handle, memory_free);
}

}  // namespace

Status CudnnApi::failed(cudnnStatus_t code) const {
  char detail[1024] = "";
  cudnnGetLastErrorString(detail, sizeof detail - 1);
  const char* const name = cudnnGetErrorString(code);
  return {code, name ? name : "", detail};
}

void probe_cudnn(Reporter& report, const ProbeOptions& options) {
  report.facts({{"built", CUDNN_VERSION}});
  LoadedLibrary library(report, "libcudnn.so." STRATA_PROBE_TEXT(CUDNN_MAJOR));
  if (library) {
    const nlohmann::json described = library.describe();
    const std::filesystem::path file = described.value("path", "");
    report.facts(
        {{"library", described}, {"sublibraries", list_sublibraries(file.parent_path().string())}});
    CudnnApi cudnn;
    if (cudnn.load(library)) {
      report_versions(report, cudnn, library);
      check_sublibraries(report, cudnn);
      use(report, cudnn, options);
    }
    report_libraries(report);
  }
  // Last: opened earlier, NVRTC would be there for cuDNN where cuDNN by itself does not find it.
  check_nvrtc(report);
}

}  // namespace strata::stack_probe
