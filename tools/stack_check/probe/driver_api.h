// The part of the CUDA driver API that the probe uses, declared by hand, so that a program built
// without the toolkit can probe libcuda.so.1. tests/stack_check/planning checks it against cuda.h.
#pragma once

#include <cstddef>

namespace strata::stack_probe::driver {

using Result = int;  // CUresult
using Device = int;
using Context = struct ContextBody*;
using Pointer = unsigned long long;  // CUdeviceptr
struct Uuid {
  unsigned char bytes[16];
};

// CUdevice_attribute
inline constexpr int kClockKhz = 13;
inline constexpr int kMultiprocessors = 16;
inline constexpr int kComputeMode = 20;
inline constexpr int kMemoryClockKhz = 36;
inline constexpr int kMemoryBusBits = 37;
inline constexpr int kMajor = 75;
inline constexpr int kMinor = 76;

/// Members have the names under which the library exports them.
struct Api {
  Result (*cuGetErrorName)(Result, const char**) = nullptr;
  Result (*cuGetErrorString)(Result, const char**) = nullptr;
  Result (*cuDriverGetVersion)(int*) = nullptr;
  Result (*cuInit)(unsigned) = nullptr;
  Result (*cuDeviceGetCount)(int*) = nullptr;
  Result (*cuDeviceGet)(Device*, int) = nullptr;
  Result (*cuDeviceGetName)(char*, int, Device) = nullptr;
  Result (*cuDeviceGetUuid)(Uuid*, Device) = nullptr;     // of the whole GPU
  Result (*cuDeviceGetUuid_v2)(Uuid*, Device) = nullptr;  // of the MIG instance, if it is one
  Result (*cuDeviceGetPCIBusId)(char*, int, Device) = nullptr;
  Result (*cuDeviceGetAttribute)(int*, int, Device) = nullptr;
  Result (*cuDeviceTotalMem_v2)(size_t*, Device) = nullptr;
  Result (*cuDevicePrimaryCtxRetain)(Context*, Device) = nullptr;
  Result (*cuDevicePrimaryCtxRelease_v2)(Device) = nullptr;
  Result (*cuCtxSetCurrent)(Context) = nullptr;
  Result (*cuMemGetInfo_v2)(size_t*, size_t*) = nullptr;
  Result (*cuMemAlloc_v2)(Pointer*, size_t) = nullptr;
  Result (*cuMemFree_v2)(Pointer) = nullptr;
  Result (*cuMemcpyHtoD_v2)(Pointer, const void*, size_t) = nullptr;
  Result (*cuMemcpyDtoH_v2)(void*, Pointer, size_t) = nullptr;
};

}  // namespace strata::stack_probe::driver
