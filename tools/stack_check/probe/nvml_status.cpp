#include "tools/stack_check/probe/nvml_status.h"

#include <algorithm>
#include <array>

namespace strata::stack_probe::nvml {
namespace {

struct Known {
  Result result;
  const char* name;
};
constexpr std::array kKnown = {Known{1, "NVML_ERROR_UNINITIALIZED"},
                               Known{2, "NVML_ERROR_INVALID_ARGUMENT"},
                               Known{kNotSupported, "NVML_ERROR_NOT_SUPPORTED"},
                               Known{4, "NVML_ERROR_NO_PERMISSION"},
                               Known{kNotFound, "NVML_ERROR_NOT_FOUND"},
                               Known{7, "NVML_ERROR_INSUFFICIENT_SIZE"},
                               Known{9, "NVML_ERROR_DRIVER_NOT_LOADED"},
                               Known{10, "NVML_ERROR_TIMEOUT"},
                               Known{11, "NVML_ERROR_IRQ_ISSUE"},
                               Known{12, "NVML_ERROR_LIBRARY_NOT_FOUND"},
                               Known{13, "NVML_ERROR_FUNCTION_NOT_FOUND"},
                               Known{15, "NVML_ERROR_GPU_IS_LOST"},
                               Known{16, "NVML_ERROR_RESET_REQUIRED"},
                               Known{17, "NVML_ERROR_OPERATING_SYSTEM"},
                               Known{18, "NVML_ERROR_LIB_RM_VERSION_MISMATCH"},
                               Known{999, "NVML_ERROR_UNKNOWN"}};

}  // namespace

Status status_of(Result result, const Api& api) {
  Status status{.code = result};
  if (result == 0) return status;
  const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const Known& entry) { return entry.result == result; });
  if (known != kKnown.end()) status.name = known->name;
  const char* words = api.nvmlErrorString ? api.nvmlErrorString(result) : nullptr;
  if (words) status.words = words;
  return status;
}

}  // namespace strata::stack_probe::nvml
