// The plan that runs an operation: the tuner's choice among cuDNN's engines.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "ops/cudnn/engines.h"
#include "tensor/tensor.h"

namespace strata::cudnn {

/// An operation about to run for the first time.
struct FirstRun {
  const std::string& what;  // with its shapes, for messages and as the tuner's key
  const Descriptor& operation;
  std::span<const Binding> bindings;
  const Tensor& result;                     // what the operation writes, one of the bindings
  const std::function<void()>& own_kernel;  // writes it too, and rightly
  PlanRules rules;
};

/// The engine that the tuner recalls or measures; the shipped default otherwise. An engine whose
/// result differs from our own kernel's by more than rounding does is not taken, however fast: some
/// are wrong. Throws `device` as find_plan() does.
Plan choose_plan(const FirstRun& run);

}  // namespace strata::cudnn
