// The functions of NVIDIA's driver that level (b) calls, typed from CUDA's own header and looked up
// in the library when the program runs: it starts on a machine without a driver, too.
#pragma once

#include <cuda.h>

#include <source_location>

#include "tensor/shared_library.h"
#include "tensor/error.h"

namespace strata::one_convolution {

/// A suffix like _v2 is the newest version of a function. cuda.h has macros that add it, so that
/// `driver.cuMemAlloc(...)` calls cuMemAlloc_v2.
struct DriverLibrary : SharedLibrary {
  DriverLibrary() : SharedLibrary("driver", "libcuda.so.1", "or try levels a, f and g") {}

  STRATA_LIBRARY_FUNCTION(cuGetErrorString)
  STRATA_LIBRARY_FUNCTION(cuInit)
  STRATA_LIBRARY_FUNCTION(cuDeviceGet)
  STRATA_LIBRARY_FUNCTION(cuDevicePrimaryCtxRetain)
  STRATA_LIBRARY_FUNCTION(cuDevicePrimaryCtxRelease_v2)
  STRATA_LIBRARY_FUNCTION(cuCtxPushCurrent_v2)
  STRATA_LIBRARY_FUNCTION(cuCtxPopCurrent_v2)
  STRATA_LIBRARY_FUNCTION(cuCtxSynchronize)
  STRATA_LIBRARY_FUNCTION(cuModuleLoadData)
  STRATA_LIBRARY_FUNCTION(cuModuleUnload)
  STRATA_LIBRARY_FUNCTION(cuModuleGetFunction)
  STRATA_LIBRARY_FUNCTION(cuMemAlloc_v2)
  STRATA_LIBRARY_FUNCTION(cuMemFree_v2)
  STRATA_LIBRARY_FUNCTION(cuMemcpyHtoD_v2)
  STRATA_LIBRARY_FUNCTION(cuMemcpyDtoH_v2)
  STRATA_LIBRARY_FUNCTION(cuLaunchKernel)

  /// Throws `device`, with the driver's words and the place of the call, unless it succeeded.
  void must(CUresult status, std::source_location where = std::source_location::current()) const {
    if (status == CUDA_SUCCESS) return;
    const char* words = nullptr;
    cuGetErrorString(status, &words);
    fail(ErrorKind::device, "driver: error {} ({}) at {}:{}", static_cast<int>(status),
         words ? words : "unknown to this driver", where.file_name(), where.line());
  }
};

}  // namespace strata::one_convolution
