// The probe of cuBLAS over stand-ins for it, and over files of it that do not fit together.
#include <gtest/gtest.h>

#include "tests/stack_check/probe_run.h"

namespace strata::test {
namespace {

constexpr double kTolerance = 1e-5;  // fp32 sums of 53 products of numbers below one

TEST(CublasProbeTest, AHealthyOneIsCheckedAndMeasured) {
  const ProbeRun run = run_fake_probe("cublas", {.flags = {}});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.code("cublasSgemm_v2"), 0);
  EXPECT_EQ(run.facts["version"], run.facts["built"]);
  EXPECT_EQ(run.facts["lt_version"], run.facts["built"]);
  EXPECT_GT(run.facts["product_error"], 0);
  EXPECT_LT(run.facts["product_error"], kTolerance);
  EXPECT_NEAR(run.facts["fp32_tflops"], 50, 1);
  EXPECT_NEAR(run.facts["bf16_tflops"], 700, 1);
  EXPECT_EQ(run.facts["memory_free"], size_t{79000} << 20);
  ASSERT_EQ(run.facts["libraries"].size(), 2);
  for (const auto& library : run.facts["libraries"])
    EXPECT_EQ(library["target"], FAKES "/" + library["name"].get<std::string>());
}

TEST(CublasProbeTest, QuickMeasuresNothing) {
  const ProbeRun run = run_fake_probe("cublas");
  EXPECT_TRUE(run.facts.contains("product_error"));
  EXPECT_FALSE(run.facts.contains("fp32_tflops"));
}

TEST(CublasProbeTest, MeasuresNoTypeThatTheCardLacksAndNoSizeThatDoesNotFit) {
  const ProbeRun run = run_fake_probe(
      "cublas", {.environment = {{"FAKE_CC", "75"}, {"FAKE_FREE_MB", "64"}}, .flags = {}});
  EXPECT_GT(run.facts["fp32_tflops"], 0);
  EXPECT_FALSE(run.facts.contains("bf16_tflops"));
  EXPECT_EQ(run.code("cudaMalloc"), 0);
}

TEST(CublasProbeTest, AWrongProductShows) {
  const ProbeRun run =
      run_fake_probe("cublas", {.environment = {{"FAKE_WRONG", "cublasSgemm_v2"}}});
  EXPECT_GT(run.facts["product_error"], 0.1);
}

TEST(CublasProbeTest, AFailureKeepsTheLibrarysWords) {
  const ProbeRun run =
      run_fake_probe("cublas", {.environment = {{"FAKE_CALLS", "cublasCreate_v2=1"}}});
  EXPECT_EQ(run.exit_code, 0);
  ASSERT_NE(run.last("cublasCreate_v2"), nullptr);
  EXPECT_EQ(run.last("cublasCreate_v2")->code_name, "CUBLAS_STATUS_NOT_INITIALIZED");
  EXPECT_EQ(run.last("cublasCreate_v2")->words, "the library was not initialized");
  EXPECT_EQ(run.last("cublasSgemm_v2"), nullptr);
}

TEST(CublasProbeTest, ACrashLosesNothingThatWasKnown) {
  const ProbeRun run =
      run_fake_probe("cublas", {.environment = {{"FAKE_CALLS", "cublasCreate_v2=crash"}}});
  EXPECT_NE(run.exit_code, 0);
  EXPECT_EQ(run.calls.back().name, "cublasCreate_v2");
  EXPECT_FALSE(run.calls.back().code.has_value());
  EXPECT_TRUE(run.facts.contains("version"));
  EXPECT_TRUE(run.facts.contains("memory_free"));
}

TEST(CublasProbeTest, AForeignCublasLt) {
  const ProbeRun run =
      run_fake_probe("cublas", {.environment = {{"LD_LIBRARY_PATH", FAKES "/foreign:" FAKES}}});
  const std::string major = std::to_string(run.facts["built"].get<int>() / 10000);
  const ReportedCall* opening = run.last("dlopen(libcublas.so." + major + ")");
  ASSERT_NE(opening, nullptr);
  EXPECT_NE(opening->code, 0);
  EXPECT_NE(
      opening->words.find("undefined symbol: cublasLtGetEnvironmentMode, version libcublasLt"),
      std::string::npos)
      << opening->words;
  // Which file it was is known all the same.
  ASSERT_EQ(run.facts["libraries"].size(), 1);
  EXPECT_EQ(run.facts["libraries"][0]["target"], FAKES "/foreign/libcublasLt.so." + major);
}

TEST(CublasProbeTest, NoCublasAtAll) {
  const ProbeRun run = run_fake_probe("cublas", {.environment = {{"LD_LIBRARY_PATH", "/nowhere"}}});
  EXPECT_EQ(run.exit_code, 0);
  ASSERT_EQ(run.calls.size(), 2);
  for (const ReportedCall& call : run.calls)
    EXPECT_NE(call.words.find("cannot open shared object file"), std::string::npos) << call.words;
  EXPECT_TRUE(run.facts["libraries"].empty());
}

}  // namespace
}  // namespace strata::test
