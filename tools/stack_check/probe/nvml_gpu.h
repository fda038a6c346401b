// What NVML tells of one GPU.
#pragma once

#include "tools/stack_check/probe/loaded_library.h"
#include "tools/stack_check/probe/nvml_api.h"
#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe::nvml {

/// The functions that describe_gpu() uses, as far as the library has them.
void load_optional(const LoadedLibrary& library, Api& api);

/// Adds the facts of probe/README.md, each if the library and the card have it.
void describe_gpu(Reporter& report, const Api& api, Device device, nlohmann::json& gpu);

}  // namespace strata::stack_probe::nvml
