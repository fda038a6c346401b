#include "ops/unary_kernels.h"

#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

}  // namespace

void unary(Unary op, const Tensor& input, Tensor& output) {
  const float* x = input.data<float>();
  float* y = output.data<float>();
  visit_unary(op, [&](auto functor) {
    parallel_for(input.size(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = functor.forward(x[i]);
    });
  });
}

void unary_backward(Unary op, const Tensor& saved, const Tensor& grad_output, Tensor& grad_input) {
  const float* g = grad_output.data<float>();
  const float* s = saved.defined() ? saved.data<float>() : g;
  float* result = grad_input.data<float>();
  visit_unary(op, [&](auto functor) {
    parallel_for(grad_output.size(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) result[i] = functor.backward(s[i], g[i]);
    });
  });
}

}  // namespace strata::cpu
