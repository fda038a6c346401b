// Where a step's time went, on steps made up by hand (xray_records.h).
#include "tools/xray/sums.h"

#include <algorithm>
#include <numeric>

#include "tests/tools/xray_records.h"

namespace strata::test {
namespace {

using xray::Layer;
using xray::Node;
using xray::Record;
using xray::Sums;
using xray::View;

int64_t total(const Sums& sums) {
  return std::accumulate(sums.begin(), sums.end(), int64_t{0},
                         [](int64_t sum, const auto& part) { return sum + part.second; });
}

TEST(XraySumsTest, CoveredIsTheUnionWithinTheLimit) {
  EXPECT_EQ(xray::covered({}, 100), 0);
  EXPECT_EQ(xray::covered({{10, 20}}, 100), 10);
  EXPECT_EQ(xray::covered({{30, 40}, {10, 20}}, 100), 20) << "in any order";
  EXPECT_EQ(xray::covered({{10, 30}, {20, 40}}, 100), 30) << "what overlaps counts once";
  EXPECT_EQ(xray::covered({{10, 40}, {20, 30}, {25, 45}}, 100), 35) << "also one in another";
  EXPECT_EQ(xray::covered({{10, 20}, {20, 30}}, 100), 20);
  EXPECT_EQ(xray::covered({{-50, 10}, {90, 150}, {200, 300}}, 100), 20) << "both ends are cut";
}

// library 240 - 160; runtime 160 - 100 + 70 + 90 + 70; driver 100; waiting: the phase of 900.
TEST(XraySumsTest, AMomentOfTheHostCountsForTheInnermostLayer) {
  const View view = join(eager_record(), std::nullopt);
  EXPECT_EQ(view.host, (Sums{{"framework", 2000 - 80 - 290 - 100 - 900},
                             {"library", 80},
                             {"runtime", 290},
                             {"driver", 100},
                             {"waiting", 900}}));
  EXPECT_EQ(total(view.host), view.wall);
}

// The recorded spans took their time before, so only the launch and the waiting count.
TEST(XraySumsTest, WhatWasRecordedIsNoPartOfTheTime) {
  const View view = join(captured_record(), std::nullopt);
  EXPECT_EQ(view.host,
            (Sums{{"framework", 20 + 100}, {"runtime", 20}, {"driver", 60}, {"waiting", 800}}));
  EXPECT_EQ(total(view.host), view.wall);
}

TEST(XraySumsTest, WaitingIsKnownByItsPhaseWhereCallsAreNot) {
  Record record = eager_record();
  record.activities.clear();
  const View view = join(record, std::nullopt);
  EXPECT_EQ(view.host, (Sums{{"framework", 2000 - 240 - 900}, {"library", 240}, {"waiting", 900}}));
}

TEST(XraySumsTest, WhateverIsCalledWhileWaitingIsWaiting) {
  Record record = eager_record();
  record.spans.pop_back();  // the phase, which would be waiting anyway
  record.spans.push_back(span(12, 1, TraceLayer::op, "item", 700, 1900));
  record.activities.push_back(call(kDriver, "cuEventQuery", 12, 16, 1100, 1200));
  const View view = join(record, std::nullopt);
  EXPECT_EQ(view.host[4], (std::pair<std::string, int64_t>("waiting", 880)));
  EXPECT_EQ(view.host[3], (std::pair<std::string, int64_t>("driver", 100))) << "of the launch";
}

TEST(XraySumsTest, OnTheCpuARungIsTheKernel) {
  Record record{.begin = kBegin, .end = kBegin + 100};
  record.spans = {span(1, 0, TraceLayer::op, "relu", 0, 90),
                  span(2, 1, TraceLayer::rung, "cpu::unary", 10, 40),
                  span(3, 1, TraceLayer::rung, "reference::unary", 50, 60),
                  span(4, 1, TraceLayer::rung, "cuda::unary", 70, 80)};
  const View view = join(record, std::nullopt);
  EXPECT_EQ(view.host, (Sums{{"framework", 60}, {"kernels", 40}}));
  EXPECT_TRUE(view.gpu.empty());
  EXPECT_EQ(view.named, 1);
}

TEST(XraySumsTest, TheGpuIsBusyWhenAnythingRunsThere) {
  const View eager = join(eager_record(), std::nullopt);
  EXPECT_EQ(eager.gpu, (Sums{{"busy", 600 + 200}, {"idle", 1200}})) << "two streams overlap by 50";
  const View captured = join(captured_record(), std::nullopt);
  EXPECT_EQ(captured.gpu, (Sums{{"busy", 410}, {"idle", 590}}));
  for (const View& view : {eager, captured}) EXPECT_EQ(total(view.gpu), view.wall);
}

TEST(XraySumsTest, WaitsAreCallsThatSynchronize) {
  for (const char* call : {"cudaStreamSynchronize", "cudaDeviceSynchronize", "cuCtxSynchronize"})
    EXPECT_TRUE(xray::waits_for_gpu(call)) << call;
  for (const char* call : {"cudaLaunchKernel", "cudaMemcpyAsync", "cudaStreamWaitEvent"})
    EXPECT_FALSE(xray::waits_for_gpu(call)) << call;
}

TEST(XraySumsTest, NamedIsWhatHasAnOpAndAKernel) {
  EXPECT_EQ(join(eager_record(), std::nullopt).named, 1);
  EXPECT_DOUBLE_EQ(join(captured_record(), std::nullopt).named, 410.0 / 510) << "node 104 has none";
  Record foreign = eager_record();  // 850 ns of work by ops
  foreign.activities.push_back(work(kKernel, "foreign", 9, 99, 1200, 1350));
  EXPECT_DOUBLE_EQ(join(foreign, std::nullopt).named, 0.85);
  Record nameless = eager_record();
  nameless.activities[2].name = "";
  EXPECT_DOUBLE_EQ(join(nameless, std::nullopt).named, 450.0 / 850);
  Record no_engine = eager_record();
  no_engine.spans[5].notes.clear();
  EXPECT_DOUBLE_EQ(join(no_engine, std::nullopt).named, 450.0 / 850) << "an engine unknown";
}

TEST(XraySumsTest, WhatIsBeneathAddsUpToTheTop) {
  const View view = join(eager_record(), std::nullopt);
  const auto below = beneath(view);
  const auto expect = [&](const char* name, int n, int64_t gpu, int calls, int works) {
    const xray::Beneath& found = below.at(node_of(view, name, n).id);
    EXPECT_EQ(found.gpu, gpu) << name;
    EXPECT_EQ(found.calls, calls) << name;
    EXPECT_EQ(found.works, works) << name;
  };
  expect("training step", 0, 850, 5, 4);
  expect("forward", 0, 650, 4, 3);
  expect("dense", 0, 400, 2, 1);
  expect("relu", 0, 250, 2, 2);
  expect("dense", 1, 200, 1, 1);
  expect("nvjet_sm90_tss_64x32", 0, 400, 0, 1);
  expect("wait for the GPU", 0, 0, 2, 0);
}

TEST(XraySumsTest, WithoutKernelsTheTimeIsThatBetweenEvents) {
  Record record = eager_record();
  record.activities.clear();
  record.between_events = {{4, 450}, {7, 300}};
  const View view = join(record, std::nullopt);
  const auto below = beneath(view);
  EXPECT_EQ(below.at(4).gpu, 450);
  EXPECT_EQ(below.at(1).gpu, 750) << "of all ops beneath";
  EXPECT_EQ(below.at(5).gpu, 0) << "of a rung nothing is known";
}

// An op in an op is measured by both pairs of events: the outer one's time holds the inner one's.
TEST(XraySumsTest, TheTimeBetweenEventsOfAnOpHoldsThatOfOpsWithinIt) {
  Record record = eager_record();
  record.activities.clear();
  record.spans.push_back(span(13, 8, TraceLayer::op, "inner", 330, 570));
  record.between_events = {{7, 300}, {13, 280}};
  const View view = join(record, std::nullopt);
  EXPECT_EQ(beneath(view).at(7).gpu, 300);
  EXPECT_EQ(beneath(view).at(2).gpu, 300);
}

}  // namespace
}  // namespace strata::test
