// The whole climb over stand-ins, up to a network that really learns (on the host), and what it
// measures on the way.
#include "tests/stack_check/failure_mode.h"

namespace strata::test {
namespace {

using nlohmann::json;

const json& row_of(const StackCheckRun& run, const std::string& layer) {
  static const json kNone = json::object();
  for (const json& row : run.report["layers"])
    if (row["layer"] == layer) return row;
  return kNone;
}

std::vector<std::string> measurements_of(const json& row) {
  std::vector<std::string> names;
  for (const json& measured : row["gpus"][0]["measurements"]) names.push_back(measured["name"]);
  return names;
}

TEST(WholeClimbTest, AHealthyStackPassesUpToATrainedModel) {
  FakeStack stack;
  stack.environment["FAKE_NAME"] = "Stand-in";  // the host's steps are no H100's
  const StackCheckRun run = stack.run({"--strict"});
  ASSERT_EQ(run.exit_code, 0) << run.text << run.errors;
  for (const json& row : run.report["layers"])
    EXPECT_EQ(row["status"], row["layer"] == "nccl" ? "skipped" : "ok") << row;
  EXPECT_NE(run.text.find("same bits twice"), std::string::npos) << run.text;
  EXPECT_NE(run.text.find("all layers pass"), std::string::npos) << run.text;
}

TEST(WholeClimbTest, EachLayerSaysWhatItMeasured) {
  const StackCheckRun run = FakeStack().run({"--to", "cudnn"});
  ASSERT_EQ(run.exit_code, 0) << run.text << run.errors;
  using Names = std::vector<std::string>;
  EXPECT_EQ(measurements_of(row_of(run, "runtime")), (Names{"copy_to", "copy_from", "memory"}));
  EXPECT_EQ(measurements_of(row_of(run, "cublas")), (Names{"fp32_product", "bf16_product"}));
  EXPECT_EQ(measurements_of(row_of(run, "cudnn")), (Names{"convolution"}));
  for (const char* layer : {"runtime", "cublas", "cudnn"})
    for (const json& measured : row_of(run, layer)["gpus"][0]["measurements"])
      EXPECT_GT(measured["share"].get<double>(), 0.1) << measured;
}

TEST(WholeClimbTest, QuickMeasuresNothingAndStopsBelowNccl) {
  const StackCheckRun run = FakeStack().run({"--quick"});
  ASSERT_EQ(run.exit_code, 0) << run.text << run.errors;
  EXPECT_EQ(row_of(run, "cudnn")["status"], "ok");
  EXPECT_TRUE(measurements_of(row_of(run, "cudnn")).empty());
  for (const char* layer : {"nccl", "ops", "training"})
    EXPECT_EQ(row_of(run, layer)["status"], "skipped");
}

TEST(WholeClimbTest, TwoGpusAreCheckedEachAndTogether) {
  FakeStack stack;
  stack.add_gpu();
  const StackCheckRun run = stack.run({"--to", "nccl"});
  ASSERT_EQ(run.exit_code, 0) << run.text << run.errors;
  EXPECT_EQ(row_of(run, "nccl")["status"], "ok") << run.text;
  for (const char* layer : {"runtime", "cublas", "cudnn"})
    EXPECT_EQ(row_of(run, layer)["gpus"].size(), 2u);
}

TEST(WholeClimbTest, TheThreeVersionsStandSideBySide) {
  const StackCheckRun run = FakeStack().run({"--quick"});
  EXPECT_EQ(run.report["versions"]["driver_cuda"], "13.0");
  EXPECT_EQ(run.report["versions"]["toolkit_cuda"], "13.0");
  EXPECT_EQ(run.report["versions"]["runtime_cuda"], "13.0");
  EXPECT_NE(run.text.find("driver's CUDA 13.0   toolkit's CUDA 13.0   this program's CUDA 13.0"),
            std::string::npos)
      << run.text;
}

TEST(WholeClimbTest, AFaultBlocksAllAboveIt) {
  FakeStack stack;
  add_order(stack, "cublasCreate_v2=1");
  const StackCheckRun run = stack.run({"--quick"});
  EXPECT_EQ(run.exit_code, 15);
  EXPECT_EQ(row_of(run, "runtime")["status"], "ok");
  EXPECT_EQ(row_of(run, "cublas")["status"], "fail");
  EXPECT_EQ(row_of(run, "cudnn")["status"], "blocked");
}

}  // namespace
}  // namespace strata::test
