// The functions of cuBLAS that the probe calls.
#pragma once

#include <cublas_v2.h>

#include "tools/stack_check/probe/cuda/library_api.h"

namespace strata::stack_probe {

#define STRATA_CUBLAS_FUNCTIONS(each)                                           \
  each(cublasGetStatusName) each(cublasGetStatusString) each(cublasGetProperty) \
      each(cublasCreate_v2) each(cublasSetMathMode) each(cublasSgemm_v2)

/// The C function; the header adds a C++ one of the same name.
using GemmEx = cublasStatus_t(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int,
                              const void*, const void*, cudaDataType, int, const void*,
                              cudaDataType, int, const void*, void*, cudaDataType, int,
                              cublasComputeType_t, cublasGemmAlgo_t);

struct CublasApi {
  STRATA_CUBLAS_FUNCTIONS(STRATA_PROBE_FUNCTION)
  LibraryFunction<GemmEx> cublasGemmEx{"cublasGemmEx"};

  bool load(LoadedLibrary& library) {
    return cublasGemmEx.load(library) STRATA_CUBLAS_FUNCTIONS(STRATA_PROBE_LOAD);
  }

  /// The call of `function`, reported under its name.
  template <class Function, class... Arguments>
  bool call(Reporter& report, const Function& function, Arguments... arguments) const {
    return report.call(function.name, [&]() -> Status {
      const cublasStatus_t code = function(arguments...);
      if (code == CUBLAS_STATUS_SUCCESS) return {};
      return {code, cublasGetStatusName(code), cublasGetStatusString(code)};
    });
  }
};

/// fp32_tflops and bf16_tflops, as far as the card has the memory and the type.
void measure_products(Reporter& report, const CublasApi& cublas, cublasHandle_t handle,
                      size_t memory_free);

}  // namespace strata::stack_probe
