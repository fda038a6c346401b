// The driver's module on disk, for the running kernel and for others, and what DKMS said of it.
#pragma once

#include <string>
#include <vector>

#include "tools/stack_check/system/root.h"

namespace strata::stack_check {

/// Whether nvidia.ko, compressed or not, lies anywhere below `folder`.
bool has_nvidia_module(const Root& root, const std::string& folder);

/// What DKMS left of its newest build of the driver that failed: the line that says why.
std::string read_dkms_error(const Root& root);

}  // namespace strata::stack_check
