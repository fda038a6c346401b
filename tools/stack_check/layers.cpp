#include "tools/stack_check/layers.h"

#include <string>

namespace strata::stack_check {

std::string_view name_of(Layer layer) {
  switch (layer) {
    case Layer::pci:
      return "pci";
    case Layer::driver:
      return "driver";
    case Layer::access:
      return "access";
    case Layer::libcuda:
      return "libcuda";
    case Layer::runtime:
      return "runtime";
    case Layer::cublas:
      return "cublas";
    case Layer::cudnn:
      return "cudnn";
    case Layer::nccl:
      return "nccl";
    case Layer::ops:
      return "ops";
    case Layer::training:
      return "training";
  }
  return "?";
}

std::optional<Layer> parse_layer(std::string_view text) {
  for (const Layer layer : kLayers)
    if (text == name_of(layer) || text == std::to_string(static_cast<int>(layer))) return layer;
  return std::nullopt;
}

}  // namespace strata::stack_check
