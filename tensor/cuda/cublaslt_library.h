// cuBLASLt's functions that Strata calls, typed from its own header and loaded on first use.
#pragma once

#include <cublasLt.h>

#include <source_location>

#include "tensor/shared_library.h"

namespace strata::cuda {

struct CublasLtLibrary : SharedLibrary {
  CublasLtLibrary();

  STRATA_LIBRARY_FUNCTION(cublasLtGetVersion)
  STRATA_LIBRARY_FUNCTION(cublasLtGetStatusString)
  STRATA_LIBRARY_FUNCTION(cublasLtCreate)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmul)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulAlgoGetHeuristic)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulAlgoConfigGetAttribute)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulDescCreate)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulDescDestroy)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulDescSetAttribute)
  STRATA_LIBRARY_FUNCTION(cublasLtMatrixLayoutCreate)
  STRATA_LIBRARY_FUNCTION(cublasLtMatrixLayoutDestroy)
  STRATA_LIBRARY_FUNCTION(cublasLtMatrixLayoutSetAttribute)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulPreferenceCreate)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulPreferenceDestroy)
  STRATA_LIBRARY_FUNCTION(cublasLtMatmulPreferenceSetAttribute)
};

/// Loads cuBLASLt on the first call. Throws `device` when it cannot be loaded.
const CublasLtLibrary& cublaslt_library();

/// The handle of this process. Throws `device`.
cublasLtHandle_t cublaslt_handle();

void check_cublaslt(cublasStatus_t status, const char* expression,
                    std::source_location where = std::source_location::current());

}  // namespace strata::cuda

#define STRATA_CUBLASLT(expression) ::strata::cuda::check_cublaslt((expression), #expression)
