#include "tests/stack_check/fake_stack.h"

#include <fstream>

#include "tests/support/program.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDriver = "580.65.06";

void add_card(FakeMachine& machine, const std::string& address) {
  const std::string device = "/sys/bus/pci/devices/" + address;
  machine.file(device + "/vendor", "0x10de\n")
      .file(device + "/device", "0x2330\n")
      .file(device + "/class", "0x030200\n")
      .file(device + "/config", std::string("\xde\x10\x30\x23", 4) + std::string(60, '\0'))
      .file(device + "/power_state", "D0\n")
      .file(device + "/current_link_width", "16\n")
      .file(device + "/max_link_width", "16\n")
      .file(device + "/current_link_speed", "32.0 GT/s PCIe\n")
      .file(device + "/max_link_speed", "32.0 GT/s PCIe\n")
      .link(device + "/driver", "../../../bus/pci/drivers/nvidia")
      .file("/proc/driver/nvidia/gpus/" + address + "/information", "Model: NVIDIA H100\n");
}

void make_healthy(FakeMachine& machine) {
  add_card(machine, "0000:3b:00.0");
  machine.file("/sys/module/nvidia/version", std::string(kDriver) + "\n")
      .folder("/sys/module/nvidia_uvm")
      .file("/proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n")
      .file("/proc/version", "Linux version 6.8.0-41-generic (builder) #41 SMP\n")
      .file("/proc/sys/kernel/osrelease", "6.8.0-41-generic\n")
      .file("/lib/modules/6.8.0-41-generic/updates/dkms/nvidia.ko.zst", "module")
      .folder("/lib/modules/6.8.0-41-generic/build")
      .file("/dev/nvidiactl", "")
      .file("/dev/nvidia-uvm", "")
      .file("/dev/nvidia0", "")
      .folder("/dev/shm")
      .file("/etc/os-release", "PRETTY_NAME=\"Ubuntu 24.04 LTS\"\n")
      .file("/usr/local/cuda/include/cuda.h", "#define CUDA_VERSION 13000\n");
}

}  // namespace

FakeStack::FakeStack() : probe(HIDDEN_PROBE) {
  make_healthy(machine);
  fs::create_directories(libraries());
  for (const auto& entry : fs::directory_iterator(FAKES))
    if (const std::string name = entry.path().filename(); name.starts_with("lib"))
      fs::copy_file(entry.path(), libraries() / name);
  // As the driver's installer does it: the name that programs ask for is a link to the version's.
  fs::rename(libraries() / "libcuda.so.1", libraries() / ("libcuda.so." + std::string(kDriver)));
  fs::create_symlink("libcuda.so." + std::string(kDriver), libraries() / "libcuda.so.1");
  // Nothing of these two is called.
  fs::copy_file(libraries() / "libnvidia-ml.so.1", libraries() / "libcudart.so.13");
  fs::copy_file(libraries() / "libnvidia-ml.so.1", libraries() / "libnvidia-ptxjitcompiler.so.1");
  environment["FAKE_DRIVER"] = kDriver;
}

fs::path FakeStack::folder(const std::string& name) const {
  fs::create_directories(folder_.path() / name);
  return folder_.path() / name;
}

void FakeStack::remove(const std::string& soname) {
  fs::remove(libraries() / soname);
}

void FakeStack::write(const std::string& soname, const std::string& content) {
  fs::remove(libraries() / soname);
  std::ofstream(libraries() / soname, std::ios::binary) << content;
}

void FakeStack::replace(const std::string& soname, const std::string& folder) {
  fs::copy_file(fs::path(FAKES) / folder / soname, libraries() / soname,
                fs::copy_options::overwrite_existing);
}

void FakeStack::add_gpu() {
  add_card(machine, "0000:5e:00.0");
  machine.file("/dev/nvidia1", "");
  environment["FAKE_GPUS"] = "2";
}

void FakeStack::log(const std::string& line) {
  log_ += "Nov 23 10:00:01 host kernel: " + line + "\n";
  machine.file("/var/log/kern.log", log_);
}

void FakeStack::script(const std::string& layer, const std::string& shell) {
  const fs::path file = folder_.path() / "scripted_probe";
  std::ofstream(file) << "#!/bin/sh\nif [ \"$1\" = " << layer << " ]; then\n"
                      << shell << "\nexit 0\nfi\nexec '" << HIDDEN_PROBE << "' \"$@\"\n";
  fs::permissions(file, fs::perms::owner_all);
  probe = file;
}

StackCheckRun FakeStack::run(std::vector<std::string> flags) const {
  const fs::path json = folder_.path() / "report.json";
  fs::remove(json);
  for (const std::string& flag :
       {std::string("--root"), machine.root().path("/"), std::string("--probe"), probe,
        std::string("--json"), json.string()})
    flags.push_back(flag);
  std::map<std::string, std::string> variables = environment;
  if (!variables.contains("LD_LIBRARY_PATH")) variables["LD_LIBRARY_PATH"] = libraries();
  const ProgramResult result = run_program(STACK_CHECK, flags, {.environment = variables});
  std::ifstream file(json);
  return {result.exit_code, result.output, result.errors,
          nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false)};
}

}  // namespace strata::test
