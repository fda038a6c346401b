// The x-ray as a trace in Chrome's format, of steps made up by hand (xray_records.h).
#include <gtest/gtest-spi.h>

#include "tests/tools/chrome_trace_checks.h"
#include "tests/tools/xray_records.h"
#include "tools/xray/chrome_trace.h"

namespace strata::test {
namespace {

using nlohmann::json;
using xray::Xray;

json trace_of(const Xray& xray) {
  return json::parse(to_chrome_trace(xray));
}

Xray xray_of(const xray::Record& record) {
  Xray xray;
  xray.views = {join(record, std::nullopt)};
  return xray;
}

/// The slice of this name; the n-th one, where there are several.
json slice_of(const json& trace, const std::string& name, int n = 0) {
  for (const json& slice : events_of(trace, "X"))
    if (slice.at("name") == name && n-- == 0) return slice;
  ADD_FAILURE() << "no slice " << name;
  return json{{"pid", 0}, {"tid", 0}, {"ts", 0}, {"dur", 0}, {"args", json::object()}};
}

std::string track_of(const json& trace, const json& slice) {
  return names_of_tracks(trace)[track_id_of(slice)];
}

TEST(XrayTraceTest, IsWhole) {
  const json trace = trace_of(both_views());
  expect_slices_nest(trace);
  expect_flows_are_whole(trace);
  EXPECT_EQ(trace.at("displayTimeUnit"), "ns");
  EXPECT_EQ(trace.at("otherData").at("title"), "two made-up steps");
  EXPECT_EQ(trace.at("otherData").at("device"), "none");
}

TEST(XrayTraceTest, AProcessIsAView) {
  const json trace = trace_of(both_views());
  std::vector<std::string> names;
  for (const json& event : events_of(trace, "M"))
    if (event.at("name") == "process_name") names.push_back(event.at("args").at("name"));
  EXPECT_EQ(names, (std::vector<std::string>{"eager", "captured"}));
  EXPECT_NE(slice_of(trace, "cublasLtMatmul").at("pid"), slice_of(trace, "first").at("pid"));
}

TEST(XrayTraceTest, ATrackIsALayerOfTheHostOrAStream) {
  const json trace = trace_of(both_views());
  EXPECT_EQ(track_of(trace, slice_of(trace, "training step")), "host: step");
  EXPECT_EQ(track_of(trace, slice_of(trace, "dense1")), "host: module");
  EXPECT_EQ(track_of(trace, slice_of(trace, "cublasLtMatmul")), "host: library");
  EXPECT_EQ(track_of(trace, slice_of(trace, "cuLaunchKernelEx")), "host: driver");
  EXPECT_EQ(track_of(trace, slice_of(trace, "nvjet_sm90_tss_64x32")), "GPU stream 7");
  EXPECT_EQ(track_of(trace, slice_of(trace, "relu_kernel")), "GPU stream 8");
  EXPECT_EQ(track_of(trace, slice_of(trace, "fill")), "GPU stream 7");
}

TEST(XrayTraceTest, TracksAreInTheOrderOfTheLayersThenStreams) {
  const json trace = trace_of(xray_of(eager_record()));
  const auto row = [&](const char* name) { return slice_of(trace, name).at("tid").get<int>(); };
  EXPECT_LT(row("training step"), row("forward"));
  EXPECT_LT(row("cublas::dense"), row("cublasLtMatmul"));
  EXPECT_LT(row("cudaLaunchKernel"), row("cuLaunchKernelEx"));
  EXPECT_LT(row("cuLaunchKernelEx"), row("nvjet_sm90_tss_64x32"));
}

TEST(XrayTraceTest, ASliceSaysWhatIsKnownOfIt) {
  Xray xray = xray_of(eager_record());
  for (xray::Node& node : xray.views[0].nodes) {
    if (node.name != "cublasLtMatmul") continue;
    node.place = {"ops/cublas/product.cpp", 152};
    node.notes = {{"not taken", "a"}, {"not taken", "b"}};
    node.share = 0.5;
  }
  const json trace = trace_of(xray);
  const json rung = slice_of(trace, "cublas::dense");
  EXPECT_EQ(rung.at("args").at("FLOP"), 3e5);
  EXPECT_EQ(rung.at("args").at("bytes"), 600);
  EXPECT_EQ(rung.at("args").at("detail"), "192x800 to 256");
  EXPECT_EQ(rung.at("cat"), "rung");
  EXPECT_EQ(rung.at("ts"), 0.020);
  EXPECT_EQ(rung.at("dur"), 0.260);
  const json library = slice_of(trace, "cublasLtMatmul").at("args");
  EXPECT_EQ(library.at("source"), "ops/cublas/product.cpp:152");
  EXPECT_EQ(library.at("not taken"), "a");
  EXPECT_EQ(library.at("not taken 2"), "b") << "the same note again";
  EXPECT_EQ(library.at("share of the roofline"), 0.5);
}

TEST(XrayTraceTest, WorkSaysForWhichOp) {
  const json trace = trace_of(both_views());
  EXPECT_EQ(slice_of(trace, "nvjet_sm90_tss_64x32").at("args").at("op"),
            "forward / dense1 / dense");
  EXPECT_EQ(slice_of(trace, "first").at("args").at("op"), "relu") << "also where it was recorded";
}

// What was done while the graph was recorded happened before.
TEST(XrayTraceTest, WhatWasRecordedHasNoSlices) {
  const json trace = trace_of(xray_of(captured_record()));
  std::vector<std::string> names;
  for (const json& slice : events_of(trace, "X")) {
    names.push_back(slice.at("name"));
    EXPECT_GE(slice.at("ts"), 0) << slice;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"launch the graph", "wait for the GPU", "cudaGraphLaunch",
                                      "cuGraphLaunch", "second", "first", "gradient", "unknown"}));
}

TEST(XrayTraceTest, FlowsLeadFromTheOpThroughTheCallToTheWork) {
  const json trace = trace_of(xray_of(eager_record()));
  const json starts = events_of(trace, "s"), steps = events_of(trace, "t"),
             ends = events_of(trace, "f");
  ASSERT_EQ(starts.size(), 4u) << "three kernels and a fill";
  ASSERT_EQ(steps.size(), 4u);
  ASSERT_EQ(ends.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(track_of(trace, starts[i]), "host: op");
    EXPECT_EQ(ends[i].at("id"), starts[i].at("id"));
  }
  EXPECT_EQ(begin_of(starts[0]), 10);
  EXPECT_EQ(begin_of(steps[0]), 60) << "the driver's call";
  EXPECT_EQ(begin_of(ends[0]), 300);
}

TEST(XrayTraceTest, AGraphsFlowsLeadFromItsLaunch) {
  const json trace = trace_of(xray_of(captured_record()));
  EXPECT_EQ(events_of(trace, "s").size(), 4u);
  EXPECT_EQ(events_of(trace, "t").size(), 0u);
  for (const json& start : events_of(trace, "s")) EXPECT_EQ(track_of(trace, start), "host: driver");
}

TEST(XrayTraceTest, WorkThatNobodyLaunchedHasNoFlow) {
  xray::Record record = eager_record();
  record.activities.push_back(work(kKernel, "foreign", 9, 99, 1900, 1950));
  const json trace = trace_of(xray_of(record));
  EXPECT_EQ(events_of(trace, "f").size(), 4u);
  EXPECT_EQ(track_of(trace, slice_of(trace, "foreign")), "GPU stream 9");
}

// As kernels that are let in before the one before them has ended.
TEST(XrayTraceTest, WorkThatOverlapsOnAStreamTakesASecondTrack) {
  xray::Record record = eager_record();
  record.activities[8].begin = kBegin + 780;  // before the other relu_kernel ends at 800
  const json trace = trace_of(xray_of(record));
  expect_slices_nest(trace);
  expect_flows_are_whole(trace);
  EXPECT_EQ(track_of(trace, slice_of(trace, "relu_kernel", 0)), "GPU stream 8");
  EXPECT_EQ(track_of(trace, slice_of(trace, "relu_kernel", 1)), "GPU stream 8 (2)");
}

TEST(XrayTraceTest, ANameOfAnyBytesIsNoError) {
  xray::Record record = eager_record();
  record.activities[2].name = "bytes \xff\xfe";
  EXPECT_EQ(events_of(trace_of(xray_of(record)), "f").size(), 4u);
}

// The checks themselves see what is wrong.
TEST(ChromeTraceChecksTest, SeeFlowsAndSlicesThatAreBroken) {
  const auto is_whole = [](const char* text) {
    testing::TestPartResultArray failures;
    {
      const testing::ScopedFakeTestPartResultReporter reporter(
          testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
      const json trace{{"traceEvents", json::parse(text)}};
      expect_slices_nest(trace);
      expect_flows_are_whole(trace);
    }
    return failures.size() == 0;
  };
  const std::string name =
      R"([{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"a"}},)";
  const std::string slice = R"({"ph":"X","name":"x","pid":1,"tid":1,"ts":1,"dur":2},)";
  const std::string start = R"({"ph":"s","id":1,"pid":1,"tid":1,"ts":1},)";
  const std::string end = R"({"ph":"f","bp":"e","id":1,"pid":1,"tid":1,"ts":3}])";
  const auto with = [&](const std::string& events) { return is_whole((name + events).c_str()); };
  EXPECT_TRUE(with(slice + start + end));
  EXPECT_FALSE(with(slice + end)) << "no start";
  EXPECT_FALSE(with(slice + start + start + end)) << "two starts";
  EXPECT_FALSE(with(start + end)) << "no slice";
  EXPECT_FALSE(is_whole(("[" + slice + start + end).c_str())) << "no name";
  EXPECT_FALSE(
      with(slice + R"({"ph":"X","name":"y","pid":1,"tid":1,"ts":2,"dur":2},)" + start + end))
      << "slices that overlap";
}

}  // namespace
}  // namespace strata::test
