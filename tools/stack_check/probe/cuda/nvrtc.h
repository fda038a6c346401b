// NVRTC, with which cuDNN compiles some of its kernels when they are first needed.
#pragma once

#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe {

/// Opens it and compiles a kernel, which needs its second library, of built-in functions. The fact
/// `nvrtc` is there if it opens.
void check_nvrtc(Reporter& report);

}  // namespace strata::stack_probe
