// A fake libcublas.so, which multiplies on the host.
#include <cublas_v2.h>

#include "tests/stack_check/fakes/fake.h"
#include "tests/stack_check/fakes/fake_gpu.h"

extern "C" int cublasLtGetEnvironmentMode();  // of the cuBLASLt that the loader finds

#pragma weak fake_gpu_spend

namespace {

using namespace strata::fakes;

// Products above this size are for speed: nobody looks at what they give.
constexpr double kLargest = 1e7;
constexpr double kFp32PerSecond = 50e12, kBf16PerSecond = 700e12;

cublasStatus_t answer(const char* function) {
  return static_cast<cublasStatus_t>(fake_answer(function));
}

/// Lets the fake GPU work as long as an H100 would.
void spend(const char* kind, double products, double per_second) {
  if (fake_gpu_spend) fake_gpu_spend(2 * products / per_second * fake_slowness(kind));
}

}  // namespace

extern "C" {

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    default:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
  }
}

const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "the resource allocation failed";
    default:
      return "a fake failure";
  }
}

cublasStatus_t cublasGetProperty(libraryPropertyType type, int* value) {
  const int version = static_cast<int>(fake_number("FAKE_CUBLAS_VERSION", CUBLAS_VERSION));
  *value = type == MAJOR_VERSION   ? version / 10000
           : type == MINOR_VERSION ? version / 100 % 100
                                   : version % 100;
  return answer("cublasGetProperty");
}

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (const cublasStatus_t status = answer("cublasCreate_v2")) return status;
  *handle = reinterpret_cast<cublasHandle_t>(handle);
  return static_cast<cublasStatus_t>(cublasLtGetEnvironmentMode());
}

cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) {
  return answer("cublasSetMathMode");
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n,
                              int k, const float* alpha, const float* a, int lda, const float* b,
                              int ldb, const float*, float* c, int ldc) {
  if (const cublasStatus_t status = answer("cublasSgemm_v2")) return status;
  const double products = static_cast<double>(m) * n * k;
  spend("fp32", products, kFp32PerSecond);
  if (products > kLargest) return CUBLAS_STATUS_SUCCESS;
  for (int column = 0; column < n; ++column)
    for (int row = 0; row < m; ++row) {
      float sum = 0;
      for (int i = 0; i < k; ++i) sum += a[i * lda + row] * b[column * ldb + i];
      c[column * ldc + row] = *alpha * sum;
    }
  if (fake_wrong("cublasSgemm_v2")) c[0] += 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n,
                            int k, const void*, const void*, cudaDataType, int, const void*,
                            cudaDataType, int, const void*, void*, cudaDataType, int,
                            cublasComputeType_t, cublasGemmAlgo_t) {
  spend("bf16", static_cast<double>(m) * n * k, kBf16PerSecond);
  return answer("cublasGemmEx");
}

}  // extern "C"
