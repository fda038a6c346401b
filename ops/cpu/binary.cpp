#include "ops/binary_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

// Along a row an operand either advances by one element or stays: a loop for each case, so that
// each vectorises.
template <class Functor>
void apply_to_row(const float* a, bool a_moves, const float* b, bool b_moves, float* output,
                  int64_t count) {
  if (!a_moves) {
    for (int64_t i = 0; i < count; ++i) output[i] = Functor::apply(*a, b[i]);
  } else if (!b_moves) {
    for (int64_t i = 0; i < count; ++i) output[i] = Functor::apply(a[i], *b);
  } else {
    for (int64_t i = 0; i < count; ++i) output[i] = Functor::apply(a[i], b[i]);
  }
}

}  // namespace

void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& output) {
  const StridedWalk<2> walk = broadcast_walk(a, b, output.shape());
  const float* a_data = a.data<float>();
  const float* b_data = b.data<float>();
  float* result = output.data<float>();
  const bool a_moves = walk.last_stride(0) != 0, b_moves = walk.last_stride(1) != 0;
  visit_binary(op, [&]<class Functor>(Functor) {
    parallel_for(walk.size(), kGrain, [&](int64_t begin, int64_t end) {
      walk.for_each_row(begin, end, [&](int64_t flat, const auto& offsets, int64_t count) {
        apply_to_row<Functor>(a_data + offsets.of[0], a_moves, b_data + offsets.of[1], b_moves,
                              result + flat, count);
      });
    });
  });
}

}  // namespace strata::cpu
