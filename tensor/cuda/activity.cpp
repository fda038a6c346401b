#include "tensor/cuda/activity.h"

#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>

#include "tensor/cuda/cupti_library.h"
#include "tensor/error.h"

namespace strata::cuda {

// CUPTI's callbacks carry no pointer of ours, and may come on a thread of its own.
struct ActivityRecorder::State {
  std::mutex mutex;
  std::vector<Activity> activities;
  std::map<uint32_t, int64_t> span_of_call;  // by correlation
  std::map<uint64_t, int64_t> span_of_graph_node;
  int64_t dropped = 0;
  CUpti_SubscriberHandle subscriber = nullptr;
  std::vector<CUpti_ActivityKind> enabled;

  void read(const CUpti_Activity& record);
  void remember_node(const CUpti_GraphData& data, bool cloned);
  void stop() noexcept;
};

namespace {

std::atomic<ActivityRecorder::State*> recording = nullptr;

constexpr size_t kBufferBytes = size_t{4} << 20;
constexpr CUpti_ExternalCorrelationKind kOurSpans = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;

void CUPTIAPI give_buffer(uint8_t** buffer, size_t* bytes, size_t* most_records) {
  *bytes = kBufferBytes;
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, kBufferBytes));
  *most_records = 0;  // as many as fit
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

/// "cudaLaunchKernelExC" of "cudaLaunchKernelExC_v11060" and of its twins for other default
/// streams.
std::string call_name(CUpti_CallbackDomain domain, uint32_t id) {
  const char* found = nullptr;
  if (cupti_library().cuptiGetCallbackName(domain, id, &found) != CUPTI_SUCCESS || !found)
    return fmt::format("call {}", id);
  std::string name = found;
  for (const std::string_view twin : {"_ptsz", "_ptds"})
    if (name.ends_with(twin)) name.resize(name.size() - twin.size());
  const size_t version = name.rfind("_v");
  const bool digits = version != std::string::npos && version + 2 < name.size() &&
                      std::all_of(name.begin() + static_cast<long>(version) + 2, name.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (digits) name.resize(version);
  return name;
}

/// A record as what its kind says that it is.
template <class Record>
const Record& as(const CUpti_Activity& record) {
  return reinterpret_cast<const Record&>(record);
}

int64_t time_of(uint64_t nanoseconds) {
  return static_cast<int64_t>(nanoseconds);
}

Activity call_of(const CUpti_ActivityAPI& record) {
  const bool runtime = record.kind == CUPTI_ACTIVITY_KIND_RUNTIME;
  return {.kind = runtime ? Activity::Kind::runtime_call : Activity::Kind::driver_call,
          .name = call_name(runtime ? CUPTI_CB_DOMAIN_RUNTIME_API : CUPTI_CB_DOMAIN_DRIVER_API,
                            record.cbid),
          .begin = time_of(record.start),
          .end = time_of(record.end),
          .correlation = record.correlationId};
}

Activity kernel_of(const CUpti_ActivityKernel10& record) {
  return {.kind = Activity::Kind::kernel,
          .name = demangled(record.name),
          .begin = time_of(record.start),
          .end = time_of(record.end),
          .correlation = record.correlationId,
          .stream = record.streamId,
          .graph_node = record.graphNodeId,
          .grid = {record.gridX, record.gridY, record.gridZ},
          .block = {record.blockX, record.blockY, record.blockZ},
          .cluster = static_cast<int>(record.clusterX * record.clusterY * record.clusterZ),
          .registers = record.registersPerThread,
          .static_shared_bytes = record.staticSharedMemory,
          .dynamic_shared_bytes = record.dynamicSharedMemory,
          .local_bytes = static_cast<int>(record.localMemoryPerThread)};
}

std::string copy_name(uint8_t kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
      return "copy from the host";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
      return "copy to the host";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD:
      return "copy on the device";
    default:
      return "copy";
  }
}

/// Of CUpti_ActivityMemcpy6 and CUpti_ActivityMemset4.
template <class Record>
Activity memory_work_of(const Record& record, Activity::Kind kind, std::string name) {
  return {.kind = kind,
          .name = std::move(name),
          .begin = time_of(record.start),
          .end = time_of(record.end),
          .correlation = record.correlationId,
          .stream = record.streamId,
          .graph_node = record.graphNodeId,
          .bytes = record.bytes};
}

void CUPTIAPI take_buffer(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t valid_bytes) {
  ActivityRecorder::State* const state = recording;
  CUpti_Activity* record = nullptr;
  while (state &&
         cupti_library().cuptiActivityGetNextRecord(buffer, valid_bytes, &record) == CUPTI_SUCCESS)
    state->read(*record);
  std::free(buffer);
}

void CUPTIAPI see_graph_node(void* state, CUpti_CallbackDomain, CUpti_CallbackId id,
                             const void* data) {
  const auto& resource = *static_cast<const CUpti_ResourceData*>(data);
  if (!resource.resourceDescriptor) return;
  static_cast<ActivityRecorder::State*>(state)->remember_node(
      *static_cast<const CUpti_GraphData*>(resource.resourceDescriptor),
      id == CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED);
}

void subscribe(ActivityRecorder::State& state) {
  const CUptiResult status =
      cupti_library().cuptiSubscribe(&state.subscriber, see_graph_node, &state);
  if (status == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED)
    fail(ErrorKind::device,
         "CUPTI: another profiler is at work in this process (Nsight, compute-sanitizer, a "
         "debugger), and there can be one only");
  check_cupti(status, "cuptiSubscribe");
  for (const CUpti_CallbackId id :
       {CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED, CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED})
    STRATA_CUPTI(
        cupti_library().cuptiEnableCallback(1, state.subscriber, CUPTI_CB_DOMAIN_RESOURCE, id));
}

}  // namespace

void ActivityRecorder::State::read(const CUpti_Activity& record) {
  const std::lock_guard lock(mutex);
  switch (record.kind) {
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: {
      const auto& tie = as<CUpti_ActivityExternalCorrelation>(record);
      if (tie.externalKind == kOurSpans)
        span_of_call[tie.correlationId] = static_cast<int64_t>(tie.externalId);
      break;
    }
    case CUPTI_ACTIVITY_KIND_RUNTIME:
    case CUPTI_ACTIVITY_KIND_DRIVER:
      activities.push_back(call_of(as<CUpti_ActivityAPI>(record)));
      break;
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      activities.push_back(kernel_of(as<CUpti_ActivityKernel10>(record)));
      break;
    case CUPTI_ACTIVITY_KIND_MEMCPY: {
      const auto& copy = as<CUpti_ActivityMemcpy6>(record);
      activities.push_back(memory_work_of(copy, Activity::Kind::copy, copy_name(copy.copyKind)));
      break;
    }
    case CUPTI_ACTIVITY_KIND_MEMSET:
      activities.push_back(
          memory_work_of(as<CUpti_ActivityMemset4>(record), Activity::Kind::fill, "fill"));
      break;
    default:
      break;
  }
}

// Recording a graph makes nodes, instantiating it clones them: the work that runs names the clones.
void ActivityRecorder::State::remember_node(const CUpti_GraphData& data, bool cloned) {
  uint64_t node = 0, original = 0;
  if (cupti_library().cuptiGetGraphNodeId(data.node, &node) != CUPTI_SUCCESS) return;
  const std::lock_guard lock(mutex);
  if (!cloned) {
    if (const TraceSpan* span = current_span()) span_of_graph_node[node] = span->id;
    return;
  }
  if (cupti_library().cuptiGetGraphNodeId(data.originalNode, &original) != CUPTI_SUCCESS) return;
  if (const auto found = span_of_graph_node.find(original); found != span_of_graph_node.end())
    span_of_graph_node[node] = found->second;
}

void ActivityRecorder::State::stop() noexcept {
  const CuptiLibrary& cupti = cupti_library();
  for (const CUpti_ActivityKind kind : enabled) cupti.cuptiActivityDisable(kind);
  cupti.cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  if (subscriber) cupti.cuptiUnsubscribe(subscriber);
  recording = nullptr;
}

ActivityRecorder::ActivityRecorder() : state_(std::make_unique<State>()) {
  check(!recording, "CUPTI: one recorder at a time");
  const CuptiLibrary& cupti = cupti_library();
  recording = state_.get();
  try {
    subscribe(*state_);
    // One clock for all layers.
    STRATA_CUPTI(cupti.cuptiActivityRegisterTimestampCallback(
        [] { return static_cast<uint64_t>(trace_now()); }));
    STRATA_CUPTI(cupti.cuptiActivityRegisterCallbacks(give_buffer, take_buffer));
    // The plain kind KERNEL would let one kernel run at a time.
    for (const CUpti_ActivityKind kind :
         {CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION, CUPTI_ACTIVITY_KIND_RUNTIME,
          CUPTI_ACTIVITY_KIND_DRIVER, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
          CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET}) {
      STRATA_CUPTI(cupti.cuptiActivityEnable(kind));
      state_->enabled.push_back(kind);
    }
  } catch (...) {
    state_->stop();
    throw;
  }
}

ActivityRecorder::~ActivityRecorder() {
  state_->stop();
}

void ActivityRecorder::opened(const TraceSpan& span) {
  cupti_library().cuptiActivityPushExternalCorrelationId(kOurSpans, static_cast<uint64_t>(span.id));
}

void ActivityRecorder::closed(const TraceSpan&) {
  uint64_t last = 0;
  cupti_library().cuptiActivityPopExternalCorrelationId(kOurSpans, &last);
}

std::vector<Activity> ActivityRecorder::take() {
  STRATA_CUPTI(cupti_library().cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED));
  size_t dropped = 0;
  cupti_library().cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped);
  const std::lock_guard lock(state_->mutex);
  state_->dropped += static_cast<int64_t>(dropped);
  std::vector<Activity> taken = std::exchange(state_->activities, {});
  for (Activity& activity : taken) {
    const bool call = activity.kind == Activity::Kind::runtime_call ||
                      activity.kind == Activity::Kind::driver_call;
    if (call) {
      if (const auto tie = state_->span_of_call.find(activity.correlation);
          tie != state_->span_of_call.end())
        activity.span = tie->second;
    } else if (const auto node = state_->span_of_graph_node.find(activity.graph_node);
               node != state_->span_of_graph_node.end()) {
      activity.span = node->second;
    }
  }
  state_->span_of_call.clear();
  std::ranges::stable_sort(taken, {}, [](const Activity& a) { return std::pair(a.begin, -a.end); });
  return taken;
}

int64_t ActivityRecorder::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

}  // namespace strata::cuda
