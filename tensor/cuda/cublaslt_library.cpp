#include "tensor/cuda/cublaslt_library.h"

#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/error.h"

namespace strata::cuda {
namespace {

bool loaded = false;

}  // namespace

CublasLtLibrary::CublasLtLibrary()
    : SharedLibrary("cuBLASLt", "libcublasLt.so." STRATA_TEXT(CUBLAS_VER_MAJOR)) {
  loaded = true;
}

const CublasLtLibrary& cublaslt_library() {
  static const CublasLtLibrary& library = *new CublasLtLibrary;
  return library;
}

cublasLtHandle_t cublaslt_handle() {
  static const cublasLtHandle_t handle = [] {
    stream();  // the context must be there first
    cublasLtHandle_t created = nullptr;
    STRATA_CUBLASLT(cublaslt_library().cublasLtCreate(&created));
    return created;
  }();
  return handle;
}

void check_cublaslt(cublasStatus_t status, const char* expression, std::source_location where) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail(ErrorKind::device, "cuBLASLt: {} returned {} at {}:{}", expression,
       cublaslt_library().cublasLtGetStatusString(status), where.file_name(), where.line());
}

const std::optional<std::string>& why_no_cublaslt() {
  static const std::optional<std::string> reason = []() -> std::optional<std::string> {
    try {
      cublaslt_library();
      return std::nullopt;
    } catch (const Error& error) {
      return error.what();
    }
  }();
  return reason;
}

std::optional<LoadedLibrary> loaded_cublaslt() {
  if (!loaded) return std::nullopt;
  const size_t version = cublaslt_library().cublasLtGetVersion();
  return LoadedLibrary{
      fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100),
      cublaslt_library().path()};
}

}  // namespace strata::cuda
