// The two choices that hold for a whole run: who does the arithmetic, and how exactly.
#pragma once

#include <string_view>

namespace strata {

/// `library`: cuDNN and cuBLASLt on a GPU, oneDNN on the CPU, where they have the op, our own
/// kernels for the rest. `own`: only kernels of this repository. `reference`: the plain loops, on
/// the CPU. `automatic`: on a GPU per op and shape what the tuner says (tuning.h), otherwise the
/// op's default (LibraryRung::automatic, with its reason, in each op's .cpp); on the CPU our own.
enum class Kernels { automatic, library, own, reference };

/// `tf32` lets products round their inputs to 10 bits of mantissa for the tensor cores;
/// `fp32` is IEEE float32 throughout.
///
/// `bf16` is tf32, with hidden activations stored as bfloat16: the outputs of conv2d_relu_max_pool
/// and of dense with ReLU, and their gradients. Sums are float32, and so are all other tensors:
/// images, logits, loss, weights, their gradients and the optimizer's state. For our own kernels
/// only, on a GPU of compute capability 8.0 or a processor with AVX-512 BF16; an op that has no
/// kernel for bfloat16 says so. On the CPU the factors of these ops' products are rounded to
/// bfloat16, and tf32 is fp32.
enum class Precision { fp32, tf32, bf16 };

struct Settings {
  Kernels kernels = Kernels::automatic;
  Precision precision = Precision::fp32;
};

const Settings& settings();

/// Replaces the settings while it lives.
class SettingsScope {
 public:
  explicit SettingsScope(const Settings& settings);
  ~SettingsScope();
  SettingsScope(const SettingsScope&) = delete;
  SettingsScope& operator=(const SettingsScope&) = delete;

 private:
  Settings previous_;
};

std::string_view name_of(Kernels kernels);
std::string_view name_of(Precision precision);

}  // namespace strata
