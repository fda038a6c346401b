// The probe of libcuda over a stand-in for the driver's library.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/stack_check/probe_run.h"
#include "tests/support/idx_files.h"
#include "tests/support/program.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

ProbeRun libcuda(const std::map<std::string, std::string>& environment) {
  return run_fake_probe("libcuda", {.environment = environment});
}

TEST(LibcudaProbeTest, ReportsAHealthyDriver) {
  const ProbeRun run = libcuda({});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.calls.front().name, "dlopen(libcuda.so.1)");
  EXPECT_EQ(run.calls.back().name, "cuDevicePrimaryCtxRelease");
  for (const ReportedCall& call : run.calls) EXPECT_EQ(call.code, 0) << call.name;
  EXPECT_EQ(run.facts.at("library").at("name"), "libcuda.so.1");
  EXPECT_EQ(run.facts.at("library").at("target"),
            fs::canonical(fs::path(FAKES) / "libcuda.so.1").string());
  EXPECT_EQ(run.facts.at("driver_cuda"), 13000);
  EXPECT_EQ(run.facts.at("count"), 1);
  ASSERT_EQ(run.facts.at("gpus").size(), 1u);
  const auto& gpu = run.facts.at("gpus").at(0);
  EXPECT_EQ(gpu.at("index"), 0);
  EXPECT_EQ(gpu.at("name"), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(gpu.at("uuid"), "GPU-f1102030-4050-6070-8090-a0b0c0d0e000");
  EXPECT_EQ(gpu.at("pci"), "0000:3b:00.0");
  EXPECT_EQ(gpu.at("cc"), 90);
  EXPECT_EQ(gpu.at("compute_mode"), 0);
  EXPECT_EQ(gpu.at("multiprocessors"), 132);
  EXPECT_EQ(gpu.at("clock_khz"), 1980000);
  EXPECT_EQ(gpu.at("memory_clock_khz"), 2619000);
  EXPECT_EQ(gpu.at("bus_bits"), 5120);
  EXPECT_EQ(gpu.at("memory_total"), size_t{80000} << 20);
  EXPECT_EQ(gpu.at("memory_free"), size_t{79000} << 20);
  EXPECT_EQ(gpu.at("copied"), true);
}

TEST(LibcudaProbeTest, DoesNotFindTheSystemsCopy) {
  const ProbeRun run = libcuda({{"LD_LIBRARY_PATH", ""}});
  EXPECT_EQ(run.exit_code, 0);
  ASSERT_EQ(run.calls.size(), 1u);
  EXPECT_EQ(run.code("dlopen(libcuda.so.1)"), 1);
  EXPECT_NE(run.calls[0].words.find("libcuda.so.1: cannot open"), std::string::npos);
  EXPECT_FALSE(run.facts.contains("library"));
}

TEST(LibcudaProbeTest, LooksInTheGivenFoldersOnly) {
  // AddressSanitizer opens libraries in the probe's stead, and looks where it likes.
  if (dlsym(RTLD_DEFAULT, "__asan_init")) GTEST_SKIP() << "not with AddressSanitizer";
  const ProbeRun run = libcuda({{"LD_LIBRARY_PATH", "/nowhere"}, {"LD_DEBUG", "libs"}});
  const size_t search = run.errors.rfind("find library=libcuda.so.1");
  ASSERT_NE(search, std::string::npos);
  const std::string trace = run.errors.substr(search);
  EXPECT_NE(trace.find("/nowhere/libcuda.so.1"), std::string::npos) << trace;
  EXPECT_EQ(trace.find("ld.so.cache"), std::string::npos) << trace;
  EXPECT_EQ(trace.find("system search path"), std::string::npos) << trace;
}

TEST(LibcudaProbeTest, TakesTheLibrarysWordsAndOursWhereItHasNone) {
  const ProbeRun known = libcuda({{"FAKE_CALLS", "cuInit=100"}});
  EXPECT_EQ(known.last("cuInit")->code_name, "CUDA_ERROR_NO_DEVICE");
  EXPECT_EQ(known.last("cuInit")->words, "no CUDA-capable device is detected");
  const ProbeRun silent = libcuda({{"FAKE_CALLS", "cuInit=100;cuGetErrorString=1"}});
  EXPECT_EQ(silent.last("cuInit")->words, "no GPU was found");
  const ProbeRun unknown = libcuda({{"FAKE_CALLS", "cuInit=12345"}});
  EXPECT_EQ(unknown.code("cuInit"), 12345);
  EXPECT_EQ(unknown.last("cuInit")->code_name, "");
}

TEST(LibcudaProbeTest, EveryCodeOfCuInitComesThroughAndEndsTheProbe) {
  for (const int code : {2, 3, 34, 46, 100, 101, 802, 803, 804, 999}) {
    const ProbeRun run = libcuda({{"FAKE_CALLS", "cuInit=" + std::to_string(code)}});
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.calls.back().name, "cuInit");
    EXPECT_EQ(run.code("cuInit"), code);
    EXPECT_NE(run.last("cuInit")->code_name, "");
    EXPECT_EQ(run.facts.at("driver_cuda"), 13000);
    EXPECT_FALSE(run.facts.contains("count"));
  }
}

TEST(LibcudaProbeTest, TheVisibleDevicesAreThoseOfTheDriversRules) {
  const auto pci = [](const std::string& visible) {
    const ProbeRun run = libcuda({{"FAKE_GPUS", "3"}, {"CUDA_VISIBLE_DEVICES", visible}});
    std::string buses;
    for (const auto& gpu : run.facts.value("gpus", nlohmann::json::array()))
      buses += gpu.at("pci").get<std::string>().substr(5, 2) + " ";
    return run.code("cuInit") == 0 ? buses : "cuInit " + std::to_string(run.code("cuInit"));
  };
  EXPECT_EQ(pci("2,0"), "3d 3b ");
  EXPECT_EQ(pci("1,7,0"), "3c ");
  EXPECT_EQ(pci("GPU-f1102030-4050-6070-8090-a0b0c0d0e001"), "3c ");
  EXPECT_EQ(pci(""), "cuInit 100");
  EXPECT_EQ(pci("7"), "cuInit 100");
  EXPECT_EQ(pci("1,1"), "cuInit 100");
}

TEST(LibcudaProbeTest, OneBrokenGpuOfThreeLeavesTheOthers) {
  const ProbeRun run =
      libcuda({{"FAKE_GPUS", "3"}, {"FAKE_CALLS", "cuDevicePrimaryCtxRetain@1=46"}});
  ASSERT_EQ(run.facts.at("gpus").size(), 3u);
  EXPECT_EQ(run.facts.at("gpus").at(0).at("copied"), true);
  EXPECT_FALSE(run.facts.at("gpus").at(1).contains("copied"));
  EXPECT_EQ(run.facts.at("gpus").at(1).at("cc"), 90);
  EXPECT_EQ(run.facts.at("gpus").at(2).at("copied"), true);
  for (const ReportedCall& call : run.calls) {
    const bool broken = call.name == "cuDevicePrimaryCtxRetain" && call.gpu == 1;
    EXPECT_EQ(call.code, broken ? 46 : 0) << call.name;
  }
}

TEST(LibcudaProbeTest, ProhibitedModeMemoryAndSpoiltBytesAreSeen) {
  EXPECT_EQ(libcuda({{"FAKE_COMPUTE_MODE", "2"}}).code("cuDevicePrimaryCtxRetain"), 46);
  const ProbeRun full = libcuda({{"FAKE_FREE_MB", "0"}});
  EXPECT_EQ(full.code("cuMemAlloc"), 2);
  EXPECT_EQ(full.facts.at("gpus").at(0).at("memory_free"), 0);
  EXPECT_EQ(full.code("cuDevicePrimaryCtxRelease"), 0);
  EXPECT_EQ(libcuda({{"FAKE_WRONG", "cuMemcpyDtoH"}}).facts.at("gpus").at(0).at("copied"), false);
}

TEST(LibcudaProbeTest, AMigInstanceHasItsOwnUuid) {
  EXPECT_EQ(libcuda({{"FAKE_MIG", "1"}}).facts.at("gpus").at(0).at("uuid"),
            "MIG-aa102030-4050-6070-8090-a0b0c0d0e000");
}

TEST(LibcudaProbeTest, ACallThatHangsOrKillsIsTheLastOne) {
  const ProbeRun hung = run_fake_probe(
      "libcuda", {.environment = {{"FAKE_CALLS", "cuInit=hang"}}, .timeout_seconds = 2});
  EXPECT_EQ(hung.exit_code, 128 + 9);
  EXPECT_EQ(hung.calls.back().name, "cuInit");
  EXPECT_FALSE(hung.calls.back().code);
  EXPECT_EQ(hung.facts.at("driver_cuda"), 13000) << "what was known before is lost";
  const ProbeRun aborted = libcuda({{"FAKE_CALLS", "cuMemAlloc=abort"}});
  EXPECT_EQ(aborted.calls.back().name, "cuMemAlloc");
  EXPECT_FALSE(aborted.calls.back().code);
  EXPECT_EQ(aborted.facts.at("gpus").at(0).at("memory_free"), size_t{79000} << 20);
  EXPECT_EQ(libcuda({{"FAKE_CALLS", "cuInit=crash"}}).calls.back().name, "cuInit");
}

TEST(LibcudaProbeTest, AMegabyteOfOutputIsNoReport) {
  const ProbeRun run = libcuda({{"FAKE_CALLS", "cuDeviceGetCount=print"}});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_GE(run.errors.size(), size_t{1} << 20);
  EXPECT_EQ(run.facts.at("gpus").at(0).at("copied"), true);
}

TEST(LibcudaProbeTest, ALibraryOfAnotherKindLacksTheFunctions) {
  const TemporaryFolder folder;
  fs::create_symlink(fs::path(FAKES) / "libnvidia-ml.so.1", folder.path() / "libcuda.so.1");
  const ProbeRun run = libcuda({{"LD_LIBRARY_PATH", folder.path().string()}});
  EXPECT_EQ(run.calls.back().name, "dlsym(cuDriverGetVersion)");
  EXPECT_EQ(run.calls.back().code, 1);
  EXPECT_EQ(run.facts.at("library").at("target"),
            fs::canonical(fs::path(FAKES) / "libnvidia-ml.so.1").string());
}

TEST(LibcudaProbeTest, ATextFileIsRefusedInTheLoadersWords) {
  const TemporaryFolder folder;
  write_bytes(folder.path() / "libcuda.so.1", {'<', 'h', 't', 'm', 'l', '>'});
  const ProbeRun run = libcuda({{"LD_LIBRARY_PATH", folder.path().string()}});
  EXPECT_EQ(run.code("dlopen(libcuda.so.1)"), 1);
  EXPECT_NE(run.calls[0].words.find("file too short"), std::string::npos) << run.calls[0].words;
}

TEST(LibcudaProbeTest, WrongUsageNamesTheArgument) {
  const auto run = [](const std::vector<std::string>& arguments) {
    return run_program(HIDDEN_PROBE, arguments);
  };
  EXPECT_EQ(run({}).exit_code, 2);
  for (const char* wrong : {"--fast", "libcudnn"}) {
    const ProgramResult result = run({"libcuda", wrong});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_NE(result.errors.find(wrong), std::string::npos) << result.errors;
  }
}

}  // namespace
}  // namespace strata::test
