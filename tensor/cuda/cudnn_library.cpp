#include "tensor/cuda/cudnn_library.h"

#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/error.h"

namespace strata::cuda {
namespace {

bool loaded = false;

std::string version_text(size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace

CudnnLibrary::CudnnLibrary() : SharedLibrary("cuDNN", "libcudnn.so." STRATA_TEXT(CUDNN_MAJOR)) {
  const size_t version = cudnnGetVersion();
  if (version / 10000 != CUDNN_MAJOR)
    fail(ErrorKind::device, "cuDNN: {} is version {}, this program needs version {}", path(),
         version_text(version), CUDNN_MAJOR);
  loaded = true;
}

const CudnnLibrary& cudnn_library() {
  static const CudnnLibrary& library = *new CudnnLibrary;
  return library;
}

cudnnHandle_t cudnn_handle() {
  static Stream set = nullptr;
  const Stream now = stream();  // also: the context must be there first
  static const cudnnHandle_t handle = [] {
    cudnnHandle_t created = nullptr;
    STRATA_CUDNN(cudnn_library().cudnnCreate(&created));
    return created;
  }();
  if (now != set) STRATA_CUDNN(cudnn_library().cudnnSetStream(handle, now));
  set = now;
  return handle;
}

void check_cudnn(cudnnStatus_t status, const char* expression, std::source_location where) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  char words[512] = "";
  cudnn_library().cudnnGetLastErrorString(words, sizeof words);
  fail(ErrorKind::device, "cuDNN: {} returned {} at {}:{} {}", expression,
       cudnn_library().cudnnGetErrorString(status), where.file_name(), where.line(), words);
}

const std::optional<std::string>& why_no_cudnn() {
  static const std::optional<std::string> reason = []() -> std::optional<std::string> {
    try {
      cudnn_library();
      return std::nullopt;
    } catch (const Error& error) {
      return error.what();
    }
  }();
  return reason;
}

std::optional<LoadedLibrary> loaded_cudnn() {
  if (!loaded) return std::nullopt;
  return LoadedLibrary{version_text(cudnn_library().cudnnGetVersion()), cudnn_library().path()};
}

}  // namespace strata::cuda
