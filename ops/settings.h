// The two choices that hold for a whole run: who does the arithmetic, and how exactly.
#pragma once

#include <string_view>

namespace strata {

/// `library`: cuDNN and cuBLASLt where they have the op, our own kernels for the rest. `own`: only
/// kernels of this repository. `reference`: the plain loops, on the CPU. `automatic`: per op and
/// shape what the tuner says (tuning.h), otherwise the op's default (LibraryRung::automatic, with
/// its reason, in each op's .cpp).
enum class Kernels { automatic, library, own, reference };

/// `tf32` lets products round their inputs to 10 bits of mantissa for the tensor cores;
/// `fp32` is IEEE float32 throughout.
enum class Precision { fp32, tf32 };

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
