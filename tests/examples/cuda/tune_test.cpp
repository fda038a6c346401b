// train_mnist --tune as a user meets it: measured once, remembered, and the same numbers from then
// on.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tests/support/idx_files.h"
#include "tests/support/program.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class GpuTuneTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
    if (const auto& reason = cuda::why_no_cudnn()) GTEST_SKIP() << *reason;
    if (const auto& reason = cuda::why_no_cublaslt()) GTEST_SKIP() << *reason;
    write_idx_folder(data(), {.train_count = 256, .height = 28, .width = 28});
  }

  fs::path data() const { return folder_.path() / "data"; }
  fs::path cache() const { return folder_.path() / "cache"; }

  ProgramResult train(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"--device",  "gpu",      "--data",       data().string(),
                                    "--epochs",  "2",        "--batch-size", "32",
                                    "--kernels", GetParam(), "--json",       report_.string()};
    all.insert(all.end(), more.begin(), more.end());
    return run_program(TRAIN_MNIST, all, {.environment = {{"STRATA_CACHE", cache().string()}}});
  }

  json report() const {
    std::ifstream stream(report_);
    return json::parse(stream, nullptr, /*allow_exceptions=*/false);
  }

  /// How many choices came from `source`.
  static int count(const json& report, const std::string& source) {
    int found = 0;
    for (const json& choice : report["kernels"]["choices"]) found += choice["source"] == source;
    return found;
  }

 private:
  TemporaryFolder folder_;
  fs::path report_ = folder_.path() / "report.json";
};

TEST_P(GpuTuneTest, MeasuredOnceRememberedAndTheSameNumbers) {
  const ProgramResult plain = train({});
  ASSERT_EQ(plain.exit_code, 0) << plain.errors;
  EXPECT_FALSE(fs::exists(cache())) << "a plain run measured";
  EXPECT_EQ(report()["kernels"]["tuning_seconds"], 0.0);

  const ProgramResult tuned = train({"--tune", "--verbose"});
  ASSERT_EQ(tuned.exit_code, 0) << tuned.errors;
  EXPECT_NE(tuned.output.find("choices measured in"), std::string::npos) << tuned.output;
  EXPECT_NE(tuned.output.find("(measured now): "), std::string::npos) << tuned.output;
  const json first = report();
  EXPECT_GT(count(first, "measured now"), 3);
  EXPECT_EQ(count(first, "cache file"), 0);
  EXPECT_TRUE(fs::exists(cache() / "tuning.tsv"));

  for (const std::vector<std::string>& flags : {std::vector<std::string>{}, {"--tune"}}) {
    ASSERT_EQ(train(flags).exit_code, 0);
    const json again = report();
    EXPECT_EQ(count(again, "measured now"), 0);
    EXPECT_GT(count(again, "cache file"), 3);
    EXPECT_EQ(again["loss_per_epoch"], first["loss_per_epoch"]);
  }
}

INSTANTIATE_TEST_SUITE_P(Gpu, GpuTuneTest, testing::Values("auto", "library"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace strata::test
