// One kernel for rows and columns alike: the threads of a block are laid out over columns first, as
// many as are adjacent in memory, then along the reduced axis, so that loads are coalesced for any
// geometry (CUB's reductions know rows only). Long axes are cut into pieces of a size that depends
// on the shape alone, whose results are reduced the same way until one is left: no atomics, the
// same order in every run.
#include "ops/reduce_kernels.h"

#include <thrust/execution_policy.h>
#include <thrust/tabulate.h>

#include <algorithm>
#include <bit>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr int64_t kPerThread = 64;  // terms that a thread takes one after another

// One step from (outer, reduced, inner) to (outer, pieces, inner).
struct Pass {
  int64_t outer, reduced, inner;
  int64_t piece, pieces;
  // A block is `groups` pieces x `lanes` threads along a piece x `tile` columns; powers of two.
  int tile, lanes, groups;
  float divisor;
  const float* input;
  const int32_t* input_positions;  // null: an element's position is its index
  float* output;
  int32_t* output_positions;

  Pass(int64_t outer, int64_t reduced, int64_t inner)
      : outer(outer), reduced(reduced), inner(inner) {
    tile = static_cast<int>(std::bit_ceil<uint64_t>(std::min<int64_t>(inner, kWarp)));
    lanes = static_cast<int>(std::bit_ceil<uint64_t>(std::min<int64_t>(reduced, kThreads / tile)));
    groups = kThreads / (tile * lanes);
    piece = lanes * kPerThread;
    pieces = (reduced + piece - 1) / piece;
  }
  int64_t slots() const { return (outer * pieces + groups - 1) / groups; }
  __host__ __device__ int64_t tiles() const { return (inner + tile - 1) / tile; }
};

struct Sum {
  using Value = float;
  static __device__ Value first() { return 0; }
  static __device__ Value load(const Pass& pass, int64_t at, int64_t) { return pass.input[at]; }
  static __device__ Value combine(Value a, Value b) { return a + b; }
  static __device__ void store(const Pass& pass, int64_t at, Value value) {
    pass.output[at] = value / pass.divisor;
  }
};

struct Max {
  struct Value {  // Maximum without initialisers, as shared memory needs
    float value;
    int32_t position;
  };
  static __device__ Value first() { return {Maximum{}.value, Maximum{}.position}; }
  static __device__ Value load(const Pass& pass, int64_t at, int64_t index) {
    return {pass.input[at],
            pass.input_positions ? pass.input_positions[at] : static_cast<int32_t>(index)};
  }
  static __device__ Value combine(Value a, Value b) {
    return takes_over({b.value, b.position}, {a.value, a.position}) ? b : a;
  }
  static __device__ void store(const Pass& pass, int64_t at, Value best) {
    pass.output[at] = best.value;
    pass.output_positions[at] = best.position;
  }
};

template <class Kind>
__global__ void __launch_bounds__(kThreads) reduce_kernel(Pass pass) {
  __shared__ typename Kind::Value partial[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread / pass.tile % pass.lanes, group = thread / (pass.tile * pass.lanes);
  const int64_t column = blockIdx.x % pass.tiles() * pass.tile + thread % pass.tile;
  const int64_t slot = blockIdx.x / pass.tiles() * pass.groups + group;
  const bool active = slot < pass.outer * pass.pieces && column < pass.inner;

  typename Kind::Value total = Kind::first();
  if (active) {
    const int64_t begin = slot % pass.pieces * pass.piece;
    const int64_t end = min(begin + pass.piece, pass.reduced);
    const int64_t base = slot / pass.pieces * pass.reduced;
#pragma unroll 8
    for (int64_t r = begin + lane; r < end; r += pass.lanes)
      total = Kind::combine(total, Kind::load(pass, (base + r) * pass.inner + column, r));
  }
  partial[thread] = total;
  for (int half = pass.lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half)
      partial[thread] = Kind::combine(partial[thread], partial[thread + half * pass.tile]);
  }
  if (active && lane == 0) Kind::store(pass, slot * pass.inner + column, partial[thread]);
}

void launch(Reduction kind, const Pass& pass) {
  const int64_t blocks = pass.slots() * pass.tiles();
  check(blocks <= INT32_MAX, "a reduction needs {} blocks, more than a GPU's grid has", blocks);
  const auto grid = static_cast<unsigned>(blocks);
  if (kind == Reduction::max)
    reduce_kernel<Max><<<grid, kThreads, 0, stream()>>>(pass);
  else
    reduce_kernel<Sum><<<grid, kThreads, 0, stream()>>>(pass);
  check_launch("reduce_kernel");
}

struct SpreadGradient {
  int64_t reduced, inner;
  float divisor;
  const float* grad_output;
  const int32_t* positions;  // null unless the gradient goes to one position

  template <class Index>
  __device__ float at(Index flat) const {
    const Index row = flat / static_cast<Index>(inner);
    const Index outer = row / static_cast<Index>(reduced);
    const int64_t from = static_cast<int64_t>(outer) * inner + (flat - row * inner);
    if (positions && positions[from] != static_cast<int64_t>(row - outer * reduced)) return 0;
    return grad_output[from] / divisor;
  }
  __device__ float operator()(int64_t flat) const {
    // 32-bit divisions are several times faster.
    return flat <= UINT32_MAX && inner <= UINT32_MAX && reduced <= UINT32_MAX
               ? at(static_cast<uint32_t>(flat))
               : at(static_cast<uint64_t>(flat));
  }
};

}  // namespace

void reduce(Reduction kind, const ReduceGeometry& geometry, const Tensor& input, Tensor& output,
            Tensor& positions) {
  const MemoryScope scope(MemoryUse::workspace);
  Tensor values = input, places;
  int64_t reduced = geometry.reduced;
  for (bool last = false; !last;) {
    Pass pass(geometry.outer, reduced, geometry.inner);
    last = pass.pieces == 1;
    const Shape shape{pass.outer, pass.pieces, pass.inner};
    Tensor next = last ? output : Tensor::empty(shape, DType::float32, Device::gpu);
    Tensor next_places;
    if (kind == Reduction::max)
      next_places = last ? positions : Tensor::empty(shape, DType::int32, Device::gpu);
    pass.divisor = last && kind == Reduction::mean ? static_cast<float>(geometry.reduced) : 1.0f;
    pass.input = values.data<float>();
    pass.input_positions = places.defined() ? places.data<int32_t>() : nullptr;
    pass.output = next.data<float>();
    pass.output_positions = next_places.defined() ? next_places.data<int32_t>() : nullptr;
    launch(kind, pass);
    values = next;
    places = next_places;
    reduced = pass.pieces;
  }
}

void reduce_backward(Reduction kind, const ReduceGeometry& geometry, const Tensor& positions,
                     const Tensor& grad_output, Tensor& grad_input) {
  float* result = grad_input.data<float>();
  const SpreadGradient spread{geometry.reduced, geometry.inner,
                              kind == Reduction::mean ? static_cast<float>(geometry.reduced) : 1.0f,
                              grad_output.data<float>(),
                              kind == Reduction::max ? positions.data<int32_t>() : nullptr};
  thrust::tabulate(thrust::cuda::par_nosync.on(stream()), result, result + grad_input.size(),
                   spread);
  check_launch("reduce_backward");
}

}  // namespace strata::cuda
