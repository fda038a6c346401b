#include "ops/unary_kernels.h"

#include <thrust/execution_policy.h>
#include <thrust/transform.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

template <class Functor>
struct Forward {
  __device__ float operator()(float x) const { return Functor::forward(x); }
};

template <class Functor>
struct Backward {
  __device__ float operator()(float saved, float grad) const {
    return Functor::backward(saved, grad);
  }
};

}  // namespace

void unary(Unary op, const Tensor& input, Tensor& output) {
  const float* x = input.data<float>();
  visit_unary(op, [&]<class Functor>(Functor) {
    thrust::transform(thrust::cuda::par_nosync.on(stream()), x, x + input.size(),
                      output.data<float>(), Forward<Functor>());
    check_launch("unary");
  });
}

void unary_backward(Unary op, const Tensor& saved, const Tensor& grad_output, Tensor& grad_input) {
  const float* g = grad_output.data<float>();
  const float* s = saved.defined() ? saved.data<float>() : g;
  visit_unary(op, [&]<class Functor>(Functor) {
    thrust::transform(thrust::cuda::par_nosync.on(stream()), s, s + grad_output.size(), g,
                      grad_input.data<float>(), Backward<Functor>());
    check_launch("unary_backward");
  });
}

}  // namespace strata::cuda
