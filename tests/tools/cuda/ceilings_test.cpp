// bench's ceilings on a GPU: each is measured, or the report says why not.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tests/support/idx_files.h"
#include "tests/support/program.h"

namespace strata::test {
namespace {

using nlohmann::json;

TEST(GpuCeilingsTest, AreAllMeasured) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  const TemporaryFolder folder;
  const auto data = folder.path() / "data", file = folder.path() / "report.json";
  write_idx_folder(data, {.height = 14, .width = 13});
  const ProgramResult run = run_program(
      BENCH, {"--device", "gpu", "--data", data.string(), "--ceilings", "--json", file.string()});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::ifstream stream(file);
  const json ceilings = json::parse(stream)["ceilings"][0];
  for (const char* name : {"copy_bytes_per_second", "l2_copy_bytes_per_second", "fp32_flops",
                           "node_seconds", "while_turn_seconds"}) {
    ASSERT_TRUE(ceilings.contains(name)) << name << " is not in " << ceilings;
    ASSERT_TRUE(ceilings[name].is_number()) << name << " is not finite: " << ceilings;
  }
  EXPECT_GT(ceilings["node_seconds"], 0);
  // A difference of two times, which other work on the GPU may disturb.
  EXPECT_LT(std::abs(ceilings["while_turn_seconds"].get<double>()), 1e-3);
  for (const char* name : {"tf32_flops", "bf16_flops"})
    EXPECT_TRUE(ceilings.contains(name) || ceilings["unknown"].contains(name)) << ceilings;
}

}  // namespace
}  // namespace strata::test
