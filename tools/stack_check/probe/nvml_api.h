// The part of NVML that the probe uses, declared by hand: its header is in no package that Strata
// needs. tests/stack_check/planning checks it against nvml.h where there is one.
#pragma once

namespace strata::stack_probe::nvml {

using Result = int;  // nvmlReturn_t
using Device = struct DeviceBody*;

inline constexpr Result kNotSupported = 3;
inline constexpr Result kNotFound = 6;

inline constexpr int kGpuSensor = 0;         // nvmlTemperatureSensors_t
inline constexpr int kMultiprocessor = 1;    // nvmlClockType_t
inline constexpr int kUncorrectedError = 1;  // nvmlMemoryErrorType_t
inline constexpr int kSinceReboot = 0;       // nvmlEccCounterType_t
inline constexpr unsigned kMigEnabled = 1;

struct PciInfo {
  char legacy_bus_id[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};

struct Memory {
  unsigned long long total, free, used;
};

struct Process {
  unsigned pid;
  unsigned long long memory;  // kUnknownMemory: not told
  unsigned gpu_instance, compute_instance;
};
inline constexpr unsigned long long kUnknownMemory = ~0ull;

/// A bit of nvmlDeviceGetCurrentClocksEventReasons that lowers the clock of a busy GPU.
struct Reason {
  unsigned long long bit;
  const char* word;
};
inline constexpr Reason kReasons[] = {{0x02, "application clocks"}, {0x04, "power cap"},
                                      {0x08, "hardware slowdown"},  {0x10, "sync boost"},
                                      {0x20, "thermal (software)"}, {0x40, "thermal (hardware)"},
                                      {0x80, "power brake"},        {0x100, "display clocks"},
                                      {0x200, "board limit"},       {0x400, "reliability"}};

/// Members have the names under which the library exports them. An older driver lacks some.
struct Api {
  const char* (*nvmlErrorString)(Result) = nullptr;
  Result (*nvmlInit_v2)() = nullptr;
  Result (*nvmlShutdown)() = nullptr;
  Result (*nvmlSystemGetDriverVersion)(char*, unsigned) = nullptr;
  Result (*nvmlDeviceGetCount_v2)(unsigned*) = nullptr;
  Result (*nvmlDeviceGetHandleByIndex_v2)(unsigned, Device*) = nullptr;
  Result (*nvmlDeviceGetUUID)(Device, char*, unsigned) = nullptr;
  Result (*nvmlDeviceGetName)(Device, char*, unsigned) = nullptr;
  Result (*nvmlDeviceGetPciInfo_v3)(Device, PciInfo*) = nullptr;
  Result (*nvmlDeviceGetMemoryInfo)(Device, Memory*) = nullptr;
  Result (*nvmlDeviceGetComputeMode)(Device, int*) = nullptr;
  Result (*nvmlDeviceGetTemperature)(Device, int, unsigned*) = nullptr;
  Result (*nvmlDeviceGetPowerUsage)(Device, unsigned*) = nullptr;          // mW
  Result (*nvmlDeviceGetEnforcedPowerLimit)(Device, unsigned*) = nullptr;  // mW
  Result (*nvmlDeviceGetClockInfo)(Device, int, unsigned*) = nullptr;      // MHz
  Result (*nvmlDeviceGetMaxClockInfo)(Device, int, unsigned*) = nullptr;
  Result (*nvmlDeviceGetCurrPcieLinkGeneration)(Device, unsigned*) = nullptr;
  Result (*nvmlDeviceGetMaxPcieLinkGeneration)(Device, unsigned*) = nullptr;
  Result (*nvmlDeviceGetCurrPcieLinkWidth)(Device, unsigned*) = nullptr;
  Result (*nvmlDeviceGetMaxPcieLinkWidth)(Device, unsigned*) = nullptr;
  Result (*nvmlDeviceGetCurrentClocksEventReasons)(Device, unsigned long long*) = nullptr;
  Result (*nvmlDeviceGetCurrentClocksThrottleReasons)(Device, unsigned long long*) = nullptr;
  Result (*nvmlDeviceGetTotalEccErrors)(Device, int, int, unsigned long long*) = nullptr;
  Result (*nvmlDeviceGetRemappedRows)(Device, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
  Result (*nvmlDeviceGetMigMode)(Device, unsigned*, unsigned*) = nullptr;
  Result (*nvmlDeviceGetMaxMigDeviceCount)(Device, unsigned*) = nullptr;
  Result (*nvmlDeviceGetMigDeviceHandleByIndex)(Device, unsigned, Device*) = nullptr;
  Result (*nvmlDeviceGetComputeRunningProcesses_v3)(Device, unsigned*, Process*) = nullptr;
};

}  // namespace strata::stack_probe::nvml
