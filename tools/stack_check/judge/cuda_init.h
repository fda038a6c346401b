// What an error of cuInit means: its codes are few, and most of their causes lie below libcuda.
#pragma once

#include <string>

#include "tools/stack_check/judge/judge.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {

/// Adds the finding for a call of libcuda that failed before any GPU was touched.
void blame_init(const Call& call, const Evidence& evidence, Judgement& judgement);

/// Adds the finding for a libcuda that works but shows no GPU.
void blame_no_device(const std::string& saw, const Evidence& evidence, Judgement& judgement);

/// The values of 3-HIDDEN.
Values meaning_of(const std::string& variable, const VisibleDevices& parsed);

}  // namespace strata::stack_check
