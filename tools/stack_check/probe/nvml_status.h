// What a result of NVML is called and means.
#pragma once

#include "tools/stack_check/probe/nvml_api.h"
#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe::nvml {

/// The words are the library's own.
Status status_of(Result result, const Api& api);

}  // namespace strata::stack_probe::nvml
