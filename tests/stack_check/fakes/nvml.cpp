// A management library that says of its GPUs what FAKE_... say (fake.h, card.h). As the real one it
// sees cards that CUDA_VISIBLE_DEVICES hides.
#include <algorithm>
#include <cstdio>

#include "tests/stack_check/fakes/card.h"
#include "tests/stack_check/fakes/fake.h"
#include "tools/stack_check/probe/nvml_api.h"

namespace {

using namespace strata::fakes;
using namespace strata::stack_probe::nvml;

constexpr Result kInvalidArgument = 2;

int index_of(Device device) {
  return static_cast<int>(reinterpret_cast<size_t>(device)) - 1;
}

Result give(const char* function, Device device, const char* variable, long long fallback,
            unsigned* value) {
  *value = static_cast<unsigned>(fake_number(variable, fallback));
  return fake_answer(function, index_of(device));
}

int card_count() {
  return static_cast<int>(fake_number("FAKE_NVML_GPUS", fake_number("FAKE_GPUS", 1)));
}

}  // namespace

extern "C" {

const char* nvmlErrorString(Result result) {
  switch (result) {
    case 4:
      return "Insufficient Permissions";
    case 9:
      return "Driver Not Loaded";
    case 15:
      return "GPU is lost";
    case 18:
      return "Driver/library version mismatch";
    default:
      return "Unknown Error";
  }
}

Result nvmlInit_v2() {
  return fake_answer("nvmlInit");
}

Result nvmlShutdown() {
  return fake_answer("nvmlShutdown");
}

Result nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "%s", fake_text("FAKE_DRIVER", "580.65.06").c_str());
  return fake_answer("nvmlSystemGetDriverVersion");
}

Result nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(card_count());
  return fake_answer("nvmlDeviceGetCount");
}

Result nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  *device = reinterpret_cast<Device>(static_cast<size_t>(index) + 1);
  return fake_answer("nvmlDeviceGetHandleByIndex", static_cast<int>(index));
}

Result nvmlDeviceGetUUID(Device device, char* text, unsigned size) {
  std::snprintf(text, size, "%s", fake_uuid(index_of(device)).c_str());
  return fake_answer("nvmlDeviceGetUUID", index_of(device));
}

Result nvmlDeviceGetName(Device device, char* text, unsigned size) {
  std::snprintf(text, size, "%s", fake_card().name.c_str());
  return fake_answer("nvmlDeviceGetName", index_of(device));
}

Result nvmlDeviceGetPciInfo_v3(Device device, PciInfo* info) {
  *info = {};
  info->bus = static_cast<unsigned>(fake_bus(index_of(device)));
  return fake_answer("nvmlDeviceGetPciInfo", index_of(device));
}

Result nvmlDeviceGetMemoryInfo(Device device, Memory* memory) {
  const Card card = fake_card();
  *memory = {.total = card.memory,
             .free = card.free_memory,
             .used = card.memory - std::min(card.memory, card.free_memory)};
  return fake_answer("nvmlDeviceGetMemoryInfo", index_of(device));
}

Result nvmlDeviceGetComputeMode(Device device, int* mode) {
  *mode = fake_card().compute_mode;
  return fake_answer("nvmlDeviceGetComputeMode", index_of(device));
}

Result nvmlDeviceGetTemperature(Device device, int, unsigned* degrees) {
  return give("nvmlDeviceGetTemperature", device, "FAKE_TEMPERATURE", 40, degrees);
}

Result nvmlDeviceGetPowerUsage(Device device, unsigned* milliwatts) {
  return give("nvmlDeviceGetPowerUsage", device, "FAKE_POWER_MW", 120500, milliwatts);
}

Result nvmlDeviceGetEnforcedPowerLimit(Device device, unsigned* milliwatts) {
  return give("nvmlDeviceGetEnforcedPowerLimit", device, "FAKE_POWER_LIMIT_MW", 700000, milliwatts);
}

Result nvmlDeviceGetClockInfo(Device device, int, unsigned* mhz) {
  return give("nvmlDeviceGetClockInfo", device, "FAKE_CLOCK_MHZ", 1980, mhz);
}

Result nvmlDeviceGetMaxClockInfo(Device device, int, unsigned* mhz) {
  return give("nvmlDeviceGetMaxClockInfo", device, "FAKE_CLOCK_MAX_MHZ", 1980, mhz);
}

Result nvmlDeviceGetCurrPcieLinkGeneration(Device device, unsigned* generation) {
  return give("nvmlDeviceGetCurrPcieLinkGeneration", device, "FAKE_PCIE_GENERATION", 5, generation);
}

Result nvmlDeviceGetMaxPcieLinkGeneration(Device device, unsigned* generation) {
  return give("nvmlDeviceGetMaxPcieLinkGeneration", device, "FAKE_PCIE_GENERATION_MAX", 5,
              generation);
}

Result nvmlDeviceGetCurrPcieLinkWidth(Device device, unsigned* lanes) {
  return give("nvmlDeviceGetCurrPcieLinkWidth", device, "FAKE_PCIE_WIDTH", 16, lanes);
}

Result nvmlDeviceGetMaxPcieLinkWidth(Device device, unsigned* lanes) {
  return give("nvmlDeviceGetMaxPcieLinkWidth", device, "FAKE_PCIE_WIDTH_MAX", 16, lanes);
}

// FAKE_THROTTLE: words of kReasons, "thermal (hardware);power cap".
Result nvmlDeviceGetCurrentClocksEventReasons(Device device, unsigned long long* reasons) {
  const auto words = fake_split(fake_text("FAKE_THROTTLE", ""), ';');
  *reasons = 1;  // idle, which is no reason to worry
  for (const Reason& reason : kReasons)
    if (std::find(words.begin(), words.end(), reason.word) != words.end()) *reasons |= reason.bit;
  return fake_answer("nvmlDeviceGetCurrentClocksEventReasons", index_of(device));
}

Result nvmlDeviceGetTotalEccErrors(Device device, int, int, unsigned long long* errors) {
  *errors = static_cast<unsigned long long>(fake_number("FAKE_ECC", 0));
  return fake_answer("nvmlDeviceGetTotalEccErrors", index_of(device));
}

Result nvmlDeviceGetRemappedRows(Device device, unsigned* corrected, unsigned* uncorrected,
                                 unsigned* pending, unsigned* failed) {
  *corrected = *uncorrected = 0;
  *failed = static_cast<unsigned>(fake_number("FAKE_REMAP_FAILED", 0));
  return give("nvmlDeviceGetRemappedRows", device, "FAKE_REMAP_PENDING", 0, pending);
}

Result nvmlDeviceGetMigMode(Device device, unsigned* current, unsigned* pending) {
  *pending = static_cast<unsigned>(fake_number("FAKE_MIG", 0));
  return give("nvmlDeviceGetMigMode", device, "FAKE_MIG", 0, current);
}

Result nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned* count) {
  *count = 7;
  return fake_answer("nvmlDeviceGetMaxMigDeviceCount", index_of(device));
}

// Instances lie in every other slot, as they may.
Result nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned slot, Device* instance) {
  *instance = device;
  const Result scripted = fake_answer("nvmlDeviceGetMigDeviceHandleByIndex", index_of(device));
  if (scripted != 0) return scripted;
  return slot % 2 == 0 && slot / 2 < fake_number("FAKE_MIG_INSTANCES", 0) ? 0 : kNotFound;
}

// FAKE_HOLDER_PID: a process that holds FAKE_HOLDER_MB of the card.
Result nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned* count, Process* processes) {
  const auto pid = static_cast<unsigned>(fake_number("FAKE_HOLDER_PID", 0));
  if (pid != 0 && *count == 0) return kInvalidArgument;
  *count = pid != 0;
  if (pid != 0)
    processes[0] = {
        pid, static_cast<unsigned long long>(fake_number("FAKE_HOLDER_MB", 70000)) << 20, ~0u, ~0u};
  return fake_answer("nvmlDeviceGetComputeRunningProcesses", index_of(device));
}
}
