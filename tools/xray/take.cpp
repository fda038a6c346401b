#include "tools/xray/take.h"

#include <algorithm>
#include <memory>

#include "tensor/build_config.h"
#include "tensor/cuda/activity.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/span_timer.h"
#include "tensor/error.h"
#include "tensor/recording.h"
#include "tools/xray/join.h"
#include "tools/xray/record.h"
#include "tools/xray/sums.h"

namespace strata::xray {
namespace {

void wait_for(Device device) {
  if constexpr (kHasCuda)
    if (device == Device::gpu) cuda::synchronize();
}

/// Who looks below the framework: CUPTI, else events, else nobody.
class Below {
 public:
  Below(Device device, bool use_cupti, std::vector<std::string>& notes) {
    if (device != Device::gpu) return;
    if constexpr (kHasCuda) {
      try {
        check(use_cupti, "CUPTI: not asked for");
        auto recorder = std::make_unique<cuda::ActivityRecorder>();
        activities_ = recorder.get();
        listener_ = std::move(recorder);
      } catch (const Error& error) {
        notes.push_back(
            fmt::format("kernels: unknown ({}); the GPU's time is that between events "
                        "around each op",
                        error.what()));
        auto timer = std::make_unique<cuda::SpanTimer>();
        timer_ = timer.get();
        listener_ = std::move(timer);
      }
    }
  }

  TraceListener* listener() const { return listener_.get(); }
  bool sees_kernels() const { return activities_ != nullptr; }

  void take([[maybe_unused]] Record& record) {
    if constexpr (kHasCuda) {
      if (activities_) record.activities = activities_->take();
      if (timer_) record.between_events = timer_->take();
    }
  }
  int64_t dropped() const {
    if constexpr (kHasCuda) return activities_ ? activities_->dropped() : 0;
    return 0;
  }

 private:
  std::unique_ptr<TraceListener> listener_;  // one of the two
  cuda::ActivityRecorder* activities_ = nullptr;
  cuda::SpanTimer* timer_ = nullptr;
};

/// One step from an idle device to an idle device.
void run_and_wait(Device device, const std::function<void()>& step) {
  step();
  if (device == Device::cpu) return;
  const TraceScope trace(TraceLayer::phase, kWaitPhase);
  wait_for(device);
}

int64_t median(std::vector<int64_t> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int64_t untraced_time(Device device, const std::function<void()>& step, int steps) {
  std::vector<int64_t> times;
  for (int i = 0; i < steps; ++i) {
    const int64_t begin = trace_now();
    run_and_wait(device, step);
    times.push_back(trace_now() - begin);
  }
  return median(std::move(times));
}

/// Hands each record what happened in its time: one step is over before the next begins.
void share_out(const Record& all, std::vector<Record>& records) {
  for (Record& record : records) {
    for (const cuda::Activity& activity : all.activities)
      if (activity.begin >= record.begin && activity.begin < record.end)
        record.activities.push_back(activity);
    for (const TraceSpan& span : record.spans)
      if (const auto found = all.between_events.find(span.id); found != all.between_events.end())
        record.between_events.insert(*found);
  }
}

/// The step of median length. What is below is asked after the last one: each time costs the next
/// step some hundred microseconds.
Record traced_step(Device device, const std::function<void()>& step, const Effort& effort,
                   Below& below) {
  std::vector<Record> records;
  for (int i = 0; i < effort.warm_up + effort.traced; ++i) {
    SpanRecorder spans(below.listener());
    Record record;
    {
      const TraceListening listening(spans);
      record.begin = trace_now();
      run_and_wait(device, step);
      record.end = trace_now();
    }
    record.spans = std::move(spans.spans);
    record.launches = std::move(spans.launches);
    if (i >= effort.warm_up) records.push_back(std::move(record));
  }
  Record all;
  below.take(all);
  share_out(all, records);
  std::ranges::sort(records, {}, [](const Record& r) { return r.end - r.begin; });
  return std::move(records[records.size() / 2]);
}

Roofline measure_roofline(Device device, Precision precision) {
  const bool in_fp32 = device == Device::cpu && precision == Precision::tf32;
  return {.ceilings = bench::measure_rates(device),
          .precision = in_fp32 ? Precision::fp32 : precision};
}

View take_eager(nn::TrainingStep& step, const Effort& effort, Below& below, const Xray& xray) {
  const Device device = step.device();
  View view = join(traced_step(
                       device, [&] { step.run(); }, effort, below),
                   xray.roofline);
  view.name = "eager";
  view.description =
      device == Device::gpu ? "one step, queued kernel by kernel, then waited for" : "one step";
  return view;
}

View take_captured(nn::TrainingStep& step, const Effort& effort, Below& below, const Xray& xray) {
  // Events of a timer would become nodes of the graph.
  SpanRecorder while_recording(below.sees_kernels() ? below.listener() : nullptr);
  std::unique_ptr<Recording> graph;
  {
    const TraceListening listening(while_recording);
    graph = std::make_unique<Recording>(step.device(), [&] { step.queue(); });
  }
  Record of_recording;
  below.take(of_recording);  // calls made while recording are no part of a step
  const auto launch = [&] {
    const TraceScope trace(TraceLayer::phase, "launch the graph");
    graph->launch();
    step.count(1);
  };
  Record record = traced_step(step.device(), launch, effort, below);
  // Without kernels there is nothing to hang under the ops.
  if (below.sees_kernels()) record.recording = std::move(while_recording.spans);
  record.launches = std::move(while_recording.launches);
  View view = join(record, xray.roofline);
  view.name = "captured";
  view.description = fmt::format(
      "one launch of the step as a CUDA graph of {} nodes, then waited for", graph->nodes());
  return view;
}

/// Before CUPTI is there: the time of a replay without anybody looking.
int64_t untraced_replay(nn::TrainingStep& step, int steps) {
  const Recording graph(step.device(), [&] { step.queue(); });
  const auto launch = [&] {
    graph.launch();
    step.count(1);
  };
  return untraced_time(step.device(), launch, steps);
}

}  // namespace

Xray take(nn::TrainingStep& step, const TakeOptions& options) {
  const Device device = step.device();
  const bool captured = options.captured && device == Device::gpu;
  Xray xray;
  const int64_t eager_untraced = untraced_time(
      device, [&] { step.run(); }, options.effort.untraced);
  const int64_t captured_untraced = captured ? untraced_replay(step, options.effort.untraced) : 0;
  if (options.roofline) xray.roofline = measure_roofline(device, options.precision);

  Below below(device, options.use_cupti, xray.notes);
  xray.views.push_back(take_eager(step, options.effort, below, xray));
  xray.views.back().untraced = eager_untraced;
  if (captured) {
    if (!below.sees_kernels())
      xray.notes.push_back("the captured step: without CUPTI only its launch is seen");
    xray.views.push_back(take_captured(step, options.effort, below, xray));
    xray.views.back().untraced = captured_untraced;
  }
  if (below.dropped() > 0)
    xray.notes.push_back(fmt::format("CUPTI had no room for {} records", below.dropped()));
  return xray;
}

}  // namespace strata::xray
