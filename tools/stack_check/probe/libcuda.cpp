// The driver's library: from opening it to a megabyte that went to each GPU and back.
#include <algorithm>
#include <cctype>
#include <cstring>
#include <vector>

#include "tools/stack_check/probe/driver_api.h"
#include "tools/stack_check/probe/driver_status.h"
#include "tools/stack_check/probe/loaded_library.h"
#include "tools/stack_check/probe/probes.h"
#include "tools/stack_check/probe/uuid_text.h"

namespace strata::stack_probe {
namespace {

using driver::Api;
using driver::Result;
using nlohmann::json;

constexpr size_t kCopyBytes = size_t{1} << 20;

bool load_api(LoadedLibrary& library, Api& api) {
  library.load_if_there(api.cuGetErrorName, "cuGetErrorName");
  library.load_if_there(api.cuGetErrorString, "cuGetErrorString");
  library.load_if_there(api.cuDeviceGetUuid_v2, "cuDeviceGetUuid_v2");  // from CUDA 11.4 on
  return library.load(api.cuDriverGetVersion, "cuDriverGetVersion") &&
         library.load(api.cuInit, "cuInit") &&
         library.load(api.cuDeviceGetCount, "cuDeviceGetCount") &&
         library.load(api.cuDeviceGet, "cuDeviceGet") &&
         library.load(api.cuDeviceGetName, "cuDeviceGetName") &&
         library.load(api.cuDeviceGetUuid, "cuDeviceGetUuid") &&
         library.load(api.cuDeviceGetPCIBusId, "cuDeviceGetPCIBusId") &&
         library.load(api.cuDeviceGetAttribute, "cuDeviceGetAttribute") &&
         library.load(api.cuDeviceTotalMem_v2, "cuDeviceTotalMem_v2") &&
         library.load(api.cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain") &&
         library.load(api.cuDevicePrimaryCtxRelease_v2, "cuDevicePrimaryCtxRelease_v2") &&
         library.load(api.cuCtxSetCurrent, "cuCtxSetCurrent") &&
         library.load(api.cuMemGetInfo_v2, "cuMemGetInfo_v2") &&
         library.load(api.cuMemAlloc_v2, "cuMemAlloc_v2") &&
         library.load(api.cuMemFree_v2, "cuMemFree_v2") &&
         library.load(api.cuMemcpyHtoD_v2, "cuMemcpyHtoD_v2") &&
         library.load(api.cuMemcpyDtoH_v2, "cuMemcpyDtoH_v2");
}

class LibcudaProbe {
 public:
  LibcudaProbe(Reporter& report, const Api& api) : report_(report), api_(api) {}

  void run();

 private:
  template <class Function>
  bool call(const char* name, Function&& function) {
    return report_.call(name, [&] { return driver::status_of(function(), api_); });
  }
  void probe_gpu(int index);
  void describe(driver::Device device);
  void describe_uuid(driver::Device device);
  void attribute(const char* fact, driver::Device device, int attribute);
  void use();
  void copy_both_ways(driver::Pointer block);
  void send() { report_.facts({{"gpus", gpus_}}); }

  Reporter& report_;
  const Api& api_;
  json gpus_ = json::array();
  json* gpu_ = nullptr;  // the one being described
};

void LibcudaProbe::run() {
  int version = 0, count = 0;
  if (call("cuDriverGetVersion", [&] { return api_.cuDriverGetVersion(&version); }))
    report_.facts({{"driver_cuda", version}});
  if (!call("cuInit", [&] { return api_.cuInit(0); })) return;
  if (!call("cuDeviceGetCount", [&] { return api_.cuDeviceGetCount(&count); })) return;
  report_.facts({{"count", count}});
  for (int index = 0; index < count; ++index) {
    report_.set_gpu(index);
    probe_gpu(index);
  }
}

void LibcudaProbe::probe_gpu(int index) {
  gpus_.push_back({{"index", index}});
  gpu_ = &gpus_.back();
  driver::Device device = 0;
  if (!call("cuDeviceGet", [&] { return api_.cuDeviceGet(&device, index); })) return send();
  describe(device);
  send();
  driver::Context context = nullptr;
  if (!call("cuDevicePrimaryCtxRetain",
            [&] { return api_.cuDevicePrimaryCtxRetain(&context, device); }))
    return;
  if (call("cuCtxSetCurrent", [&] { return api_.cuCtxSetCurrent(context); })) use();
  call("cuDevicePrimaryCtxRelease", [&] { return api_.cuDevicePrimaryCtxRelease_v2(device); });
}

void LibcudaProbe::describe(driver::Device device) {
  char text[256] = {};
  if (call("cuDeviceGetName", [&] { return api_.cuDeviceGetName(text, sizeof text - 1, device); }))
    (*gpu_)["name"] = text;
  describe_uuid(device);
  std::memset(text, 0, sizeof text);
  if (call("cuDeviceGetPCIBusId",
           [&] { return api_.cuDeviceGetPCIBusId(text, sizeof text - 1, device); })) {
    std::string pci = text;  // in the case of /sys/bus/pci
    std::transform(pci.begin(), pci.end(), pci.begin(), [](unsigned char c) { return tolower(c); });
    (*gpu_)["pci"] = pci;
  }
  int major = 0, minor = 0;
  if (call("cuDeviceGetAttribute",
           [&] { return api_.cuDeviceGetAttribute(&major, driver::kMajor, device); }) &&
      call("cuDeviceGetAttribute",
           [&] { return api_.cuDeviceGetAttribute(&minor, driver::kMinor, device); }))
    (*gpu_)["cc"] = 10 * major + minor;
  attribute("compute_mode", device, driver::kComputeMode);
  attribute("multiprocessors", device, driver::kMultiprocessors);
  attribute("clock_khz", device, driver::kClockKhz);
  attribute("memory_clock_khz", device, driver::kMemoryClockKhz);
  attribute("bus_bits", device, driver::kMemoryBusBits);
  size_t total = 0;
  if (call("cuDeviceTotalMem", [&] { return api_.cuDeviceTotalMem_v2(&total, device); }))
    (*gpu_)["memory_total"] = total;
}

void LibcudaProbe::describe_uuid(driver::Device device) {
  driver::Uuid whole = {}, part = {};
  if (!call("cuDeviceGetUuid", [&] { return api_.cuDeviceGetUuid(&whole, device); })) return;
  part = whole;
  if (api_.cuDeviceGetUuid_v2)
    call("cuDeviceGetUuid_v2", [&] { return api_.cuDeviceGetUuid_v2(&part, device); });
  const bool is_mig = std::memcmp(whole.bytes, part.bytes, sizeof whole.bytes) != 0;
  (*gpu_)["uuid"] = uuid_text(is_mig ? "MIG" : "GPU", part.bytes);
}

void LibcudaProbe::attribute(const char* fact, driver::Device device, int attribute) {
  int value = 0;
  if (call("cuDeviceGetAttribute",
           [&] { return api_.cuDeviceGetAttribute(&value, attribute, device); }))
    (*gpu_)[fact] = value;
}

void LibcudaProbe::use() {
  size_t free_bytes = 0, total = 0;
  if (call("cuMemGetInfo", [&] { return api_.cuMemGetInfo_v2(&free_bytes, &total); })) {
    (*gpu_)["memory_free"] = free_bytes;
    send();
  }
  driver::Pointer block = 0;
  if (!call("cuMemAlloc", [&] { return api_.cuMemAlloc_v2(&block, kCopyBytes); })) return;
  copy_both_ways(block);
  call("cuMemFree", [&] { return api_.cuMemFree_v2(block); });
}

void LibcudaProbe::copy_both_ways(driver::Pointer block) {
  std::vector<unsigned char> sent(kCopyBytes), received(kCopyBytes);
  for (size_t i = 0; i < kCopyBytes; ++i) sent[i] = static_cast<unsigned char>(i * 131 >> 3);
  if (!call("cuMemcpyHtoD", [&] { return api_.cuMemcpyHtoD_v2(block, sent.data(), kCopyBytes); }))
    return;
  if (!call("cuMemcpyDtoH",
            [&] { return api_.cuMemcpyDtoH_v2(received.data(), block, kCopyBytes); }))
    return;
  (*gpu_)["copied"] = sent == received;
  send();
}

}  // namespace

void probe_libcuda(Reporter& report, const ProbeOptions&) {
  LoadedLibrary library(report, "libcuda.so.1");
  if (!library) return;
  report.facts({{"library", library.describe()}});
  Api api;
  if (load_api(library, api)) LibcudaProbe(report, api).run();
}

}  // namespace strata::stack_probe
