// The probe of NVML over a stand-in for it.
#include <gtest/gtest.h>

#include "tests/stack_check/probe_run.h"

namespace strata::test {
namespace {

using nlohmann::json;

ProbeRun nvml(const std::map<std::string, std::string>& environment) {
  return run_fake_probe("nvml", {.environment = environment});
}

TEST(NvmlProbeTest, ReportsAHealthyCard) {
  const ProbeRun run = nvml({});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  for (const ReportedCall& call : run.calls) EXPECT_EQ(call.code, 0) << call.name;
  EXPECT_EQ(run.calls.back().name, "nvmlShutdown");
  EXPECT_EQ(run.facts.at("library").at("name"), "libnvidia-ml.so.1");
  EXPECT_EQ(run.facts.at("driver"), "580.65.06");
  EXPECT_EQ(run.facts.at("count"), 1);
  const json expected = {{"uuid", "GPU-f1102030-4050-6070-8090-a0b0c0d0e000"},
                         {"name", "NVIDIA H100 80GB HBM3"},
                         {"pci", "0000:3b:00.0"},
                         {"temperature", 40},
                         {"power_w", 120.5},
                         {"power_limit_w", 700.0},
                         {"clock_mhz", 1980},
                         {"clock_max_mhz", 1980},
                         {"throttle", json::array()},
                         {"ecc_uncorrected", 0},
                         {"remap_pending", false},
                         {"remap_failed", false},
                         {"mig", false},
                         {"pcie_generation", 5},
                         {"pcie_generation_max", 5},
                         {"pcie_width", 16},
                         {"pcie_width_max", 16},
                         {"memory_used", size_t{1000} << 20},
                         {"compute_mode", 0},
                         {"processes", json::array()}};
  ASSERT_EQ(run.facts.at("gpus").size(), 1u);
  EXPECT_EQ(run.facts.at("gpus").at(0), expected);
}

TEST(NvmlProbeTest, ReportsWhatIsWrongWithACard) {
  const json gpu = nvml({{"FAKE_THROTTLE", "thermal (hardware);power cap"},
                         {"FAKE_ECC", "3"},
                         {"FAKE_REMAP_PENDING", "1"},
                         {"FAKE_REMAP_FAILED", "1"},
                         {"FAKE_PCIE_WIDTH", "4"},
                         {"FAKE_TEMPERATURE", "93"},
                         {"FAKE_HOLDER_PID", "4242"},
                         {"FAKE_HOLDER_MB", "512"}})
                       .facts.at("gpus")
                       .at(0);
  EXPECT_EQ(gpu.at("throttle"), json({"power cap", "thermal (hardware)"}));
  EXPECT_EQ(gpu.at("ecc_uncorrected"), 3);
  EXPECT_EQ(gpu.at("remap_pending"), true);
  EXPECT_EQ(gpu.at("remap_failed"), true);
  EXPECT_EQ(gpu.at("pcie_width"), 4);
  EXPECT_EQ(gpu.at("temperature"), 93);
  EXPECT_EQ(gpu.at("processes"), json::parse(R"([{"pid": 4242, "bytes": 536870912}])"));
}

TEST(NvmlProbeTest, CountsMigInstances) {
  const json two = nvml({{"FAKE_MIG", "1"}, {"FAKE_MIG_INSTANCES", "2"}}).facts.at("gpus").at(0);
  EXPECT_EQ(two.at("mig"), true);
  EXPECT_EQ(two.at("mig_instances"), 2);
  const ProbeRun none = nvml({{"FAKE_MIG", "1"}});
  EXPECT_EQ(none.facts.at("gpus").at(0).at("mig_instances"), 0);
  for (const ReportedCall& call : none.calls)
    EXPECT_EQ(call.code, 0) << "an empty slot is no failure: " << call.name;
}

TEST(NvmlProbeTest, WhatACardLacksIsNoFailure) {
  const ProbeRun run =
      nvml({{"FAKE_CALLS", "nvmlDeviceGetTotalEccErrors=3;nvmlDeviceGetMigMode=3"}});
  EXPECT_EQ(run.code("nvmlDeviceGetTotalEccErrors"), 0);
  EXPECT_EQ(run.last("nvmlDeviceGetTotalEccErrors")->code_name, "NVML_ERROR_NOT_SUPPORTED");
  EXPECT_FALSE(run.facts.at("gpus").at(0).contains("ecc_uncorrected"));
  EXPECT_FALSE(run.facts.at("gpus").at(0).contains("mig"));
  EXPECT_EQ(run.facts.at("gpus").at(0).at("pcie_width"), 16);
}

TEST(NvmlProbeTest, InitFailuresComeThrough) {
  const ProbeRun run = nvml({{"FAKE_CALLS", "nvmlInit=18"}});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.calls.back().name, "nvmlInit");
  EXPECT_EQ(run.code("nvmlInit"), 18);
  EXPECT_EQ(run.last("nvmlInit")->code_name, "NVML_ERROR_LIB_RM_VERSION_MISMATCH");
  EXPECT_EQ(run.last("nvmlInit")->words, "Driver/library version mismatch");
}

TEST(NvmlProbeTest, ALostCardLeavesTheOthers) {
  const ProbeRun run =
      nvml({{"FAKE_GPUS", "3"}, {"FAKE_CALLS", "nvmlDeviceGetHandleByIndex@0=15"}});
  EXPECT_EQ(run.facts.at("count"), 3);
  ASSERT_EQ(run.facts.at("gpus").size(), 3u);
  EXPECT_TRUE(run.facts.at("gpus").at(0).empty());
  EXPECT_EQ(run.facts.at("gpus").at(2).at("pci"), "0000:3d:00.0");
  EXPECT_EQ(run.calls.back().name, "nvmlShutdown");
}

TEST(NvmlProbeTest, SeesCardsThatCudaVisibleDevicesHides) {
  EXPECT_EQ(nvml({{"FAKE_GPUS", "2"}, {"CUDA_VISIBLE_DEVICES", ""}}).facts.at("count"), 2);
}

TEST(NvmlProbeTest, WithoutTheLibraryItSaysSo) {
  const ProbeRun run = nvml({{"LD_LIBRARY_PATH", ""}});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.code("dlopen(libnvidia-ml.so.1)"), 1);
}

}  // namespace
}  // namespace strata::test
