// NCCL: which file, a communicator over all GPUs, a sum over them, and a copy from one to another.
#include <fmt/format.h>

#include <memory>

#include "tools/stack_check/probe/cuda/device_block.h"
#include "tools/stack_check/probe/cuda/nccl_api.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

using Blocks = std::vector<std::unique_ptr<DeviceBlock>>;

bool select(Reporter& report, int gpu) {
  return report.call("cudaSetDevice", [&] { return gpu::select(gpu); });
}

/// Small whole numbers, whose sums are exact in any order.
std::vector<float> numbers_of(int gpu, size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 97 + 3 * gpu);
  return values;
}

size_t differences(const std::vector<float>& a, const std::vector<float>& b) {
  size_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

class AllReduce {
 public:
  AllReduce(Reporter& report, const NcclApi& nccl, std::vector<NcclCommunicator> communicators)
      : report_(report), nccl_(nccl), communicators_(std::move(communicators)) {}

  /// A block on each GPU, filled by `values_of(gpu)`.
  template <class ValuesOf>
  bool allocate(ValuesOf values_of) {
    for (int gpu = 0; gpu < gpus(); ++gpu) {
      report_.set_gpu(gpu);
      if (!select(report_, gpu)) return false;
      blocks_.push_back(std::make_unique<DeviceBlock>(report_, values_of(gpu)));
      if (!*blocks_.back()) return false;
    }
    report_.set_gpu({});
    return true;
  }

  /// The sum over all GPUs in place, each step reported; waits for it.
  bool run(size_t count) {
    if (!nccl_.call(report_, nccl_.group_start)) return false;
    for (int gpu = 0; gpu < gpus(); ++gpu) {
      report_.set_gpu(gpu);
      void* const block = blocks_[gpu]->address();
      if (!select(report_, gpu) ||
          !nccl_.call(report_, nccl_.all_reduce, block, block, count, kNcclFloat32, kNcclSum,
                      communicators_[gpu], nullptr))
        return false;
    }
    report_.set_gpu({});
    return nccl_.call(report_, nccl_.group_end) && wait();
  }

  /// Elements that are not the sum.
  bool check(size_t count, size_t& wrong) const {
    std::vector<float> expected(count), actual(count);
    for (int gpu = 0; gpu < gpus(); ++gpu) {
      const std::vector<float> part = numbers_of(gpu, count);
      for (size_t i = 0; i < count; ++i) expected[i] += part[i];
    }
    wrong = 0;
    for (const auto& block : blocks_) {
      if (!block->read(actual)) return false;
      wrong += differences(actual, expected);
    }
    return true;
  }

  /// Seconds of one sum, on the first GPU's clock; 0 if it failed.
  double time(size_t count) {
    if (!select(report_, 0)) return 0;
    return measure(report_, [&] {
      nccl_.group_start();
      for (int gpu = 0; gpu < gpus(); ++gpu) {
        void* const block = blocks_[gpu]->address();
        nccl_.all_reduce(block, block, count, kNcclFloat32, kNcclSum, communicators_[gpu], nullptr);
      }
      nccl_.group_end();
    });
  }

 private:
  int gpus() const { return static_cast<int>(communicators_.size()); }

  bool wait() {
    for (int gpu = 0; gpu < gpus(); ++gpu) {
      report_.set_gpu(gpu);
      if (!select(report_, gpu) || !report_.call("cudaDeviceSynchronize", gpu::synchronize))
        return false;
    }
    report_.set_gpu({});
    return true;
  }

  Reporter& report_;
  const NcclApi& nccl_;
  std::vector<NcclCommunicator> communicators_;
  Blocks blocks_;
};

bool check_sum(Reporter& report, const NcclApi& nccl,
               const std::vector<NcclCommunicator>& communicators) {
  constexpr size_t kCount = 1000003;
  AllReduce reduce(report, nccl, communicators);
  size_t wrong = 0;
  const bool done = reduce.allocate([](int gpu) { return numbers_of(gpu, kCount); }) &&
                    reduce.run(kCount) && reduce.check(kCount, wrong);
  if (done) report.facts({{"sum_wrong", wrong}});
  return done;
}

/// The rate of each link: of n GPUs' sum, 2 (n - 1) / n of the data passes over it.
void measure_sum(Reporter& report, const NcclApi& nccl,
                 const std::vector<NcclCommunicator>& communicators) {
  constexpr size_t kCount = size_t{1} << 26;
  const double gpus = static_cast<double>(communicators.size());
  AllReduce reduce(report, nccl, communicators);
  // Zeros: the sums of many rounds in place must not overflow.
  if (!reduce.allocate([](int) { return std::vector<float>(kCount); }) || !reduce.run(kCount))
    return;
  if (const double seconds = reduce.time(kCount); seconds > 0)
    report.facts(
        {{"all_reduce_gb_s", 1e-9 * kCount * sizeof(float) / seconds * 2 * (gpus - 1) / gpus}});
}

/// Lets two GPUs reach each other's memory, if they can; the fact `peer_access`.
bool connect(Reporter& report, int gpu, int peer) {
  bool possible = false;
  const std::string name = fmt::format("cudaDeviceEnablePeerAccess(gpu {} to gpu {})", gpu, peer);
  if (!select(report, gpu) || !report.call(name, [&] { return gpu::reach_peer(peer, possible); }))
    return false;
  report.facts({{"peer_access", possible}});
  return true;
}

/// From GPU 0 to GPU 1 and back: what comes back is what went.
void check_peer_copy(Reporter& report) {
  constexpr size_t kCount = 1000003, kBytes = kCount * sizeof(float);
  const std::vector<float> values = test_values(kCount, 5);
  std::vector<float> returned(kCount);
  if (!connect(report, 1, 0) || !connect(report, 0, 1)) return;
  const DeviceBlock first(report, values), back(report, kBytes);
  if (!first || !back || !select(report, 1)) return;
  const DeviceBlock second(report, kBytes);
  const auto copy = [&](const char* name, const DeviceBlock& to, const DeviceBlock& from) {
    return report.call(name, [&] { return gpu::copy(to.address(), from.address(), kBytes); });
  };
  if (second && copy("cudaMemcpy(gpu 0 to gpu 1)", second, first) &&
      copy("cudaMemcpy(gpu 1 to gpu 0)", back, second) && back.read(returned))
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
  // Without NCCL: were GPUs unable to copy to each other, NCCL would only be the one to notice.
  check_peer_copy(report);
  std::vector<NcclCommunicator> communicators(gpus);
  if (!usable || !nccl.call(report, nccl.init_all, communicators.data(), gpus, nullptr)) return;
  if (check_sum(report, nccl, communicators) && !options.quick)
    measure_sum(report, nccl, communicators);
}

}  // namespace strata::stack_probe
