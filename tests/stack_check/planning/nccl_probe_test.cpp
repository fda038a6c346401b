// The probe of NCCL over a stand-in for it, with one GPU and with several.
#include <gtest/gtest.h>

#include "tests/stack_check/probe_run.h"

namespace strata::test {
namespace {

using Environment = std::map<std::string, std::string>;

ProbeRun run_on_two(Environment environment, std::vector<std::string> flags = {"--quick"}) {
  environment["FAKE_GPUS"] = "2";
  return run_fake_probe("nccl",
                        {.environment = environment, .flags = flags, .timeout_seconds = 20});
}

TEST(NcclProbeTest, OneGpuHasNothingToSum) {
  const ProbeRun run = run_fake_probe("nccl");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.facts["version"], 22809);
  EXPECT_EQ(run.facts["has_register"], true);
  EXPECT_EQ(run.facts["gpus"], 1);
  EXPECT_EQ(run.last("ncclCommInitAll"), nullptr);
}

TEST(NcclProbeTest, SumsAndCopiesAreRightAndMeasured) {
  const ProbeRun run = run_on_two({}, {});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.facts["sum_wrong"], 0);
  EXPECT_EQ(run.facts["peer_copy_wrong"], 0);
  EXPECT_EQ(run.facts["peer_access"], true);
  EXPECT_NEAR(run.facts["all_reduce_gb_s"], 300, 1);  // of two GPUs, all data passes over each link
  ASSERT_EQ(run.facts["libraries"].size(), 1);
  EXPECT_EQ(run.facts["libraries"][0]["target"], FAKES "/libnccl.so.2");
}

TEST(NcclProbeTest, MoreGpus) {
  const ProbeRun run = run_fake_probe("nccl", {.environment = {{"FAKE_GPUS", "5"}}});
  EXPECT_EQ(run.facts["gpus"], 5);
  EXPECT_EQ(run.facts["sum_wrong"], 0);
}

TEST(NcclProbeTest, AWrongSumIsCountedOnEveryGpu) {
  const ProbeRun run = run_on_two({{"FAKE_WRONG", "ncclAllReduce"}});
  EXPECT_EQ(run.facts["sum_wrong"], 2);
  EXPECT_EQ(run.facts["peer_copy_wrong"], 0);
}

TEST(NcclProbeTest, AWrongCopyBetweenGpus) {
  const ProbeRun run = run_on_two({{"FAKE_WRONG", "cudaMemcpyPeer"}});
  EXPECT_EQ(run.facts["sum_wrong"], 0);
  EXPECT_EQ(run.facts["peer_copy_wrong"], 2);  // one on the way there, one on the way back
}

TEST(NcclProbeTest, AFailureKeepsTheLibrarysWordsAndTheCopyIsStillTried) {
  const ProbeRun run = run_on_two({{"FAKE_CALLS", "ncclCommInitAll=2"}});
  ASSERT_NE(run.last("ncclCommInitAll"), nullptr);
  EXPECT_EQ(run.last("ncclCommInitAll")->code_name, "ncclSystemError");
  EXPECT_EQ(run.last("ncclCommInitAll")->words.substr(0, 22), "unhandled system error");
  EXPECT_FALSE(run.facts.contains("sum_wrong"));
  EXPECT_EQ(run.facts["peer_copy_wrong"], 0);
}

TEST(NcclProbeTest, AHangIsTheCallsThatNeverReturned) {
  const ProbeRun run = run_fake_probe(
      "nccl", {.environment = {{"FAKE_GPUS", "2"}, {"FAKE_CALLS", "ncclGroupEnd=hang"}},
               .timeout_seconds = 3});
  EXPECT_NE(run.exit_code, 0);
  EXPECT_EQ(run.calls.back().name, "ncclGroupEnd");
  EXPECT_FALSE(run.calls.back().code.has_value());
  EXPECT_EQ(run.facts["version"], 22809);
}

TEST(NcclProbeTest, AnOldCopyLacksAFunction) {
  const ProbeRun run = run_fake_probe(
      "nccl",
      {.environment = {{"LD_LIBRARY_PATH", FAKES "/old:" FAKES}, {"FAKE_NCCL_VERSION", "21805"}}});
  EXPECT_EQ(run.facts["has_register"], false);
  EXPECT_EQ(run.facts["version"], 21805);
  EXPECT_EQ(run.facts["library"]["target"], FAKES "/old/libnccl.so.2");
}

}  // namespace
}  // namespace strata::test
