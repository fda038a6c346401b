// The probe of the CUDA runtime over a stand-in for the GPU (fakes/fake_gpu.cpp).
#include <gtest/gtest.h>

#include <filesystem>

#include "tensor/build_config.h"
#include "tests/stack_check/probe_run.h"
#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kMachineCode = "saxpy<<<>>> (machine code)";
constexpr const char* kPtx = "saxpy<<<>>> (PTX, compiled by the driver)";

class RuntimeProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    if constexpr (!kHasCuda) GTEST_SKIP() << "this build has no GPU code";
  }
  ProbeRun runtime(const std::map<std::string, std::string>& environment,
                   const std::vector<std::string>& flags = {"--quick"}) {
    return run_fake_probe("runtime", {.environment = environment, .flags = flags});
  }
};

TEST_F(RuntimeProbeTest, ReportsAHealthyRuntime) {
  const ProbeRun run = runtime({});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  for (const ReportedCall& call : run.calls) EXPECT_EQ(call.code, 0) << call.name;
  EXPECT_EQ(run.facts.at("runtime_cuda"), 13000);
  EXPECT_EQ(run.facts.at("driver_cuda"), 13000);
  EXPECT_EQ(run.facts.at("architectures"), json({90}));
  EXPECT_EQ(run.facts.at("ptx"), 75);
  EXPECT_EQ(run.facts.at("device").at("cc"), 90);
  EXPECT_EQ(run.facts.at("device").at("multiprocessors"), 132);
  EXPECT_EQ(run.facts.at("kernel_wrong"), 0);
  EXPECT_EQ(run.facts.at("ptx_kernel_wrong"), 0);
  EXPECT_FALSE(run.facts.contains("memory_gb_s")) << "--quick measures nothing";
}

TEST_F(RuntimeProbeTest, MeasuresCopiesAndMemory) {
  const json healthy = runtime({}, {}).facts;
  EXPECT_NEAR(healthy.at("copy_to_gb_s"), 50, 1);
  EXPECT_NEAR(healthy.at("copy_from_gb_s"), 50, 1);
  EXPECT_NEAR(healthy.at("memory_gb_s"), 3000, 30);
  const json slow = runtime({{"FAKE_SLOW", "memory"}}, {}).facts;
  EXPECT_NEAR(slow.at("memory_gb_s"), 300, 3);
  EXPECT_NEAR(slow.at("copy_to_gb_s"), 50, 1);
}

TEST_F(RuntimeProbeTest, MeasuresWithinTheMemoryThatIsLeft) {
  const ProbeRun run = runtime({{"FAKE_FREE_MB", "1000"}}, {});
  for (const ReportedCall& call : run.calls) EXPECT_EQ(call.code, 0) << call.name;
  EXPECT_NEAR(run.facts.at("memory_gb_s"), 3000, 30);
}

TEST_F(RuntimeProbeTest, AnOldDriverIsToldByBothVersions) {
  const ProbeRun run = runtime({{"FAKE_DRIVER_CUDA", "12020"}});
  EXPECT_EQ(run.facts.at("driver_cuda"), 12020);
  EXPECT_EQ(run.facts.at("runtime_cuda"), 13000);
  EXPECT_EQ(run.code("cudaGetDeviceCount"), 35);
  EXPECT_EQ(run.last("cudaGetDeviceCount")->code_name, "cudaErrorInsufficientDriver");
  EXPECT_EQ(run.last("cudaSetDevice"), nullptr);
}

TEST_F(RuntimeProbeTest, ACardWithoutMachineCodeStillTriesPtx) {
  const ProbeRun run = runtime({{"FAKE_CC", "120"}, {"FAKE_SASS", "80,90"}});
  EXPECT_EQ(run.facts.at("architectures"), json({80, 90}));
  EXPECT_EQ(run.facts.at("device").at("cc"), 120);
  EXPECT_EQ(run.code(kMachineCode), 209);
  EXPECT_EQ(run.code(kPtx), 0);
  EXPECT_EQ(run.facts.at("ptx_kernel_wrong"), 0);
}

TEST_F(RuntimeProbeTest, PtxFailsByItself) {
  for (const int code : {221, 222}) {
    const ProbeRun run = runtime({{"FAKE_CALLS", "saxpy_from_ptx=" + std::to_string(code)}});
    EXPECT_EQ(run.code(kMachineCode), 0);
    EXPECT_EQ(run.code(kPtx), code);
    EXPECT_FALSE(run.facts.contains("ptx_kernel_wrong"));
  }
}

TEST_F(RuntimeProbeTest, OneWrongElementIsCounted) {
  const json wrong = runtime({{"FAKE_WRONG", "saxpy"}}).facts;
  EXPECT_EQ(wrong.at("kernel_wrong"), 1);
  EXPECT_EQ(wrong.at("ptx_kernel_wrong"), 0);
}

TEST_F(RuntimeProbeTest, FailedAllocationsAndHangsAreBlamedOnTheirCall) {
  EXPECT_EQ(runtime({{"FAKE_FREE_MB", "1"}}).code("cudaMalloc"), 2);
  const ProbeRun hung = run_fake_probe(
      "runtime", {.environment = {{"FAKE_CALLS", "saxpy=hang"}}, .timeout_seconds = 2});
  EXPECT_EQ(hung.calls.back().name, kMachineCode);
  EXPECT_FALSE(hung.calls.back().code);
}

TEST_F(RuntimeProbeTest, NeighboursAreFactsAndNoFailures) {
  const TemporaryFolder folder;
  fs::create_symlink(fs::path(FAKES) / "libnvidia-ml.so.1", folder.path() / "libcudart.so.13");
  const ProbeRun run = runtime({{"LD_LIBRARY_PATH", folder.path().string()}});
  EXPECT_EQ(run.facts.at("cudart").at("path"), (folder.path() / "libcudart.so.13").string());
  EXPECT_FALSE(run.facts.contains("ptx_compiler"));
  EXPECT_EQ(run.code("dlopen(libnvidia-ptxjitcompiler.so.1)"), 0);
  EXPECT_NE(run.last("dlopen(libnvidia-ptxjitcompiler.so.1)")->words, "");
  EXPECT_FALSE(runtime({{"LD_LIBRARY_PATH", ""}}).facts.contains("cudart"))
      << "found the system's copy";
}

}  // namespace
}  // namespace strata::test
