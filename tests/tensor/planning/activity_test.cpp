// What is made of CUPTI's records, handed over by a stand-in for it (fakes/cupti.h). Needs no GPU.
#include "tensor/cuda/activity.h"

#include <dlfcn.h>

#include "tensor/cuda/cupti_library.h"
#include "tests/support/compare.h"
#include "tests/tensor/fakes/cupti.h"

namespace strata::test {
namespace {

using cuda::Activity;
using cuda::ActivityRecorder;
using Kind = Activity::Kind;

// A library that is loaded already is the one that the loader finds by its name.
fakes::FakeCupti& fake() {
  static fakes::FakeCupti& loaded = [&]() -> fakes::FakeCupti& {
    void* const library = dlopen(FAKE_CUPTI, RTLD_NOW | RTLD_LOCAL);
    return *reinterpret_cast<decltype(&fake_cupti)>(dlsym(library, "fake_cupti"))();
  }();
  return loaded;
}

class ActivityTest : public testing::Test {
 protected:
  ActivityTest() { fake() = {}; }

  template <class Record>
  void deliver(const Record& record) {
    fake().records.push_back(reinterpret_cast<const CUpti_Activity*>(&record));
  }

  /// Tells the recorder of a node of a graph, which is its number here; of a clone, whose.
  void make_node(uint64_t node, uint64_t original = 0) {
    CUpti_GraphData data = {};
    data.node = reinterpret_cast<CUgraphNode>(node);
    data.originalNode = reinterpret_cast<CUgraphNode>(original);
    CUpti_ResourceData resource = {};
    resource.resourceDescriptor = &data;
    fake().callback(fake().callback_data, CUPTI_CB_DOMAIN_RESOURCE,
                    original == 0 ? CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED
                                  : CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED,
                    &resource);
  }
};

CUpti_ActivityAPI call(CUpti_ActivityKind kind, CUpti_CallbackId id, uint32_t correlation,
                       uint64_t begin, uint64_t end) {
  CUpti_ActivityAPI record = {};
  record.kind = kind;
  record.cbid = id;
  record.correlationId = correlation;
  record.start = begin;
  record.end = end;
  return record;
}

CUpti_ActivityExternalCorrelation tie(CUpti_ExternalCorrelationKind kind, uint64_t span,
                                      uint32_t correlation) {
  CUpti_ActivityExternalCorrelation record = {};
  record.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION;
  record.externalKind = kind;
  record.externalId = span;
  record.correlationId = correlation;
  return record;
}

CUpti_ActivityKernel10 kernel(const char* name, uint32_t correlation, uint64_t begin) {
  CUpti_ActivityKernel10 record = {};
  record.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
  record.name = name;
  record.correlationId = correlation;
  record.start = begin;
  record.end = begin + 10;
  return record;
}

TEST_F(ActivityTest, AsksForWhatItReadsAndLetsKernelsRunSideBySide) {
  const ActivityRecorder recorder;
  EXPECT_EQ(fake().enabled,
            (std::vector<CUpti_ActivityKind>{
                CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION, CUPTI_ACTIVITY_KIND_RUNTIME,
                CUPTI_ACTIVITY_KIND_DRIVER, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET}));
  const int64_t before = trace_now();
  const auto now = static_cast<int64_t>(fake().now());
  EXPECT_LE(before, now);
  EXPECT_LE(now, trace_now());
}

TEST_F(ActivityTest, ASpanIsCuptisCorrelationWhileItIsOpen) {
  ActivityRecorder recorder;
  {
    const TraceListening listening(recorder);
    const TraceScope outer(TraceLayer::op, "outer");
    const TraceScope inner(TraceLayer::rung, "inner");
    EXPECT_EQ(fake().external_ids,
              (std::vector<uint64_t>{static_cast<uint64_t>(current_span()->parent),
                                     static_cast<uint64_t>(current_span()->id)}));
  }
  EXPECT_TRUE(fake().external_ids.empty());
}

TEST_F(ActivityTest, CallsHaveTheirNamesAndTheirSpans) {
  ActivityRecorder recorder;
  fake().call_names = {{1, "cudaLaunchKernelExC_v11060"},
                       {2, "cuMemcpyHtoDAsync_v2_ptsz"},
                       {3, "cudaGraphLaunch_ptsz"},
                       {4, "cuda_very"}};
  const auto ours = tie(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, 7, 11),
             other = tie(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM1, 8, 12);
  const auto first = call(CUPTI_ACTIVITY_KIND_RUNTIME, 1, 11, 100, 200),
             second = call(CUPTI_ACTIVITY_KIND_DRIVER, 2, 12, 300, 400),
             third = call(CUPTI_ACTIVITY_KIND_RUNTIME, 3, 13, 500, 600),
             fourth = call(CUPTI_ACTIVITY_KIND_RUNTIME, 4, 14, 700, 800),
             fifth = call(CUPTI_ACTIVITY_KIND_DRIVER, 5, 15, 900, 990);
  deliver(first);
  deliver(ours);  // a tie may come after its call
  deliver(other);
  for (const CUpti_ActivityAPI* record : {&second, &third, &fourth, &fifth}) deliver(*record);
  const std::vector<Activity> calls = recorder.take();
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_EQ(calls[0].name, "cudaLaunchKernelExC");
  EXPECT_EQ(calls[0].kind, Kind::runtime_call);
  EXPECT_EQ(calls[0].begin, 100);
  EXPECT_EQ(calls[0].end, 200);
  EXPECT_EQ(calls[0].correlation, 11u);
  EXPECT_EQ(calls[0].span, 7);
  EXPECT_EQ(calls[1].name, "cuMemcpyHtoDAsync");
  EXPECT_EQ(calls[1].kind, Kind::driver_call);
  EXPECT_EQ(calls[1].span, 0) << "another tool's correlation";
  EXPECT_EQ(calls[2].name, "cudaGraphLaunch");
  EXPECT_EQ(calls[3].name, "cuda_very");
  EXPECT_EQ(calls[4].name, "call 5") << "CUPTI does not know its name";
}

// CUPTI hands over a call when it ends, so the inner one comes first.
TEST_F(ActivityTest, ACallComesBeforeThoseThatItMakes) {
  ActivityRecorder recorder;
  const auto inner = call(CUPTI_ACTIVITY_KIND_DRIVER, 1, 11, 100, 150),
             outer = call(CUPTI_ACTIVITY_KIND_RUNTIME, 2, 11, 100, 200),
             earlier = call(CUPTI_ACTIVITY_KIND_RUNTIME, 3, 10, 50, 60);
  for (const CUpti_ActivityAPI* record : {&inner, &outer, &earlier}) deliver(*record);
  const std::vector<Activity> calls = recorder.take();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].name, "call 3");
  EXPECT_EQ(calls[1].kind, Kind::runtime_call);
  EXPECT_EQ(calls[2].kind, Kind::driver_call);
}

TEST_F(ActivityTest, AKernelIsToldWhole) {
  ActivityRecorder recorder;
  CUpti_ActivityKernel10 record = kernel("_ZN6strata4cuda11relu_kernelIfEEvPfl", 11, 100);
  record.streamId = 7;
  record.gridX = 3, record.gridY = 2, record.gridZ = 1;
  record.blockX = 256, record.blockY = 1, record.blockZ = 1;
  record.clusterX = 2, record.clusterY = 1, record.clusterZ = 1;
  record.registersPerThread = 40;
  record.staticSharedMemory = 1000, record.dynamicSharedMemory = 24;
  record.localMemoryPerThread = 16;
  const CUpti_ActivityKernel10 plain = kernel("nvjet_sm90_tss_64x32", 12, 200);
  deliver(record);
  deliver(plain);
  const std::vector<Activity> kernels = recorder.take();
  ASSERT_EQ(kernels.size(), 2u);
  const Activity& first = kernels[0];
  EXPECT_EQ(first.kind, Kind::kernel);
  EXPECT_EQ(first.name, "void strata::cuda::relu_kernel<float>(float*, long)");
  EXPECT_EQ(first.begin, 100);
  EXPECT_EQ(first.end, 110);
  EXPECT_EQ(first.correlation, 11u);
  EXPECT_EQ(first.stream, 7u);
  EXPECT_EQ(first.graph_node, 0u);
  EXPECT_EQ(first.grid.x * 100 + first.grid.y * 10 + first.grid.z, 321);
  EXPECT_EQ(first.block.x, 256);
  EXPECT_EQ(first.cluster, 2);
  EXPECT_EQ(first.registers, 40);
  EXPECT_EQ(first.static_shared_bytes, 1000);
  EXPECT_EQ(first.dynamic_shared_bytes, 24);
  EXPECT_EQ(first.local_bytes, 16);
  EXPECT_EQ(kernels[1].name, "nvjet_sm90_tss_64x32") << "a C name";
  EXPECT_EQ(kernels[1].cluster, 0);
}

TEST_F(ActivityTest, CopiesAndFillsSayHowMuch) {
  ActivityRecorder recorder;
  CUpti_ActivityMemcpy6 copy = {};
  copy.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
  copy.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_HTOD;
  copy.bytes = 4096;
  copy.streamId = 9;
  CUpti_ActivityMemset4 fill = {};
  fill.kind = CUPTI_ACTIVITY_KIND_MEMSET;
  fill.start = 50;
  fill.bytes = 512;
  deliver(copy);
  deliver(fill);
  const std::vector<Activity> work = recorder.take();
  ASSERT_EQ(work.size(), 2u);
  EXPECT_EQ(work[0].name, "copy from the host");
  EXPECT_EQ(work[0].kind, Kind::copy);
  EXPECT_EQ(work[0].bytes, 4096u);
  EXPECT_EQ(work[0].stream, 9u);
  EXPECT_EQ(work[1].name, "fill");
  EXPECT_EQ(work[1].kind, Kind::fill);
  EXPECT_EQ(work[1].bytes, 512u);
}

// The work of a graph names the clone of the node that was recorded; a clone may be cloned.
TEST_F(ActivityTest, AGraphsWorkNamesTheSpanInWhichItsNodeWasRecorded) {
  ActivityRecorder recorder;
  int64_t span = 0;
  {
    const TraceListening listening(recorder);
    const TraceScope rung(TraceLayer::rung, "cuda::unary");
    span = current_span()->id;
    make_node(101);
  }
  make_node(102);  // of nobody that spoke
  make_node(201, 101);
  make_node(202, 102);
  make_node(301, 201);
  std::vector<CUpti_ActivityKernel10> kernels;
  for (const uint64_t node : {201, 202, 301}) {
    kernels.push_back(kernel("k", 50, node));
    kernels.back().graphNodeId = node;
  }
  for (int launch = 0; launch < 2; ++launch) {
    for (const CUpti_ActivityKernel10& record : kernels) deliver(record);
    const std::vector<Activity> work = recorder.take();
    ASSERT_EQ(work.size(), 3u);
    EXPECT_EQ(work[0].graph_node, 201u);
    EXPECT_EQ(work[0].span, span) << "launch " << launch;
    EXPECT_EQ(work[1].span, 0);
    EXPECT_EQ(work[2].span, span);
  }
}

TEST_F(ActivityTest, TakesEachRecordOnce) {
  ActivityRecorder recorder;
  const auto record = call(CUPTI_ACTIVITY_KIND_RUNTIME, 1, 11, 100, 200);
  deliver(record);
  EXPECT_EQ(recorder.take().size(), 1u);
  EXPECT_EQ(recorder.take().size(), 0u);
}

TEST_F(ActivityTest, CountsWhatWasDropped) {
  ActivityRecorder recorder;
  EXPECT_EQ(recorder.dropped(), 0);
  for (const size_t dropped : {3, 2}) {
    fake().dropped = dropped;
    recorder.take();
  }
  EXPECT_EQ(recorder.dropped(), 5);
}

TEST_F(ActivityTest, LeavesNothingBehind) {
  {
    const ActivityRecorder recorder;
    EXPECT_TRUE(fake().subscribed);
    EXPECT_TRUE(fails("one recorder at a time", [] { ActivityRecorder second; }));
    EXPECT_TRUE(fake().subscribed) << "the first one stays";
  }
  EXPECT_FALSE(fake().subscribed);
  EXPECT_TRUE(fake().enabled.empty());
  const ActivityRecorder again;
}

TEST_F(ActivityTest, AnotherProfilerIsSaidInWords) {
  fake().subscribing = CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
  EXPECT_TRUE(fails(ErrorKind::device, "another profiler is at work in this process",
                    [] { ActivityRecorder recorder; }));
  fake() = {};
  const ActivityRecorder recorder;
}

TEST_F(ActivityTest, ARefusalNamesTheCallAndCuptisWords) {
  fake().enabling[CUPTI_ACTIVITY_KIND_MEMSET] = CUPTI_ERROR_INSUFFICIENT_PRIVILEGES;
  EXPECT_TRUE(fails(ErrorKind::device, "cuptiActivityEnable(kind) returned 35 (the library's own",
                    [] { ActivityRecorder recorder; }));
  EXPECT_FALSE(fake().subscribed);
  EXPECT_TRUE(fake().enabled.empty()) << "what had been enabled";
  fake() = {};
  const ActivityRecorder recorder;
}

}  // namespace
}  // namespace strata::test
