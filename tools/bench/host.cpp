#include "tools/bench/host.h"

#include <benchmark/benchmark.h>

#include <functional>

#include "ops/unary.h"
#include "tensor/autograd.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"
#include "tensor/recording.h"

namespace strata::bench {
namespace {

void wait_for(Device device) {
  if constexpr (kHasCuda)
    if (device == Device::gpu) cuda::synchronize();
}

/// Runs `call` as often as Google Benchmark asks. The GPU's queue is emptied, off the clock, before
/// it is so full that the host would wait.
void repeat(benchmark::State& state, Device device, const std::function<void()>& call) {
  constexpr int kQueueable = 256;
  int queued = 0;
  for (auto _ : state) {
    call();
    if (device == Device::cpu || ++queued < kQueueable) continue;
    state.PauseTiming();
    wait_for(device);
    queued = 0;
    state.ResumeTiming();
  }
  wait_for(device);
}

void pool_round_trip(benchmark::State& state, Device device) {
  Pool& pool = pool_of(device);
  repeat(state, device,
         [&] { pool.release(pool.allocate(size_t{1} << 20, MemoryUse::workspace)); });
}

void empty_tensor(benchmark::State& state, Device device) {
  repeat(state, device, [&] {
    benchmark::DoNotOptimize(Tensor::empty({16, 16}, DType::float32, device));
  });
}

void small_op(benchmark::State& state, Device device) {
  const Tensor input = Tensor::full({1}, 0.5, DType::float32, device);
  repeat(state, device, [&] { benchmark::DoNotOptimize(ops::relu(input)); });
}

void recorded_op(benchmark::State& state, Device device) {
  const Tensor input = Tensor::full({1}, 0.5, DType::float32, device).set_requires_grad(true);
  repeat(state, device, [&] { benchmark::DoNotOptimize(ops::relu(input)); });
}

void forward_and_backward(benchmark::State& state, Device device) {
  const Tensor input = Tensor::full({1}, 0.5, DType::float32, device).set_requires_grad(true);
  repeat(state, device, [&] {
    zero_grad(input);
    backward(ops::relu(input));
  });
}

/// A graph of as many small ops as a training step has kernels.
void graph_launch(benchmark::State& state, Device device) {
  constexpr int kOps = 12;
  const Tensor input = Tensor::full({1}, 0.5, DType::float32, device);
  const auto work = [&] {
    for (int i = 0; i < kOps; ++i) ops::relu(input);
  };
  work();
  const Recording graph(device, work);
  repeat(state, device, [&] { graph.launch(); });
}

class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto iterations = static_cast<double>(run.iterations);
      results.push_back({.name = run.benchmark_name(),
                         .seconds = run.real_accumulated_time / iterations,
                         .cpu_seconds = run.cpu_accumulated_time / iterations,
                         .iterations = run.iterations});
    }
  }
  std::vector<HostResult> results;
};

}  // namespace

std::vector<HostResult> measure_host(Device device, double seconds) {
  const auto add = [&](const char* name, void (*measured)(benchmark::State&, Device)) {
    benchmark::RegisterBenchmark(name, measured, device)->MinTime(seconds);
  };
  add("take 1 MiB from the pool and return it", pool_round_trip);
  add("make an empty tensor", empty_tensor);
  add("relu of one number", small_op);
  add("relu of one number, recorded", recorded_op);
  add("relu of one number and its backward pass", forward_and_backward);
  if (device == Device::gpu) add("launch a graph of 12 kernels", graph_launch);
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::ClearRegisteredBenchmarks();
  for (HostResult& result : collector.results)
    result.name = result.name.substr(0, result.name.find("/min_time"));
  return collector.results;
}

}  // namespace strata::bench
