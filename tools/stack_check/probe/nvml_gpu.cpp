#include "tools/stack_check/probe/nvml_gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tools/stack_check/probe/nvml_status.h"

namespace strata::stack_probe::nvml {
namespace {

using nlohmann::json;

/// A function (device, number*) and the fact that it gives.
struct Number {
  const char* function;
  Result (*Api::*member)(Device, unsigned*);
  const char* fact;
  double unit;
};
constexpr std::array kNumbers = {
    Number{"nvmlDeviceGetPowerUsage", &Api::nvmlDeviceGetPowerUsage, "power_w", 1e-3},
    Number{"nvmlDeviceGetEnforcedPowerLimit", &Api::nvmlDeviceGetEnforcedPowerLimit,
           "power_limit_w", 1e-3},
    Number{"nvmlDeviceGetCurrPcieLinkGeneration", &Api::nvmlDeviceGetCurrPcieLinkGeneration,
           "pcie_generation", 1},
    Number{"nvmlDeviceGetMaxPcieLinkGeneration", &Api::nvmlDeviceGetMaxPcieLinkGeneration,
           "pcie_generation_max", 1},
    Number{"nvmlDeviceGetCurrPcieLinkWidth", &Api::nvmlDeviceGetCurrPcieLinkWidth, "pcie_width", 1},
    Number{"nvmlDeviceGetMaxPcieLinkWidth", &Api::nvmlDeviceGetMaxPcieLinkWidth, "pcie_width_max",
           1}};

class GpuDescription {
 public:
  GpuDescription(Reporter& report, const Api& api, Device device, json& gpu)
      : report_(report), api_(api), device_(device), gpu_(gpu) {}

  void describe() {
    identity();
    numbers();
    clocks();
    health();
    mig();
    memory();
  }

 private:
  /// False without a call if the library has no such function, and where the card has no such
  /// thing, which is no failure.
  template <class... Parameters, class... Arguments>
  bool ask(const char* name, Result (*function)(Parameters...), Arguments... arguments) {
    if (!function) return false;
    Result result = 0;
    const bool no_failure = report_.call(name, [&] {
      result = function(arguments...);
      Status status = status_of(result, api_);
      if (result == kNotSupported || result == kNotFound) status.code = 0;
      return status;
    });
    return no_failure && result == 0;
  }

  void identity();
  void numbers();
  void clocks();
  void health();
  void mig();
  void memory();
  void processes();

  Reporter& report_;
  const Api& api_;
  Device device_;
  json& gpu_;
};

void GpuDescription::identity() {
  char text[128] = {};
  if (ask("nvmlDeviceGetUUID", api_.nvmlDeviceGetUUID, device_, text, unsigned{sizeof text} - 1))
    gpu_["uuid"] = text;
  std::fill(std::begin(text), std::end(text), '\0');
  if (ask("nvmlDeviceGetName", api_.nvmlDeviceGetName, device_, text, unsigned{sizeof text} - 1))
    gpu_["name"] = text;
  PciInfo pci = {};
  if (ask("nvmlDeviceGetPciInfo", api_.nvmlDeviceGetPciInfo_v3, device_, &pci))
    gpu_["pci"] = fmt::format("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device);
}

void GpuDescription::numbers() {
  unsigned value = 0;
  if (ask("nvmlDeviceGetTemperature", api_.nvmlDeviceGetTemperature, device_, kGpuSensor, &value))
    gpu_["temperature"] = value;
  for (const Number& number : kNumbers) {
    if (!ask(number.function, api_.*number.member, device_, &value)) continue;
    if (number.unit == 1)
      gpu_[number.fact] = value;
    else
      gpu_[number.fact] = value * number.unit;
  }
}

void GpuDescription::clocks() {
  unsigned mhz = 0;
  if (ask("nvmlDeviceGetClockInfo", api_.nvmlDeviceGetClockInfo, device_, kMultiprocessor, &mhz))
    gpu_["clock_mhz"] = mhz;
  if (ask("nvmlDeviceGetMaxClockInfo", api_.nvmlDeviceGetMaxClockInfo, device_, kMultiprocessor,
          &mhz))
    gpu_["clock_max_mhz"] = mhz;
  unsigned long long reasons = 0;
  const bool renamed = api_.nvmlDeviceGetCurrentClocksEventReasons != nullptr;
  if (!ask(renamed ? "nvmlDeviceGetCurrentClocksEventReasons"
                   : "nvmlDeviceGetCurrentClocksThrottleReasons",
           renamed ? api_.nvmlDeviceGetCurrentClocksEventReasons
                   : api_.nvmlDeviceGetCurrentClocksThrottleReasons,
           device_, &reasons))
    return;
  gpu_["throttle"] = json::array();
  for (const Reason& reason : kReasons)
    if (reasons & reason.bit) gpu_["throttle"].push_back(reason.word);
}

void GpuDescription::health() {
  unsigned long long errors = 0;
  if (ask("nvmlDeviceGetTotalEccErrors", api_.nvmlDeviceGetTotalEccErrors, device_,
          kUncorrectedError, kSinceReboot, &errors))
    gpu_["ecc_uncorrected"] = errors;
  unsigned corrected = 0, uncorrected = 0, pending = 0, failed = 0;
  if (ask("nvmlDeviceGetRemappedRows", api_.nvmlDeviceGetRemappedRows, device_, &corrected,
          &uncorrected, &pending, &failed)) {
    gpu_["remap_pending"] = pending != 0;
    gpu_["remap_failed"] = failed != 0;
  }
}

void GpuDescription::mig() {
  unsigned current = 0, pending = 0, slots = 0, instances = 0;
  if (!ask("nvmlDeviceGetMigMode", api_.nvmlDeviceGetMigMode, device_, &current, &pending)) return;
  gpu_["mig"] = current == kMigEnabled;
  if (current != kMigEnabled ||
      !ask("nvmlDeviceGetMaxMigDeviceCount", api_.nvmlDeviceGetMaxMigDeviceCount, device_, &slots))
    return;
  for (unsigned slot = 0; slot < slots; ++slot) {
    Device instance = nullptr;
    instances += ask("nvmlDeviceGetMigDeviceHandleByIndex",
                     api_.nvmlDeviceGetMigDeviceHandleByIndex, device_, slot, &instance);
  }
  gpu_["mig_instances"] = instances;
}

void GpuDescription::memory() {
  Memory memory = {};
  if (ask("nvmlDeviceGetMemoryInfo", api_.nvmlDeviceGetMemoryInfo, device_, &memory))
    gpu_["memory_used"] = memory.used;
  int mode = 0;
  if (ask("nvmlDeviceGetComputeMode", api_.nvmlDeviceGetComputeMode, device_, &mode))
    gpu_["compute_mode"] = mode;
  processes();
}

void GpuDescription::processes() {
  std::vector<Process> found(1024);
  unsigned count = static_cast<unsigned>(found.size());
  if (!ask("nvmlDeviceGetComputeRunningProcesses", api_.nvmlDeviceGetComputeRunningProcesses_v3,
           device_, &count, found.data()))
    return;
  found.resize(std::min<size_t>(count, found.size()));
  gpu_["processes"] = json::array();
  for (const Process& process : found) {
    json entry = {{"pid", process.pid}};
    if (process.memory != kUnknownMemory) entry["bytes"] = process.memory;
    gpu_["processes"].push_back(entry);
  }
}

}  // namespace

void load_optional(const LoadedLibrary& library, Api& api) {
  const auto load = [&](auto& function, const char* name) {
    library.load_if_there(function, name);
  };
  for (const Number& number : kNumbers) load(api.*number.member, number.function);
  load(api.nvmlDeviceGetUUID, "nvmlDeviceGetUUID");
  load(api.nvmlDeviceGetName, "nvmlDeviceGetName");
  load(api.nvmlDeviceGetPciInfo_v3, "nvmlDeviceGetPciInfo_v3");
  load(api.nvmlDeviceGetMemoryInfo, "nvmlDeviceGetMemoryInfo");
  load(api.nvmlDeviceGetComputeMode, "nvmlDeviceGetComputeMode");
  load(api.nvmlDeviceGetTemperature, "nvmlDeviceGetTemperature");
  load(api.nvmlDeviceGetClockInfo, "nvmlDeviceGetClockInfo");
  load(api.nvmlDeviceGetMaxClockInfo, "nvmlDeviceGetMaxClockInfo");
  load(api.nvmlDeviceGetCurrentClocksEventReasons, "nvmlDeviceGetCurrentClocksEventReasons");
  load(api.nvmlDeviceGetCurrentClocksThrottleReasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
  load(api.nvmlDeviceGetTotalEccErrors, "nvmlDeviceGetTotalEccErrors");
  load(api.nvmlDeviceGetRemappedRows, "nvmlDeviceGetRemappedRows");
  load(api.nvmlDeviceGetMigMode, "nvmlDeviceGetMigMode");
  load(api.nvmlDeviceGetMaxMigDeviceCount, "nvmlDeviceGetMaxMigDeviceCount");
  load(api.nvmlDeviceGetMigDeviceHandleByIndex, "nvmlDeviceGetMigDeviceHandleByIndex");
  load(api.nvmlDeviceGetComputeRunningProcesses_v3, "nvmlDeviceGetComputeRunningProcesses_v3");
}

void describe_gpu(Reporter& report, const Api& api, Device device, json& gpu) {
  GpuDescription(report, api, device, gpu).describe();
}

}  // namespace strata::stack_probe::nvml
