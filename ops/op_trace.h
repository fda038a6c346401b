// What the x-ray learns of an op as it passes through dispatch.h: which function runs it, on what
// shapes, and how much it has to do.
//
// FLOP are those of the products in the op's formula, a multiply-add counting as two. Bytes are the
// compulsory traffic: every tensor that the function is given read or written once. An op that
// knows better says so on the span around (TraceSpan::bytes).
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/trace.h"

namespace strata {

/// Gathers what is worth telling from the arguments of a kernels' function, by what they can do:
/// a geometry has to_string() and flops(), a struct of tensors has tensors(), one of gradients has
/// products(), the number of products that it takes.
class OpTrace {
 public:
  template <class... Arguments>
  OpTrace(std::string_view name, std::source_location where, const Arguments&... arguments)
      : scope_(TraceLayer::rung, name, where) {
    if (!scope_) [[likely]]
      return;
    (look_at(arguments), ...);
    finish();
  }

 private:
  template <class Argument>
  void look_at(const Argument& argument) {
    if constexpr (std::is_same_v<Argument, Tensor>) {
      tensors_.push_back(argument);
    } else {
      if constexpr (requires { argument.to_string(); }) detail_ = argument.to_string();
      if constexpr (requires { argument.flops(); }) flops_ = argument.flops();
      if constexpr (requires { argument.products(); }) products_ = argument.products();
      if constexpr (requires { argument.tensors(); })
        for (const Tensor& tensor : argument.tensors()) tensors_.push_back(tensor);
    }
  }
  void finish();

  TraceScope scope_;
  std::vector<Tensor> tensors_;
  std::string detail_;
  double flops_ = 0;
  int products_ = 1;
};

}  // namespace strata
