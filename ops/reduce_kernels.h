// The geometry of a reduction over adjacent axes, and the kernels' signatures. Any set of axes is a
// chain of these (ops/reduce.cpp).
#pragma once

#include "tensor/host_device.h"
#include "tensor/tensor.h"

namespace strata {

enum class Reduction { sum, mean, max };

/// The input seen as (outer, reduced, inner), the output as (outer, inner). inner = 1 reduces rows,
/// outer = 1 columns.
struct ReduceGeometry {
  int64_t outer = 1, reduced = 1, inner = 1;
};

/// The best value so far and where along the reduced axis it stands; starts as less than anything.
struct Maximum {
  float value = -__builtin_inff();
  int32_t position = INT32_MAX;
};

/// Whether `candidate` takes the place of `best`: NaN over numbers, then the greater value, then
/// the earlier position. A total order, so the order of comparisons does not matter.
STRATA_HOST_DEVICE inline bool takes_over(const Maximum& candidate, const Maximum& best) {
  const bool candidate_nan = candidate.value != candidate.value,
             best_nan = best.value != best.value;
  if (candidate_nan != best_nan) return candidate_nan;
  if (candidate.value > best.value) return true;
  return (candidate_nan || candidate.value == best.value) && candidate.position < best.position;
}

// No extent is 0. `positions` (int32, the output's size) receives where along the reduced axis the
// maximum stands; it is undefined for the other kinds.
#define STRATA_REDUCE_KERNELS                                                                      \
  void reduce(Reduction kind, const ReduceGeometry& geometry, const Tensor& input, Tensor& output, \
              Tensor& positions);                                                                  \
  void reduce_backward(Reduction kind, const ReduceGeometry& geometry, const Tensor& positions,    \
                       const Tensor& grad_output, Tensor& grad_input);
namespace reference {
STRATA_REDUCE_KERNELS
}
namespace cpu {
STRATA_REDUCE_KERNELS
}
namespace cuda {
STRATA_REDUCE_KERNELS
}
#undef STRATA_REDUCE_KERNELS

}  // namespace strata
