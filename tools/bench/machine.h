// What a report says of the machine that it was made on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tensor/device.h"

namespace strata::bench {

/// Type, name and, of the GPU, capability and size, or the CPU's threads.
nlohmann::json describe_device(Device device);
/// Strata, the device's libraries loaded so far and, of a GPU, the driver and the CUDA runtime.
nlohmann::json describe_versions(Device device);
/// "NVIDIA H100 80GB HBM3, driver 580.159.04, CUDA 13.0, cuBLASLt 13.1.0", of a CPU its threads
/// and, once the library rung has run, oneDNN's version.
std::string machine_line(Device device);

}  // namespace strata::bench
