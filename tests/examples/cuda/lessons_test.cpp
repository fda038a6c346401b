// The lessons on a GPU.
#include "tests/examples/lessons.h"

#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

class GpuLessonsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};

TEST_F(GpuLessonsTest, EveryLevelOfOneConvolutionAgrees) {
  if (const auto& reason = cuda::why_no_cudnn()) GTEST_SKIP() << *reason;
  const ProgramResult run = run_program(ONE_CONVOLUTION, {"--device", "gpu"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  for (const char letter : std::string(kLevels)) EXPECT_TRUE(agrees(run.output, letter));
  EXPECT_TRUE(has(run.output, "computed by ops/cuda/conv2d"));
  EXPECT_TRUE(has(run.output, "levels run: 7, skipped: 0: PASS"));
}

// In a process of its own, a level finds nothing made ready by the one before.
TEST_F(GpuLessonsTest, EachLevelOfOneConvolutionStandsAlone) {
  const bool has_cudnn = !cuda::why_no_cudnn();
  for (const char letter : std::string(has_cudnn ? "bcdefg" : "bcfg")) {
    const ProgramResult run =
        run_program(ONE_CONVOLUTION, {"--device", "gpu", "--level", std::string{letter}});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    EXPECT_TRUE(agrees(run.output, letter));
  }
}

TEST_F(GpuLessonsTest, WithoutCudnnItsLevelsAreSkipped) {
  const TemporaryFolder folder;  // an unreadable library in front hides the real one
  write_bytes(folder.path() / "libcudnn.so.9", {});
  const ProgramResult run =
      run_program(ONE_CONVOLUTION, {"--device", "gpu"},
                  {.environment = {{"LD_LIBRARY_PATH", folder.path().string()}}});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  for (const char letter : std::string("abcfg")) EXPECT_TRUE(agrees(run.output, letter));
  for (const char letter : std::string("de"))
    EXPECT_TRUE(has(line_of_level(run.output, letter), "skipped: cuDNN: libcudnn.so.9"));
}

TEST_F(GpuLessonsTest, TheSmallLessonsPass) {
  for (const char* program : {HELLO_TENSOR, OWN_OP}) {
    const ProgramResult run = run_program(program, {"gpu"});
    EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
    EXPECT_TRUE(has(run.output, "gpu"));
    EXPECT_TRUE(has(run.output, "PASS"));
  }
}

}  // namespace
}  // namespace strata::test
