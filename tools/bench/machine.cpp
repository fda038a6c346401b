#include "tools/bench/machine.h"

#include <fmt/format.h>

#include <fstream>

#include "ops/dispatch.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/parallel.h"

namespace strata::bench {
namespace {

using nlohmann::json;

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "CPU";
}

std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

json describe_gpu() {
  const cuda::DeviceInfo& info = cuda::device_info();
  return {{"type", "gpu"},
          {"name", info.name},
          {"compute_capability", info.compute_capability},
          {"multiprocessors", info.multiprocessors},
          {"memory_bytes", info.memory_bytes}};
}

json describe_gpu_versions() {
  const cuda::DeviceInfo& info = cuda::device_info();
  json versions = {{"driver", info.driver}, {"cuda", cuda_version(info.runtime_cuda)}};
  if (const auto library = cuda::loaded_cublaslt()) versions["cuBLASLt"] = library->version;
  if (const auto library = cuda::loaded_cudnn()) versions["cuDNN"] = library->version;
  return versions;
}

}  // namespace

json describe_device(Device device) {
  if constexpr (kHasCuda)
    if (device == Device::gpu) return describe_gpu();
  return {{"type", "cpu"}, {"name", processor_name()}, {"threads", thread_count()}};
}

json describe_versions(Device device) {
  json versions = json::object();
  if constexpr (kHasCuda)
    if (device == Device::gpu) versions = describe_gpu_versions();
  if (device == Device::cpu)
    if (const auto library = loaded_onednn()) versions["oneDNN"] = library->version;
  versions["strata"] = STRATA_VERSION;
  return versions;
}

std::string machine_line(Device device) {
  const json described = describe_device(device), versions = describe_versions(device);
  std::string line = described["name"];
  if (device == Device::cpu)
    line += fmt::format(", {} threads", described["threads"].get<int>());
  else
    line += fmt::format(", driver {}, CUDA {}", versions["driver"].get<std::string>(),
                        versions["cuda"].get<std::string>());
  for (const char* name : {"cuBLASLt", "cuDNN", "oneDNN"})
    if (versions.contains(name))
      line += fmt::format(", {} {}", name, versions[name].get<std::string>());
  return line;
}

}  // namespace strata::bench
