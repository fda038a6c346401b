#include "ops/binary_kernels.h"

#include <thrust/execution_policy.h>
#include <thrust/tabulate.h>
#include <thrust/transform.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

template <class Functor>
struct Elementwise {
  __device__ float operator()(float a, float b) const { return Functor::apply(a, b); }
};

template <class Functor>
struct Broadcast {
  StridedWalk<2> walk;
  const float* a;
  const float* b;
  __device__ float operator()(int64_t flat) const {
    const auto offsets = walk.at(flat);
    return Functor::apply(a[offsets.of[0]], b[offsets.of[1]]);
  }
};

}  // namespace

void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& output) {
  if (output.size() == 0) return;
  const StridedWalk<2> walk = broadcast_walk(a, b, output.shape());
  const float* a_data = a.data<float>();
  const float* b_data = b.data<float>();
  float* result = output.data<float>();
  const auto policy = thrust::cuda::par_nosync.on(stream());
  visit_binary(op, [&]<class Functor>(Functor) {
    if (walk.contiguous(0) && walk.contiguous(1))
      thrust::transform(policy, a_data, a_data + walk.size(), b_data, result,
                        Elementwise<Functor>());
    else
      thrust::tabulate(policy, result, result + walk.size(),
                       Broadcast<Functor>{walk, a_data, b_data});
    check_launch("binary");
  });
}

}  // namespace strata::cuda
