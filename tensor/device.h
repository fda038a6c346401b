// Where a tensor lives. One process uses one GPU: the first that CUDA_VISIBLE_DEVICES leaves.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace strata {

enum class Device { cpu, gpu };

inline std::string_view name_of(Device device) {
  return device == Device::cpu ? "cpu" : "gpu";
}

}  // namespace strata

template <>
struct fmt::formatter<strata::Device> : fmt::formatter<std::string_view> {
  auto format(strata::Device device, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(strata::name_of(device), context);
  }
};
