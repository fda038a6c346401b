// The gradient check: backward() against central differences, in float64 on the CPU.
//
// For a function f of tensors, a random projection p makes the scalar L = sum(p * f(x)). Its
// derivative by every element is measured as (L(x + h) - L(x - h)) / 2h with h = 1e-4, whose error
// is about h^2 |f'''| + 1e-16 / h = 1e-8 for functions of size one. Inputs must stay away from
// kinks (relu at 0, ties of a maximum) by more than h.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace strata::test {

using Function = std::function<Tensor(const std::vector<Tensor>& inputs)>;

/// Compares the gradient of every floating input. Inputs of other dtypes are passed as they are.
testing::AssertionResult gradients_match(const Function& function, std::vector<Tensor> inputs,
                                         double tolerance = 1e-6);

}  // namespace strata::test
