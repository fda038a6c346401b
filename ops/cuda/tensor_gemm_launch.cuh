// Launching tensor_gemm.cuh: the plan for the GPU at hand, its shared memory and its clusters.
#pragma once

#include <bit>

#include "ops/cuda/tensor_gemm.cuh"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {

/// What plans and launches may count on, asked once.
const TensorLimits& tensor_limits();

template <TensorTile kTile, class Product>
void launch_tensor_gemm(const char* name, const TensorGemmPlan& plan, TensorLoop loop,
                        const TensorOperand<typename Product::ElementA>& a,
                        const TensorOperand<typename Product::ElementB>& b,
                        const TensorOutput<typename Product::ElementC>& output) {
  const auto kernel = tensor_gemm_kernel<kTile, Product>;
  using Shared = TensorShared<kTile, Product>;
  static const bool allowed = [&] {
    STRATA_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     tensor_limits().shared_bytes));
    return true;
  }();
  static_cast<void>(allowed);
  loop.stages = stages_of(plan, Shared::kStageBytes, tensor_limits());
  const LaunchShape shape{.grid = static_cast<unsigned>(plan.blocks),
                          .block = static_cast<unsigned>(size_of(kTile).threads()),
                          .shared_bytes = static_cast<size_t>(Shared::bytes(loop.stages)),
                          .cluster = plan.splits};
  launch_in_turn(name, kernel, shape, a, b, output, loop);
}

/// Queues C (m, n) = A (m, k) B (k, n) as one kernel. `settled_b`: see TensorLoop.
template <class Product>
void run_tensor_gemm(const char* name, TensorExtents extents,
                     const TensorOperand<typename Product::ElementA>& a,
                     const TensorOperand<typename Product::ElementB>& b,
                     const TensorOutput<typename Product::ElementC>& output, bool settled_b) {
  if (extents.m == 0 || extents.n == 0) return;
  extents.masked = Product::kMasked;
  const TensorGemmPlan plan = plan_tensor_gemm(name, extents, tensor_limits());
  const TensorLoop loop{.m = static_cast<int>(extents.m),
                        .n = static_cast<int>(extents.n),
                        .k = static_cast<int>(extents.k),
                        .tiles_n = FastDivide(plan.tiles_n),
                        .steps = plan.steps,
                        .log2_splits = std::countr_zero(static_cast<unsigned>(plan.splits)),
                        .stages = 0,
                        .vectors_a = a.takes_vectors(),
                        .vectors_b = b.takes_vectors(),
                        .vectors_c = output.takes_vectors(),
                        .settled_b = settled_b};
  switch (plan.tile) {
    case TensorTile::small:
      return launch_tensor_gemm<TensorTile::small, Product>(name, plan, loop, a, b, output);
    case TensorTile::medium:
      return launch_tensor_gemm<TensorTile::medium, Product>(name, plan, loop, a, b, output);
    case TensorTile::large:
      return launch_tensor_gemm<TensorTile::large, Product>(name, plan, loop, a, b, output);
  }
}

}  // namespace strata::cuda
