// The climb itself: what is not seen is not broken, layers that are not asked for, and probes that
// misbehave.
#include "tests/stack_check/failure_mode.h"

namespace strata::test {
namespace {

using nlohmann::json;

const std::vector<std::string> kToLibcuda = {"--quick", "--to", "libcuda"};

std::string status_of(const StackCheckRun& run, const std::string& layer) {
  if (run.report.is_object())
    for (const json& row : run.report["layers"])
      if (row["layer"] == layer) return row["status"];
  return "no report: " + run.errors;
}

void hide_everything(FakeStack& stack) {
  for (const char* path :
       {"/sys", "/proc", "/lib/modules", "/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"})
    stack.machine.remove(path);
}

TEST(ClimbTest, AHealthyMachinePasses) {
  const StackCheckRun run = FakeStack().run({"--quick", "--to", "libcuda", "--strict"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
  for (const char* layer : {"pci", "driver", "access", "libcuda"})
    EXPECT_EQ(status_of(run, layer), "ok");
  EXPECT_EQ(status_of(run, "runtime"), "skipped");
  EXPECT_TRUE(run.report["verdict"].is_null());
  EXPECT_EQ(run.report["findings"].size(), 0u) << run.text;
}

TEST(ClimbTest, WhatASandboxHidesIsNotBroken) {
  FakeStack stack;
  hide_everything(stack);
  const StackCheckRun run = stack.run({"--quick", "--to", "libcuda", "--strict"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
  EXPECT_EQ(status_of(run, "pci"), "ok");
  EXPECT_EQ(status_of(run, "driver"), "ok");
  EXPECT_NE(run.text.find("not seen from here, but libcuda works"), std::string::npos) << run.text;
}

TEST(ClimbTest, WhatIsHiddenIsUnknownWhereTheDriverFails) {
  FakeStack stack;
  hide_everything(stack);
  no_gpu_for_cuda(stack);
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(status_of(run, "pci"), "unknown");
  EXPECT_EQ(status_of(run, "driver"), "unknown");
  EXPECT_GE(run.exit_code, 12) << run.text;
}

TEST(ClimbTest, AWorkingDriverOverrulesMissingTraces) {
  FakeStack stack;  // a container that sees neither bus nor nodes, but in which CUDA works
  stack.machine.remove("/sys/bus/pci/devices/0000:3b:00.0")
      .remove("/dev/nvidia0")
      .remove("/dev/nvidiactl");
  stack.machine.remove("/dev/nvidia-uvm").folder("/sys/bus/pci/devices");
  in_container(stack);
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(run.exit_code, 0) << run.text;
}

TEST(ClimbTest, LayersThatAreNotAskedForAreSkipped) {
  const StackCheckRun run = FakeStack().run({"--from", "driver", "--to", "12"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
  EXPECT_EQ(status_of(run, "pci"), "skipped");
  EXPECT_EQ(status_of(run, "driver"), "ok");
  EXPECT_EQ(status_of(run, "access"), "ok");
  EXPECT_EQ(status_of(run, "libcuda"), "skipped");
}

TEST(ClimbTest, NoGpuAtAllCanBeSkipped) {
  FakeStack stack;
  hide_everything(stack);
  stack.machine.folder("/sys/bus/pci/devices").folder("/sys/module");
  stack.remove("libcuda.so.1");
  EXPECT_EQ(stack.run({"--quick"}).exit_code, 10);
  EXPECT_EQ(stack.run({"--quick", "--skip-if-no-gpu"}).exit_code, 77);
  FakeStack broken;  // a card that does not work is no missing card
  no_gpu_for_cuda(broken);
  EXPECT_EQ(broken.run({"--quick", "--skip-if-no-gpu"}).exit_code, 13);
}

// A probe's noise changes nothing but its own row.
TEST(ClimbTest, AProbeThatPrintsAMegabyteOrForksPasses) {
  for (const char* misbehaviour : {"cuInit=print", "cuInit=fork"}) {
    FakeStack stack;
    add_order(stack, misbehaviour);
    const StackCheckRun run = stack.run(kToLibcuda);
    EXPECT_EQ(run.exit_code, 0) << misbehaviour << run.text;
    EXPECT_EQ(status_of(run, "libcuda"), "ok");
    EXPECT_LT(run.text.size(), 8000u) << "the noise is in the report";
  }
}

TEST(ClimbTest, AHangEndsInTime) {
  FakeStack stack;
  add_order(stack, "cuInit=hang");
  add_order(stack, "nvmlInit_v2=hang");
  const StackCheckRun run = stack.run({"--timeout", "0.5"});
  EXPECT_EQ(run.exit_code, 13) << run.text;
  EXPECT_LT(run.report["seconds"].get<double>(), 5.0);
  EXPECT_EQ(run.report["verdict"]["id"], "ANY-HANG");
}

TEST(ClimbTest, TwoGpusHaveAColumnEach) {
  FakeStack stack;
  stack.add_gpu();
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(run.exit_code, 0) << run.text;
  EXPECT_EQ(run.report["gpus"].size(), 2u);
  for (const json& row : run.report["layers"])
    if (row["layer"] == "pci" || row["layer"] == "libcuda") {
      EXPECT_EQ(row["gpus"].size(), 2u) << row;
    }
  EXPECT_NE(run.text.find("GPU 1"), std::string::npos) << run.text;
}

TEST(ClimbTest, OneBadGpuOfTwoIsNamed) {
  FakeStack stack;
  stack.add_gpu();
  add_order(stack, "cuDevicePrimaryCtxRetain@1=46");
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(run.exit_code, 13) << run.text;
  EXPECT_EQ(run.report["verdict"]["gpu"], 1);
  for (const json& row : run.report["layers"])
    if (row["layer"] == "libcuda") {
      EXPECT_EQ(row["gpus"][0]["status"], "ok");
      EXPECT_EQ(row["gpus"][1]["status"], "fail");
    }
}

TEST(ClimbTest, AFileThatTheLoaderPassesOverIsNoFault) {
  FakeStack stack;
  const auto old = stack.folder("old");
  std::filesystem::create_symlink("gone", old / "libcuda.so.1");
  stack.environment["LD_LIBRARY_PATH"] = old.string() + ":" + stack.libraries().string();
  const StackCheckRun run = stack.run({"--quick", "--to", "libcuda", "--strict"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
}

TEST(ClimbTest, ASleepingLaptopCardIsHealthy) {
  FakeStack stack;
  stack.machine.file("/sys/bus/pci/devices/0000:3b:00.0/power_state", "D3cold\n");
  EXPECT_EQ(stack.run({"--to", "access", "--strict"}).exit_code, 0);
  add_order(stack, "cuInit=34");  // what is broken is the stub
  EXPECT_EQ(stack.run(kToLibcuda).exit_code, 13);
}

TEST(ClimbTest, CardsOfOthersAreNoFaultOfAContainer) {
  FakeStack stack;
  stack.add_gpu();
  stack.environment["FAKE_GPUS"] = "1";
  stack.machine.remove("/dev/nvidia1")
      .file("/sys/bus/pci/devices/0000:5e:00.0/config", std::string(64, '\xff'));
  in_container(stack);
  const StackCheckRun run = stack.run({"--quick", "--to", "libcuda", "--strict"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
}

TEST(ClimbTest, ACardThatDoesNotStartIsNoticedBesideOneThatDoes) {
  FakeStack stack;
  stack.add_gpu();
  stack.environment["FAKE_GPUS"] = "1";
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(run.exit_code, 10) << run.text;
  EXPECT_EQ(run.report["verdict"]["id"], "0-LOST");
}

TEST(ClimbTest, AnOldCardBesideANewOneIsStillBlamed) {
  FakeStack stack;
  stack.add_gpu();
  stack.environment["FAKE_GPUS"] = "1";
  stack.machine.file("/sys/bus/pci/devices/0000:5e:00.0/device", "0x1b06\n").remove("/dev/nvidia1");
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(run.exit_code, 11) << run.text;
  EXPECT_EQ(run.report["verdict"]["id"], "1-GSP");
}

TEST(ClimbTest, WordsThatSteerATerminalAreDisarmed) {
  FakeStack stack;
  stack.environment["FAKE_NAME"] = "H100\x1b[2J\nverdict: all is well";
  stack.environment["CUDA_VISIBLE_DEVICES"] = "7\x1b]0;title\x07";
  const StackCheckRun run = stack.run(kToLibcuda);
  EXPECT_EQ(run.exit_code, 13) << run.text;
  EXPECT_EQ(run.text.find('\x1b'), std::string::npos);
  EXPECT_EQ(run.text.find('\x07'), std::string::npos);
}

TEST(ClimbTest, EachLibraryHasItsFileAndTheReason) {
  const StackCheckRun run = FakeStack().run(kToLibcuda);
  ASSERT_TRUE(run.report.is_object()) << run.errors;
  const json& library = run.report["layers"][3]["libraries"][0];
  EXPECT_EQ(library["name"], "libcuda.so.1");
  EXPECT_EQ(library["version"], "580.65.06");
  EXPECT_EQ(library["reason"], "by_ld_library_path");
  EXPECT_NE(run.text.find("through LD_LIBRARY_PATH"), std::string::npos) << run.text;
}

TEST(ClimbTest, TheSchemaOfTheJsonIsWhole) {
  const StackCheckRun run = FakeStack().run(kToLibcuda);
  ASSERT_TRUE(run.report.is_object()) << run.errors;
  EXPECT_EQ(run.report["schema"], 1);
  for (const char* key : {"tool", "version", "time", "exit_code", "verdict", "layers", "findings",
                          "gpus", "versions", "host", "seconds"})
    EXPECT_TRUE(run.report.contains(key)) << key;
  ASSERT_EQ(run.report["layers"].size(), 10u);
  for (const json& row : run.report["layers"])
    for (const char* key :
         {"layer", "number", "status", "text", "seconds", "gpus", "libraries", "output"})
      EXPECT_TRUE(row.contains(key)) << key << " in " << row;
}

}  // namespace
}  // namespace strata::test
