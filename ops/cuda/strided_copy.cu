#include "ops/strided_copy_kernels.h"

#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

// Consecutive threads take consecutive elements of the walk's last axis: writes are coalesced for
// every user, reads for all but a permutation of the last axis.
template <class T>
struct CopyElement {
  CopyWalk walk;
  const T* source;
  T* destination;
  __device__ void operator()(int64_t flat) const {
    const auto offsets = walk.at(flat);
    destination[offsets.of[1]] = source[offsets.of[0]];
  }
};

}  // namespace

void strided_copy(const CopyWalk& walk, const Tensor& from, Tensor& to) {
  if (walk.size() == 0) return;
  visit_element_bits(from.dtype(), [&]<class T>(T) {
    const CopyElement<T> copy{walk, static_cast<const T*>(from.location().address),
                              static_cast<T*>(to.location().address)};
    thrust::for_each_n(thrust::cuda::par_nosync.on(stream()), thrust::counting_iterator<int64_t>(0),
                       walk.size(), copy);
    check_launch("strided_copy");
  });
}

}  // namespace strata::cuda
