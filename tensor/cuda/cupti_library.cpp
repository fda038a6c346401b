#include "tensor/cuda/cupti_library.h"

#include <cuda_runtime_api.h>

#include "tensor/error.h"

namespace strata::cuda {

CuptiLibrary::CuptiLibrary(const std::string& file)
    : SharedLibrary("CUPTI", file.c_str(), "or do without it; the toolkit brings it (cuda-cupti)") {
  uint32_t version = 0;
  cuptiGetVersion(&version);
  if (version != CUPTI_API_VERSION)
    fail(ErrorKind::device,
         "CUPTI: {} is version {}, this program was built with {}, and the records' layout changes "
         "with it",
         path(), version, CUPTI_API_VERSION);
}

const CuptiLibrary& cupti_library() {
  static const CuptiLibrary& library =
      *new CuptiLibrary(fmt::format("libcupti.so.{}", CUDART_VERSION / 1000));
  return library;
}

void check_cupti(CUptiResult status, const char* expression, std::source_location where) {
  if (status == CUPTI_SUCCESS) [[likely]]
    return;
  const char* words = nullptr;
  cupti_library().cuptiGetResultString(status, &words);
  fail(ErrorKind::device, "CUPTI: {} returned {} ({}) at {}:{}", expression,
       static_cast<int>(status), words ? words : "no words", where.file_name(), where.line());
}

}  // namespace strata::cuda
