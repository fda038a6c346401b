// NCCL: which file, a communicator over all GPUs, a sum over them, and a copy from one to another.
#include "tools/stack_check/probe/cuda/device_block.h"
#include "tools/stack_check/probe/cuda/nccl_api.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

size_t differences(const std::vector<float>& a, const std::vector<float>& b) {
  size_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

/// Lets two GPUs reach each other's memory, if they can; the fact `peer_access`.
bool connect(Reporter& report, int gpu, int peer) {
  bool possible = false;
  report.set_gpu(gpu);
  if (!select_gpu(report, gpu) ||
      !report.call("cudaDeviceEnablePeerAccess", [&] { return gpu::reach_peer(peer, possible); }))
    return false;
  report.facts({{"peer_access", possible}});
  return true;
}

bool copy_to_peer(Reporter& report, const DeviceBlock& to, int to_gpu, const DeviceBlock& from,
                  int from_gpu, size_t bytes) {
  report.set_gpu(from_gpu);
  return report.call("cudaMemcpyPeer", [&] {
    return gpu::copy_to_peer(to.address(), to_gpu, from.address(), from_gpu, bytes);
  });
}

/// From GPU 0 to GPU 1 and back: what comes back is what went.
void check_peer_copy(Reporter& report) {
  constexpr size_t kCount = 1000003, kBytes = kCount * sizeof(float);
  const std::vector<float> values = test_values(kCount, 5);
  std::vector<float> returned(kCount);
  if (!connect(report, 1, 0)) return;
  const DeviceBlock second(report, kBytes);
  if (!second || !connect(report, 0, 1)) return;
  const DeviceBlock first(report, values), back(report, kBytes);
  if (first && back && copy_to_peer(report, second, 1, first, 0, kBytes) &&
      copy_to_peer(report, back, 0, second, 1, kBytes) && back.read(returned))
    report.facts({{"peer_copy_wrong", differences(returned, values)}});
}

}  // namespace

Status NcclApi::failed(int code) const {
  constexpr const char* kNames[] = {
      "ncclSuccess",         "ncclUnhandledCudaError", "ncclSystemError", "ncclInternalError",
      "ncclInvalidArgument", "ncclInvalidUsage",       "ncclRemoteError", "ncclInProgress"};
  const bool known = code >= 0 && code < static_cast<int>(std::size(kNames));
  const char* const words = get_error_string(code);
  return {code, known ? kNames[code] : "", words ? words : ""};
}

void probe_nccl(Reporter& report, const ProbeOptions& options) {
  LoadedLibrary library(report, "libnccl.so.2");
  if (library)
    report.facts({{"library", library.describe()},
                  {"libraries", mapped_libraries("libnccl")},
                  {"has_register", library.has("ncclCommRegister")}});
  NcclApi nccl;
  int version = 0, gpus = 0;
  const bool usable = library && nccl.load(library);
  if (usable && nccl.call(report, nccl.get_version, &version)) report.facts({{"version", version}});
  if (!report.call("cudaGetDeviceCount", [&] { return gpu::device_count(gpus); })) return;
  report.facts({{"gpus", gpus}});
  if (gpus < 2) return;
  std::vector<NcclCommunicator> communicators(gpus);
  if (usable && nccl.call(report, nccl.init_all, communicators.data(), gpus, nullptr) &&
      check_sum(report, nccl, communicators) && !options.quick)
    measure_sum(report, nccl, communicators);
  // Last, since it changes what the GPUs may do; and whatever became of NCCL.
  check_peer_copy(report);
  report.set_gpu({});
}

}  // namespace strata::stack_probe
