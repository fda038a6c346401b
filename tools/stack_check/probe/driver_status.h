// What a result of the CUDA driver API is called and means.
#pragma once

#include "tools/stack_check/probe/driver_api.h"
#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe::driver {

/// In the library's own words where it has them; a broken one does not, and then in ours.
Status status_of(Result result, const Api& api);

}  // namespace strata::stack_probe::driver
