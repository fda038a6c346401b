// A sum over all GPUs by NCCL: whether it is right, and how fast.
#include <memory>

#include "tools/stack_check/probe/cuda/device_block.h"
#include "tools/stack_check/probe/cuda/nccl_api.h"

namespace strata::stack_probe {
namespace {

using Blocks = std::vector<std::unique_ptr<DeviceBlock>>;

/// Small whole numbers, whose sums are exact in any order.
std::vector<float> numbers_of(int gpu, size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 97 + 3 * gpu);
  return values;
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
      if (!select_gpu(report_, gpu)) return false;
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
      if (!select_gpu(report_, gpu) ||
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
      for (size_t i = 0; i < count; ++i) wrong += actual[i] != expected[i];
    }
    return true;
  }

  /// Seconds of one sum, on the first GPU's clock; 0 if it failed.
  double time(size_t count) {
    if (!select_gpu(report_, 0)) return 0;
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
      if (!select_gpu(report_, gpu) || !report_.call("cudaDeviceSynchronize", gpu::synchronize))
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

}  // namespace

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

void measure_sum(Reporter& report, const NcclApi& nccl,
                 const std::vector<NcclCommunicator>& communicators) {
  constexpr size_t kMost = size_t{1} << 26, kLeast = size_t{1} << 16;
  const double gpus = static_cast<double>(communicators.size());
  if (!select_gpu(report, 0)) return;
  const size_t memory_free = report_free_memory(report);
  size_t count = kMost;
  while (count > kLeast && count * sizeof(float) > memory_free / 4) count /= 2;
  AllReduce reduce(report, nccl, communicators);
  // Zeros: the sums of many rounds in place must not overflow.
  if (!reduce.allocate([&](int) { return std::vector<float>(count); }) || !reduce.run(count))
    return;
  if (const double seconds = reduce.time(count); seconds > 0)
    report.facts(
        {{"all_reduce_gb_s", 1e-9 * count * sizeof(float) / seconds * 2 * (gpus - 1) / gpus}});
}

bool select_gpu(Reporter& report, int gpu) {
  return report.call("cudaSetDevice", [&] { return gpu::select(gpu); });
}

}  // namespace strata::stack_probe
