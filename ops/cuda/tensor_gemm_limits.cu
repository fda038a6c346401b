#include "ops/cuda/tensor_gemm_launch.cuh"

namespace strata::cuda {
namespace {

// Stands for a kernel that takes all shared memory of a multiprocessor.
__global__ void cluster_kernel() {}

int clusters_at_once(int blocks) {
  if (blocks == 1) return device_info().multiprocessors;
  if (!compiled_for(90)) return 0;
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(blocks), 1, 1};
  const cudaLaunchConfig_t config{
      .gridDim = static_cast<unsigned>(blocks),
      .blockDim = 32,
      .dynamicSmemBytes = static_cast<size_t>(device_info().shared_bytes),
      .stream = nullptr,
      .attrs = &cluster,
      .numAttrs = 1};
  int count = 0;
  if (cudaOccupancyMaxActiveClusters(&count, cluster_kernel, &config) == cudaSuccess) return count;
  cudaGetLastError();  // a GPU, or a part of one, that has no room for such clusters
  return 0;
}

TensorLimits find_limits() {
  const int bytes = device_info().shared_bytes;
  STRATA_CUDA(
      cudaFuncSetAttribute(cluster_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  TensorLimits limits{.shared_bytes = bytes, .clusters = {}};
  for (size_t i = 0; i < limits.clusters.size(); ++i) limits.clusters[i] = clusters_at_once(1 << i);
  return limits;
}

}  // namespace

const TensorLimits& tensor_limits() {
  static const TensorLimits limits = find_limits();
  return limits;
}

}  // namespace strata::cuda
