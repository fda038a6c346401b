// Running one test on every device and rung, against the reference.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/settings.h"
#include "tests/support/compare.h"
#include "tests/support/gradcheck.h"

namespace strata::test {

struct Target {
  Device device;
  Kernels kernels;
};

std::vector<Target> cpu_targets_without_library();  // reference, own
std::vector<Target> cpu_targets();                  // reference, own, library (oneDNN)
std::vector<Target> gpu_targets();                  // own, library
std::string name_of_target(const testing::TestParamInfo<Target>& info);

/// Why a test leaves oneDNN out: its comparisons are such that NaN loses.
inline constexpr const char* kOnednnHidesNan = "oneDNN's ReLU and max-pooling let no NaN through";

/// Why this process cannot test oneDNN, if it cannot.
std::optional<std::string> why_onednn_is_not_tested();

/// A test with a device and a rung; skipped, with the reason, where there is no usable GPU.
class RungTest : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override;
  void TearDown() override { scope_.reset(); }
  Device device() const { return GetParam().device; }
  /// Whether oneDNN runs what it can.
  bool on_onednn() const {
    return device() == Device::cpu && GetParam().kernels == Kernels::library;
  }

  /// Runs `function` on float32 copies of the inputs, on this target and on the CPU's reference,
  /// and compares the output and the gradient of every floating input under a random grad_output.
  void expect_matches_reference(const Function& function, const std::vector<Tensor>& inputs,
                                Tolerance tolerance = kFloat32);
  /// Runs `function` again and again on this target, on the CPU with 1, 2 and 3 threads: output and
  /// gradients must have the same bits each time, those of oneDNN for one number of threads.
  void expect_same_bits(const Function& function, const std::vector<Tensor>& inputs);
  /// The same of so much work that our CPU kernels share it among threads, which is checked.
  void expect_same_bits_on_several_threads(const Function& function,
                                           const std::vector<Tensor>& inputs);

 private:
  std::unique_ptr<SettingsScope> scope_;
};

}  // namespace strata::test

#define STRATA_ON_EVERY_RUNG(Suite)                                                    \
  INSTANTIATE_TEST_SUITE_P(Cpu, Suite, testing::ValuesIn(strata::test::cpu_targets()), \
                           strata::test::name_of_target);                              \
  INSTANTIATE_TEST_SUITE_P(Gpu, Suite, testing::ValuesIn(strata::test::gpu_targets()), \
                           strata::test::name_of_target)
