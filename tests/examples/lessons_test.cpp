// The lessons (one_convolution, hello_tensor, own_op) as a reader meets them, without a GPU.
#include "tests/examples/lessons.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tensor/build_config.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

TEST(OneConvolutionTest, OnTheCpuThreeLevelsAgreeAndFourAreSkipped) {
  const ProgramResult run = run_program(ONE_CONVOLUTION, {"--device", "cpu"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_EQ(run.errors, "");
  for (const char letter : std::string("afg")) EXPECT_TRUE(agrees(run.output, letter));
  for (const char letter : std::string("bcde"))
    EXPECT_TRUE(has(line_of_level(run.output, letter), "skipped: it needs a GPU"));
  EXPECT_TRUE(has(run.output, "GPU    none: --device cpu"));
  EXPECT_TRUE(has(run.output, "computed by ops/cpu/conv2d"));
  EXPECT_TRUE(has(run.output, "levels run: 3, skipped: 4: PASS"));
}

TEST(OneConvolutionTest, TheTrainingStepsLowerTheLoss) {
  const std::string output =
      run_program(ONE_CONVOLUTION, {"--device", "cpu", "--level", "g"}).output;
  const double before = number_after(output, "loss "), after = number_after(output, "-> ");
  EXPECT_GT(before, 0) << output;
  EXPECT_LT(after, 0.5 * before) << output;
}

TEST(OneConvolutionTest, RunsOneLevel) {
  for (const char letter : std::string(kLevels)) {
    const ProgramResult run =
        run_program(ONE_CONVOLUTION, {"--device", "cpu", "--level", std::string{letter}});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    for (const char other : std::string(kLevels))
      EXPECT_EQ(line_of_level(run.output, other).empty(), other != letter) << run.output;
  }
}

TEST(OneConvolutionTest, SaysWhyThereIsNoGpu) {
  const auto run_with_fake_driver = [](const std::string& device) {
    const std::string folder = fs::path(FAKE_DRIVER).parent_path().string();
    return run_program(
        ONE_CONVOLUTION, {"--device", device},
        {.environment = {{"LD_LIBRARY_PATH", folder}, {"FAKE_CALLS", "cuInit=100"}}});
  };
  const std::string reason = kHasCuda ? "finds no GPU" : "without GPU code";
  const ProgramResult by_itself = run_with_fake_driver("auto");
  EXPECT_EQ(by_itself.exit_code, 0) << by_itself.errors;
  EXPECT_TRUE(has(by_itself.output, reason));
  const ProgramResult asked_for = run_with_fake_driver("gpu");
  EXPECT_EQ(asked_for.exit_code, 4);
  EXPECT_EQ(asked_for.output, "");
  EXPECT_TRUE(has(asked_for.errors, "one_convolution: --device gpu: "));
  EXPECT_TRUE(has(asked_for.errors, reason));
}

TEST(OneConvolutionTest, RefusesWhatItDoesNotKnow) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--fast"}, {"--level", "h"}, {"--device", "tpu"}}) {
    const ProgramResult run = run_program(ONE_CONVOLUTION, arguments);
    EXPECT_EQ(run.exit_code, 2) << arguments[0];
    EXPECT_EQ(run.output, "");
    EXPECT_TRUE(has(run.errors, arguments.back()));
    EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
  }
  const ProgramResult help = run_program(ONE_CONVOLUTION, {"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(has(help.output, "Exit codes"));
}

// A level that takes more is no longer read at a glance.
TEST(OneConvolutionTest, EachLevelIsAFileOfUnder80Lines) {
  std::string letters;
  for (const auto& file : fs::directory_iterator(fs::path(EXAMPLES) / "one_convolution")) {
    const std::string name = file.path().filename().string();
    if (name.size() < 2 || name[1] != '_') continue;
    letters += name[0];
    std::ifstream stream(file.path());
    const auto lines = std::count(std::istreambuf_iterator<char>(stream), {}, '\n');
    EXPECT_GT(lines, 0) << name;
    EXPECT_LT(lines, 80) << name;
  }
  std::sort(letters.begin(), letters.end());
  EXPECT_EQ(letters, kLevels);
}

TEST(HelloTensorTest, GradientsAreRightAndTheLineIsFound) {
  const ProgramResult run = run_program(HELLO_TENSOR, {});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_TRUE(has(run.output, "df/da = 4.6487, by hand b + exp(a) = 4.6487"));
  EXPECT_TRUE(has(run.output, "slope 3.0000, offset -0.9999"));
  EXPECT_TRUE(has(run.output, "PASS on the cpu"));
}

TEST(OwnOpTest, AgreesWithCentralDifferences) {
  const ProgramResult run = run_program(OWN_OP, {"cpu"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  const std::string words = "float64 on the cpu, to central differences";
  EXPECT_TRUE(has(run.output, words));
  const double difference = number_after(run.output.substr(run.output.find(words)), "difference ");
  EXPECT_GT(difference, 0) << "nothing was compared";
  EXPECT_LT(difference, 1e-7);
  EXPECT_TRUE(has(run.output, "PASS"));
}

TEST(SmallLessonsTest, RefuseWhatTheyDoNotKnow) {
  for (const char* program : {HELLO_TENSOR, OWN_OP}) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"tpu"}, {"cpu", "gpu"}}) {
      const ProgramResult run = run_program(program, arguments);
      EXPECT_EQ(run.exit_code, 2) << program;
      EXPECT_TRUE(has(run.errors, "takes cpu or gpu"));
    }
  }
}

TEST(SmallLessonsTest, WithoutAGpuToAskForOneIsExitCodeFour) {
  const std::string folder = fs::path(FAKE_DRIVER).parent_path().string();
  for (const char* program : {HELLO_TENSOR, OWN_OP}) {
    const ProgramResult run =
        run_program(program, {"gpu"},
                    {.environment = {{"LD_LIBRARY_PATH", folder}, {"FAKE_CALLS", "cuInit=100"}}});
    EXPECT_EQ(run.exit_code, 4) << program << run.output;
    EXPECT_TRUE(has(run.errors, kHasCuda ? "finds no GPU" : "no GPU code"));
  }
}

}  // namespace
}  // namespace strata::test
