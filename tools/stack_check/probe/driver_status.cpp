#include "tools/stack_check/probe/driver_status.h"

#include <algorithm>
#include <array>

namespace strata::stack_probe::driver {
namespace {

struct Known {
  Result result;
  const char* name;
  const char* words;
};

constexpr std::array kKnown = {
    Known{1, "CUDA_ERROR_INVALID_VALUE", "an argument is out of range"},
    Known{2, "CUDA_ERROR_OUT_OF_MEMORY", "not enough memory"},
    Known{3, "CUDA_ERROR_NOT_INITIALIZED", "the driver could not be initialized"},
    Known{34, "CUDA_ERROR_STUB_LIBRARY", "this is the toolkit's stub, not a driver"},
    Known{35, "CUDA_ERROR_INSUFFICIENT_DRIVER", "the driver is older than the program needs"},
    Known{46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the GPU is busy or unavailable"},
    Known{100, "CUDA_ERROR_NO_DEVICE", "no GPU was found"},
    Known{101, "CUDA_ERROR_INVALID_DEVICE", "there is no GPU of this number"},
    Known{209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "the program has no code for this GPU"},
    Known{214, "CUDA_ERROR_ECC_UNCORRECTABLE", "the GPU's memory had an error beyond repair"},
    Known{221, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND", "the driver's PTX compiler was not found"},
    Known{222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the PTX is newer than the driver"},
    Known{802, "CUDA_ERROR_SYSTEM_NOT_READY", "the system is not ready yet"},
    Known{803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
          "the driver's library and kernel module are of different versions"},
    Known{804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
          "forward compatibility does not support this GPU"},
    Known{999, "CUDA_ERROR_UNKNOWN", "unknown error"}};

using Describe = Result (*)(Result, const char**);

std::string text_of(Describe describe, Result result) {
  const char* text = nullptr;
  return describe && describe(result, &text) == 0 && text ? text : "";
}

}  // namespace

Status status_of(Result result, const Api& api) {
  Status status{.code = result};
  if (result == 0) return status;
  const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const Known& entry) { return entry.result == result; });
  status.name = text_of(api.cuGetErrorName, result);
  status.words = text_of(api.cuGetErrorString, result);
  if (known != kKnown.end() && status.name.empty()) status.name = known->name;
  if (known != kKnown.end() && status.words.empty()) status.words = known->words;
  return status;
}

}  // namespace strata::stack_probe::driver
