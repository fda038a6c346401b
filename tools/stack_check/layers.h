// The layers of the stack, from the card to a trained model.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace strata::stack_check {

/// A layer's number is the exit code of a run in which it is the lowest broken one.
enum class Layer {
  pci = 10,  // the card on the bus
  driver,    // the kernel driver: modules nvidia and nvidia_uvm
  access,    // device nodes, container, WSL
  libcuda,   // the driver's library
  runtime,   // the CUDA runtime and a kernel of our own
  cublas,
  cudnn,
  nccl,      // where there are two or more GPUs
  ops,       // Strata's ops, forward and gradient
  training,  // a small model learns
};

inline constexpr std::array kLayers = {
    Layer::pci,    Layer::driver, Layer::access, Layer::libcuda, Layer::runtime,
    Layer::cublas, Layer::cudnn,  Layer::nccl,   Layer::ops,     Layer::training};

/// "pci", "driver", ...: the words of --from and --to, of the report and of the JSON.
std::string_view name_of(Layer layer);

/// A layer's name or number; nothing for any other text.
std::optional<Layer> parse_layer(std::string_view text);

}  // namespace strata::stack_check
