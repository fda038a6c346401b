// What the CUDA runtime knows of a GPU's memory: how much is free, and which peer may reach it.
#include <cuda_runtime_api.h>

#include "tools/stack_check/probe/gpu.h"

namespace strata::stack_probe::gpu {
namespace {

Status status_of(cudaError_t code) {
  if (code == cudaSuccess) return {};
  cudaGetLastError();  // or the next launch would seem to have failed
  return {.code = code, .name = cudaGetErrorName(code), .words = cudaGetErrorString(code)};
}

}  // namespace

Status memory(size_t& free, size_t& total) {
  return status_of(cudaMemGetInfo(&free, &total));
}

Status reach_peer(int peer, bool& possible) {
  int device = 0, answer = 0;
  possible = false;
  if (const cudaError_t code = cudaGetDevice(&device)) return status_of(code);
  if (const cudaError_t code = cudaDeviceCanAccessPeer(&answer, device, peer))
    return status_of(code);
  if (!answer) return {};
  const cudaError_t code = cudaDeviceEnablePeerAccess(peer, 0);
  possible = code == cudaSuccess || code == cudaErrorPeerAccessAlreadyEnabled;
  const Status status = status_of(code);
  return possible ? Status{} : status;
}

Status copy_to_peer(void* to, int to_device, const void* from, int from_device, size_t bytes) {
  const cudaError_t code = cudaMemcpyPeer(to, to_device, from, from_device, bytes);
  return status_of(code != cudaSuccess ? code : cudaDeviceSynchronize());
}

}  // namespace strata::stack_probe::gpu
