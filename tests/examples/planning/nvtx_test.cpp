// train_mnist in a process into which a tool that listens to NVTX has been put. Needs no GPU.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/support/idx_files.h"
#include "tests/support/program.h"

namespace strata::test {
namespace {

TEST(TrainMnistNvtxTest, ItsLayersAreRanges) {
  const TemporaryFolder folder;
  write_idx_folder(folder.path() / "data", {.height = 14, .width = 13});
  const std::string log = folder.path() / "log";
  const ProgramResult run = run_program(
      TRAIN_MNIST,
      {"--device", "cpu", "--data", folder.path() / "data", "--model", "mlp", "--epochs", "1",
       "--batch-size", "8", "--quiet"},
      {.environment = {{"NVTX_INJECTION64_PATH", FAKE_NVTX_TOOL}, {"FAKE_NVTX_LOG", log}}});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::map<std::string, int> heard;
  std::ifstream stream(log);
  for (std::string line; std::getline(stream, line);)
    ++heard[line.substr(0, line.find(", category"))];
  EXPECT_EQ(heard["domain strata"], 1);
  EXPECT_GE(heard["push training step"], 5) << "40 images in batches of 8";
  EXPECT_GT(heard["push forward"], 0);
  EXPECT_GT(heard["push dense1"], 0);
  EXPECT_GT(heard["push dense"], heard["push dense1"]) << "forward, backward, three layers";
  EXPECT_GT(heard["push cpu::dense"], 0);
  int pushed = 0;
  for (const auto& [line, count] : heard)
    if (line.starts_with("push ")) pushed += count;
  EXPECT_EQ(heard["pop"], pushed);
}

}  // namespace
}  // namespace strata::test
