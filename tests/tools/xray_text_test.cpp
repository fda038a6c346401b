// The x-ray as text, on steps made up by hand (xray_records.h).
#include "tools/xray/text.h"

#include <sstream>

#include "tests/tools/xray_records.h"

namespace strata::test {
namespace {

using xray::View;
using xray::Xray;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The line that holds `words`; empty, and a failure, unless there is one.
std::string line_with(const std::string& text, const std::string& words) {
  std::vector<std::string> found;
  for (const std::string& line : lines_of(text))
    if (line.find(words) != std::string::npos) found.push_back(line);
  EXPECT_EQ(found.size(), 1u) << words << " in\n" << text;
  return found.empty() ? "" : found[0];
}

bool has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

Xray eager_only() {
  Xray xray = both_views();
  xray.views.pop_back();
  return xray;
}

TEST(XrayTextTest, Microseconds) {
  EXPECT_EQ(xray::microseconds(12'345), "12.3 us");
  EXPECT_EQ(xray::microseconds(0), "0.0 us");
}

TEST(XrayTextTest, SaysWhatItIsOfOnWhatAndWhatItCouldNotSee) {
  Xray xray = eager_only();
  xray.notes = {"kernels: unknown"};
  const std::vector<std::string> lines = lines_of(to_text(xray, 1));
  ASSERT_GT(lines.size(), 4u);
  EXPECT_EQ(lines[0], "x-ray of two made-up steps");
  EXPECT_EQ(lines[1], "  device     none");
  EXPECT_EQ(lines[2], "  note       kernels: unknown");
  EXPECT_EQ(lines[3], "");
  EXPECT_EQ(lines[4], "eager: made up");
}

TEST(XrayTextTest, SumsSayTimesAndShares) {
  const std::string text = to_text(eager_only(), 1);
  EXPECT_EQ(line_with(text, "framework"),
            "  host   framework 0.6 us (32 %)  library 0.1 us (4 %)  runtime 0.3 us (14 %)  "
            "driver 0.1 us (5 %)  waiting 0.9 us (45 %)");
  EXPECT_EQ(line_with(text, "busy"), "  GPU    busy 0.8 us (40 %)  idle 1.2 us (60 %)");
  EXPECT_EQ(line_with(text, "named"),
            "  named  100.0 % of the GPU's time, by kernel, op and library call");
}

TEST(XrayTextTest, WithoutAGpuNothingIsSaidOfIt) {
  xray::Record record = eager_record();
  record.activities.clear();
  Xray xray;
  xray.views = {join(record, std::nullopt)};
  const std::string text = to_text(xray, 1);
  EXPECT_FALSE(has(text, "busy"));
  EXPECT_FALSE(has(text, "named"));
}

TEST(XrayTextTest, SaysWhatLookingCosts) {
  Xray xray = eager_only();
  EXPECT_EQ(line_with(to_text(xray, 1), "wall"), "  wall   2.0 us");
  xray.views[0].untraced = 1600;
  EXPECT_EQ(line_with(to_text(xray, 1), "wall"),
            "  wall   2.0 us; 1.6 us when nobody looks, so looking costs 25 %");
  xray.views[0].untraced = 2100;
  EXPECT_TRUE(has(to_text(xray, 1), "so looking costs less than one step differs from the next"));
}

TEST(XrayTextTest, DepthFoldsWhatLiesBelow) {
  const auto tree = [](int depth) { return to_text(eager_only(), depth); };
  EXPECT_TRUE(
      line_with(tree(1), "training step").ends_with("training step  ... 5 calls, 4 work items"));
  EXPECT_FALSE(has(tree(1), "forward"));
  EXPECT_TRUE(line_with(tree(2), "forward").ends_with("  ... 4 calls, 3 work items"));
  EXPECT_TRUE(line_with(tree(2), "training step").ends_with("  training step")) << "unfolded";
  EXPECT_FALSE(has(tree(2), "dense1"));
  EXPECT_TRUE(line_with(tree(5), "cublas::dense ").ends_with("  ... 2 calls, 1 work item"));
  EXPECT_FALSE(has(tree(100), "...")) << "nothing is left to fold";
  EXPECT_TRUE(has(tree(100), "nvjet_sm90_tss_64x32"));
}

TEST(XrayTextTest, ALevelIsTwoColumnsFurtherIn) {
  const std::string text = to_text(eager_only(), 100);
  const size_t step = line_with(text, "training step").find("training step");
  EXPECT_EQ(line_with(text, "forward").find("forward"), step + 2);
  EXPECT_EQ(line_with(text, "cublasLtMatmul").find("cublasLtMatmul"), step + 10);
  EXPECT_EQ(line_with(text, "nvjet").find("nvjet"), step + 16);
}

// Host time, GPU time, share; then the rate by the GPU's time.
TEST(XrayTextTest, ColumnsAreTheHostsTimeTheGpusAndTheShare) {
  Xray xray = eager_only();
  for (xray::Node& node : xray.views[0].nodes)
    if (node.name == "cublas::dense") node.share = 0.75;
  const std::string text = to_text(xray, 100);
  const std::string heading = line_with(text, "host us");
  EXPECT_EQ(heading, "    host us     GPU us   roof");
  const std::string rung = line_with(text, "cublas::dense ");
  EXPECT_EQ(rung.substr(0, heading.size()), "        0.3        0.4   75 %");
  EXPECT_TRUE(has(rung, "cublas::dense  192x800 to 256")) << rung;
  EXPECT_TRUE(has(rung, "  750.0 GFLOP/s  1.5 GB/s"))
      << "3e5 FLOP and 600 bytes in 400 ns: " << rung;
  EXPECT_EQ(line_with(text, "nvjet").substr(0, heading.size()), "                   0.4       ");
  const std::string wait = line_with(text, "wait for the GPU");
  EXPECT_EQ(wait.substr(0, heading.size()), "        0.9                  ");
}

TEST(XrayTextTest, AGradientNamesItsModule) {
  const std::string text = to_text(eager_only(), 100);
  EXPECT_TRUE(has(line_with(text, "gradient of"), "dense1: gradient of dense")) << text;
}

TEST(XrayTextTest, AGradientOfAnOpInNoModuleIsThatOfTheOp) {
  EXPECT_FALSE(has(line_with(to_text(both_views(), 2), "gradient of relu"), " in "));
}

TEST(XrayTextTest, WhatWasRecordedHasNoTimeOfTheHost) {
  Xray xray = both_views();
  xray.views.erase(xray.views.begin());
  const std::string text = to_text(xray, 1);
  EXPECT_TRUE(line_with(text, "training step").starts_with("                   0.4")) << text;
}

TEST(XrayTextTest, TwoViewsAreCompared) {
  Xray xray = both_views();
  const auto lines = [&] { return to_text(xray, 1); };
  EXPECT_EQ(line_with(lines(), "calls of runtime"),
            "  calls of runtime and driver          7 ->          2");
  EXPECT_EQ(line_with(lines(), "host busy"),
            "  host busy                      1.1 us ->     0.2 us");
  EXPECT_EQ(line_with(lines(), "GPU idle"),
            "  GPU idle                       1.2 us ->     0.6 us");
  EXPECT_FALSE(has(lines(), "wall, when nobody looks"));
  xray.views[0].untraced = 1900;
  xray.views[1].untraced = 900;
  EXPECT_EQ(line_with(lines(), "wall, when"),
            "  wall, when nobody looks        1.9 us ->     0.9 us");
  EXPECT_FALSE(has(to_text(eager_only(), 1), "what capture removes"));
}

}  // namespace
}  // namespace strata::test
