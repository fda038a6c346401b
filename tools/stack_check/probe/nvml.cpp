// The management library: what the driver itself says of its GPUs, whether or not CUDA works.

#include "tools/stack_check/probe/loaded_library.h"
#include "tools/stack_check/probe/nvml_gpu.h"
#include "tools/stack_check/probe/nvml_status.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

using nlohmann::json;
using nvml::Api;

/// The functions without which there is nothing to ask.
bool load_required(LoadedLibrary& library, Api& api) {
  library.load_if_there(api.nvmlErrorString, "nvmlErrorString");
  return library.load(api.nvmlInit_v2, "nvmlInit_v2") &&
         library.load(api.nvmlShutdown, "nvmlShutdown") &&
         library.load(api.nvmlSystemGetDriverVersion, "nvmlSystemGetDriverVersion") &&
         library.load(api.nvmlDeviceGetCount_v2, "nvmlDeviceGetCount_v2") &&
         library.load(api.nvmlDeviceGetHandleByIndex_v2, "nvmlDeviceGetHandleByIndex_v2");
}

void probe_gpus(Reporter& report, const Api& api) {
  const auto call = [&](const char* name, auto&& function) {
    return report.call(name, [&] { return nvml::status_of(function(), api); });
  };
  char version[128] = {};
  if (call("nvmlSystemGetDriverVersion",
           [&] { return api.nvmlSystemGetDriverVersion(version, sizeof version - 1); }))
    report.facts({{"driver", version}});
  unsigned count = 0;
  if (!call("nvmlDeviceGetCount", [&] { return api.nvmlDeviceGetCount_v2(&count); })) return;
  report.facts({{"count", count}});
  json gpus = json::array();
  for (unsigned index = 0; index < count; ++index) {
    report.set_gpu(static_cast<int>(index));
    nvml::Device device = nullptr;
    gpus.push_back(json::object());
    if (call("nvmlDeviceGetHandleByIndex",
             [&] { return api.nvmlDeviceGetHandleByIndex_v2(index, &device); }))
      nvml::describe_gpu(report, api, device, gpus.back());
    report.facts({{"gpus", gpus}});
  }
  report.set_gpu({});
}

}  // namespace

void probe_nvml(Reporter& report, const ProbeOptions&) {
  LoadedLibrary library(report, "libnvidia-ml.so.1");
  if (!library) return;
  report.facts({{"library", library.describe()}});
  Api api;
  if (!load_required(library, api)) return;
  nvml::load_optional(library, api);
  const auto call = [&](const char* name, auto* function) {
    return report.call(name, [&] { return nvml::status_of(function(), api); });
  };
  if (!call("nvmlInit", api.nvmlInit_v2)) return;
  probe_gpus(report, api);
  call("nvmlShutdown", api.nvmlShutdown);
}

}  // namespace strata::stack_probe
