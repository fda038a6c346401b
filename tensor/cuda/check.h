// Turns the status codes of CUDA into errors that name the expression, its place and CUDA's words.
#pragma once

#include <cuda_runtime_api.h>

#include <source_location>

#include "tensor/error.h"
#include "tensor/trace.h"

namespace strata::cuda {

[[noreturn]] inline void fail_cuda(cudaError_t status, const char* expression,
                                   std::source_location where) {
  fail(ErrorKind::device, "CUDA: {} returned {} ({}) at {}:{}", expression,
       cudaGetErrorName(status), cudaGetErrorString(status), where.file_name(), where.line());
}

inline void check_cuda(cudaError_t status, const char* expression,
                       std::source_location where = std::source_location::current()) {
  if (status != cudaSuccess) [[unlikely]]
    fail_cuda(status, expression, where);
}

/// After every kernel launch: a wrong configuration is reported here, by name. What a kernel does
/// wrong while it runs is reported by the next call that waits for it.
inline void check_launch(const char* kernel,
                         std::source_location where = std::source_location::current()) {
  check_cuda(cudaGetLastError(), kernel, where);
  trace_launch(kernel, where);
}

}  // namespace strata::cuda

#define STRATA_CUDA(expression) ::strata::cuda::check_cuda((expression), #expression)
