// train_mnist as a user meets it: exit codes, messages, the report. Every run is a process.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ops/cpu/instructions.h"
#include "ops/dispatch.h"
#include "tensor/build_config.h"
#include "tests/support/idx_files.h"
#include "tests/support/program.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TrainMnistTest : public testing::Test {
 protected:
  TrainMnistTest() { write_idx_folder(data(), {.height = 14, .width = 13}); }

  fs::path folder() const { return folder_.path(); }
  fs::path data() const { return folder_.path() / "data"; }

  /// train_mnist on the CPU with the small data set and the given arguments after those.
  ProgramResult train(std::vector<std::string> arguments, const ProgramOptions& options = {}) {
    std::vector<std::string> all = {"--device", "cpu", "--data",       data().string(),
                                    "--epochs", "2",   "--batch-size", "8"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(TRAIN_MNIST, all, options);
  }

  /// One line on standard error that has all of `parts`, and this exit code.
  void expect_refused(const ProgramResult& result, int exit_code,
                      const std::vector<std::string>& parts) {
    EXPECT_EQ(result.exit_code, exit_code) << result.errors;
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    for (const std::string& part : parts)
      EXPECT_NE(result.errors.find(part), std::string::npos)
          << "'" << part << "' is not in: " << result.errors;
  }

  json read_json(const fs::path& file) {
    std::ifstream stream(file);
    return json::parse(stream, nullptr, /*allow_exceptions=*/false);
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(TrainMnistTest, TrainsAndReports) {
  const fs::path file = folder() / "report.json";
  const ProgramResult run = train({"--json", file.string(), "--epochs", "3", "--seed", "7"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_NE(run.output.find("epoch 3/3"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find("conv2"), std::string::npos) << "no summary: " << run.output;
  EXPECT_EQ(run.output.find('\x1b'), std::string::npos) << "a bar although this is no terminal";
  const json report = read_json(file);
  ASSERT_TRUE(report.is_object());
  for (const char* key : {"device", "kernels", "precision", "dataset", "seed", "epochs", "steps",
                          "test_accuracy", "train_seconds", "total_seconds", "loss_per_epoch",
                          "test_accuracy_per_epoch", "versions", "passed", "startup", "graph"})
    EXPECT_TRUE(report.contains(key)) << key;
  double sum = 0;
  for (const char* part : {"data", "upload", "rehearsal", "training", "evaluation"}) {
    EXPECT_GT(report["startup"][part], 0) << part;
    sum += report["startup"][part].get<double>();
  }
  EXPECT_LE(sum, report["total_seconds"]) << "on the CPU one part follows the other";
  EXPECT_EQ(report["startup"]["device"], 0) << "nothing to start";
  EXPECT_TRUE(report["graph"].is_null()) << "a graph on the CPU";
  EXPECT_EQ(report["device"]["type"], "cpu");
  EXPECT_EQ(report["seed"], 7);
  EXPECT_EQ(report["steps"], 15);
  EXPECT_EQ(report["loss_per_epoch"].size(), 3u);
  EXPECT_EQ(report["kernels"]["ops"]["conv2d_relu_max_pool"], "cpu");
  EXPECT_TRUE(report["passed"].is_null()) << "a set of one's own has no target";
  const auto files = std::distance(fs::directory_iterator(folder()), fs::directory_iterator());
  EXPECT_EQ(files, 2) << "something was left beside the data and the report";
}

TEST_F(TrainMnistTest, WithoutTheGraphTheNumbersAreTheSame) {
  std::vector<json> reports;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--no-graph"}, {"--steps-per-launch", "3"}}) {
    const fs::path file = folder() / "report.json";
    std::vector<std::string> all = {"--json", file.string()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const ProgramResult run = train(all);
    ASSERT_EQ(run.exit_code, 0) << run.errors;
    reports.push_back(read_json(file)["loss_per_epoch"]);
  }
  EXPECT_EQ(reports[0].size(), 2u);
  EXPECT_EQ(reports[1], reports[0]);
  EXPECT_EQ(reports[2], reports[0]);
}

TEST_F(TrainMnistTest, SameSeedSameNumbers) {
  std::vector<json> reports;
  for (const char* seed : {"3", "3", "4"}) {
    const fs::path file = folder() / "report.json";
    ASSERT_EQ(train({"--json", file.string(), "--seed", seed}).exit_code, 0);
    reports.push_back(read_json(file)["loss_per_epoch"]);
  }
  EXPECT_EQ(reports[0], reports[1]);
  EXPECT_NE(reports[0], reports[2]);
}

TEST_F(TrainMnistTest, LearnsOtherSizesAndClassesWithEveryOption) {
  write_idx_folder(folder() / "colour",
                   {.train_count = 96, .height = 16, .width = 20, .channels = 3, .classes = 7});
  for (const std::string options :
       {"--model lenet --optimizer adam --schedule one-cycle --kernels own",
        "--model mlp --optimizer sgd --schedule cosine --kernels reference --lr 0.02",
        "--model mlp --optimizer adam --schedule constant --threads 3 --lr 0.003 --quiet",
        "--model lenet --kernels auto --precision tf32 --lr 0.01"}) {
    std::istringstream words(options);
    std::vector<std::string> arguments = {
        "--data", (folder() / "colour").string(), "--epochs", "12", "--target-accuracy", "90"};
    for (std::string word; words >> word;) arguments.push_back(word);
    const ProgramResult run = run_program(TRAIN_MNIST, [&] {
      std::vector<std::string> all = {"--device", "cpu", "--batch-size", "8"};
      all.insert(all.end(), arguments.begin(), arguments.end());
      return all;
    }());
    EXPECT_EQ(run.exit_code, 0) << options << "\n" << run.output << run.errors;
    EXPECT_NE(run.output.find("PASS"), std::string::npos) << options;
  }
}

TEST_F(TrainMnistTest, AMissedTargetIsExitCodeOne) {
  const ProgramResult run = train({"--lr", "1e-12", "--target-accuracy", "100"});
  EXPECT_EQ(run.exit_code, 1) << run.errors;
  EXPECT_NE(run.output.find("FAIL (target 100%)"), std::string::npos) << run.output;
}

TEST_F(TrainMnistTest, RefusesBadFlagValues) {
  const struct {
    const char *flag, *value, *words;
  } kCases[] = {{"--epochs", "0", "from 1 to"},
                {"--epochs", "-3", "from 1 to"},
                {"--epochs", "nan", "from 1 to"},
                {"--epochs", "2.5", "takes a whole number from 1 to 1000000, not '2.5'"},
                {"--epochs", "0x10", "takes a whole number"},
                {"--epochs", "99999999999999999999", "from 1 to"},
                {"--batch-size", "0", "from 1 to"},
                {"--batch-size", "1e3", "takes a whole number from 1 to"},
                {"--lr", "nan", "--lr"},
                {"--lr", "inf", "--lr"},
                {"--lr", "-0.1", "--lr"},
                {"--lr", "0", "--lr"},
                {"--target-accuracy", "101", "from 0 to 100"},
                {"--target-accuracy", "nan", "from 0 to 100"},
                {"--threads", "0", "from 1 to 1024"},
                {"--threads", "100000", "from 1 to 1024"},
                {"--seed", "-1", "from 0"},
                {"--memory-limit", "0", "--memory-limit"},
                {"--steps-per-launch", "0", "from 1 to 1000"},
                {"--device", "tpu", "takes auto|cpu|gpu, not 'tpu'"},
                {"--kernels", "fast", "takes auto|library|own|reference, not 'fast'"},
                {"--model", "resnet", "takes lenet|mlp, not 'resnet'"},
                {"--optimizer", "lion", "takes adam|sgd, not 'lion'"},
                {"--schedule", "", "--schedule"},
                {"--precision", "fp8", "takes bf16|fp32|tf32, not 'fp8'"}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(std::string(c.flag) + " " + c.value);
    expect_refused(train({c.flag, c.value}), 2, {c.flag, c.words});
  }
}

TEST_F(TrainMnistTest, NamesTheNearestFlag) {
  expect_refused(train({"--epoch", "3"}), 2, {"--epoch", "did you mean --epochs?"});
  expect_refused(train({"--batchsize=3"}), 2, {"--batchsize", "did you mean --batch-size?"});
}

TEST_F(TrainMnistTest, HelpGivesDefaultsAndExitCodes) {
  const ProgramResult run = train({"--help"});
  EXPECT_EQ(run.exit_code, 0);
  for (const char* words :
       {"--batch-size", "[192]", "Where it runs", "--no-graph", "130 stopped by Ctrl-C"})
    EXPECT_NE(run.output.find(words), std::string::npos) << words << " is not in\n" << run.output;
}

TEST_F(TrainMnistTest, RefusesABatchLargerThanTheSet) {
  expect_refused(train({"--batch-size", "41"}), 2, {"--batch-size 41", "40 images"});
}

TEST_F(TrainMnistTest, RefusesUnusableData) {
  expect_refused(train({"--data", "/nowhere"}), 3, {"/nowhere"});
  write_idx_folder(folder() / "small", {.height = 8, .width = 28});
  expect_refused(train({"--data", (folder() / "small").string()}), 3,
                 {"small", "8x28", "lenet", "12x12"});
  fs::remove(data() / kTestLabels);
  expect_refused(train({}), 3, {kTestLabels});
  write_bytes(data() / kTestLabels, {});
  expect_refused(train({}), 3, {kTestLabels, "empty"});
}

TEST_F(TrainMnistTest, TrainsOnOnednn) {
  if (const auto& reason = why_no_onednn()) GTEST_SKIP() << *reason;
  const fs::path file = folder() / "report.json";
  const ProgramResult run = train({"--kernels", "library", "--json", file.string()});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const json report = read_json(file);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["kernels"]["ops"]["conv2d_relu_max_pool"], "onednn");
  EXPECT_EQ(report["kernels"]["ops"]["dense"], "onednn");
  EXPECT_EQ(report["kernels"]["ops"]["adam_update"], "cpu");
  EXPECT_TRUE(report["versions"]["oneDNN"].contains("version"));
  const std::vector<double> losses = report["loss_per_epoch"];
  EXPECT_LT(losses.back(), losses.front());
}

TEST_F(TrainMnistTest, SaysWhichFileOfOnednnIsBroken) {
  if (const auto& reason = why_no_onednn()) GTEST_SKIP() << *reason;
  for (const char* name : {"libdnnl.so.2", "libdnnl.so.3"}) write_bytes(folder() / name, {});
  expect_refused(
      train({"--kernels", "library"}, {.environment = {{"LD_LIBRARY_PATH", folder().string()}}}), 4,
      {"--kernels library: oneDNN: libdnnl.so.", "file too short", "--kernels own"});
}

TEST_F(TrainMnistTest, RefusesBFloat16OnOnednn) {
  expect_refused(train({"--kernels", "library", "--precision", "bf16"}), 2, {"--precision bf16"});
}

TEST_F(TrainMnistTest, SaysWhatBFloat16NeedsOfAProcessor) {
  expect_refused(train({"--precision", "bf16", "--instructions", "baseline"}), 4,
                 {"needs a processor with AVX-512 BF16", "kernels use baseline here"});
}

TEST_F(TrainMnistTest, TrainsInBFloat16OnTheCpu) {
  if (best_instructions() < Instructions::avx512_bf16)
    GTEST_SKIP() << "this processor has no AVX-512 BF16";
  const fs::path file = folder() / "report.json";
  const ProgramResult run = train({"--precision", "bf16", "--epochs", "3", "--json", file});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const json report = read_json(file);
  EXPECT_EQ(report["kernels"]["ops"]["conv2d_relu_max_pool"], "cpu");
  const std::vector<double> losses = report["loss_per_epoch"];
  EXPECT_LT(losses.back(), losses.front());
}

TEST_F(TrainMnistTest, TrainsWithTheInstructionsAskedFor) {
  for (const Instructions asked : {Instructions::baseline, Instructions::avx2}) {
    if (asked > best_instructions()) GTEST_SKIP() << "this processor has no " << name_of(asked);
    const fs::path file = folder() / "report.json";
    const ProgramResult run = train({"--instructions", std::string(name_of(asked)), "--model",
                                     "mlp", "--epochs", "3", "--json", file});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    const std::vector<double> losses = read_json(file)["loss_per_epoch"];
    EXPECT_LT(losses.back(), losses.front()) << name_of(asked);
  }
}

TEST_F(TrainMnistTest, NamesTheInstructionsThatThereAre) {
  expect_refused(train({"--instructions", "mmx"}), 2,
                 {"takes baseline|avx2|avx512|avx512_bf16", "mmx"});
}

TEST_F(TrainMnistTest, TuningNeedsAGpuAndAChoice) {
  expect_refused(train({"--tune"}), 2, {"--tune", "needs a GPU"});
  expect_refused(train({"--tune", "--kernels", "own"}), 2, {"--tune", "--kernels auto"});
}

TEST_F(TrainMnistTest, VerboseSaysThatTheCpuHasNoChoice) {
  const ProgramResult run = train({"--verbose"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_NE(run.output.find("choices of kernels\n  none: on the CPU"), std::string::npos)
      << run.output;
  EXPECT_EQ(train({}).output.find("choices of kernels"), std::string::npos);
}

TEST_F(TrainMnistTest, SaysWhatDivergedAndWhen) {
  expect_refused(train({"--lr", "1e30", "--schedule", "constant"}), 5,
                 {"diverged", "step ", "first to go wrong: "});
}

TEST_F(TrainMnistTest, SaysHowLargeABatchFitsWhenMemoryRunsOut) {
  write_idx_folder(data(), {.train_count = 4096, .height = 28, .width = 28});
  const ProgramResult run = train({"--batch-size", "4000", "--memory-limit", "100"});
  expect_refused(run, 4, {"activations", "--batch-size "});
  const std::string advised = run.errors.substr(run.errors.find("--batch-size ") + 13);
  const ProgramResult again = train({"--batch-size", std::to_string(std::stoi(advised)),
                                     "--memory-limit", "100", "--epochs", "1"});
  EXPECT_EQ(again.exit_code, 0) << "the advised batch does not fit: " << again.errors;
}

TEST_F(TrainMnistTest, FindsAnUnwritableReportBeforeTraining) {
  const ProgramResult run = train({"--json", "/nowhere/report.json"});
  expect_refused(run, 2, {"--json /nowhere/report.json", "No such file"});
  EXPECT_EQ(run.output, "");
  expect_refused(train({"--json", folder().string()}), 2, {"is a folder"});
}

TEST_F(TrainMnistTest, AFullDiskCostsTheReportNotTheResults) {
  const ProgramResult run = train({"--json", "/dev/full"});
  expect_refused(run, 2, {"--json /dev/full", "No space left"});
  EXPECT_NE(run.output.find("test accuracy"), std::string::npos) << run.output;
}

TEST_F(TrainMnistTest, CtrlCStopsAtTheNextStepAndSaysWhatWasReached) {
  const fs::path file = folder() / "report.json";
  const ProgramResult run =
      train({"--epochs", "100000", "--json", file.string()}, {.interrupt_after = "epoch 1/100000"});
  EXPECT_EQ(run.exit_code, 130) << run.errors;
  EXPECT_NE(run.output.find("stopped by Ctrl-C after step"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find("test accuracy"), std::string::npos) << run.output;
  EXPECT_EQ(read_json(file)["interrupted"], true);
}

TEST_F(TrainMnistTest, DrawsDigitsWhenMnistIsNotThere) {
  const fs::path program = folder() / "alone" / "train_mnist";
  fs::create_directories(program.parent_path());
  fs::copy_file(TRAIN_MNIST, program);
  const fs::path before = fs::current_path();
  fs::current_path(program.parent_path());
  const ProgramResult run =
      run_program(program, {"--device", "cpu", "--model", "mlp", "--epochs", "1", "--quiet"});
  fs::current_path(before);
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_NE(run.output.find("MNIST is not here"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find("data: digits"), std::string::npos) << "not in the verdict";
}

TEST_F(TrainMnistTest, SaysWhyThereIsNoGpu) {
  const auto on_gpu = [&](const ProgramOptions& options) {
    return train({"--device", "gpu"}, options);
  };
  if constexpr (!kHasCuda) {
    expect_refused(on_gpu({}), 4, {"--device gpu", "without GPU code"});
    return;
  }
  const fs::path driver = fs::path(FAKE_DRIVER).parent_path();
  const auto with_driver = [&](std::map<std::string, std::string> environment) {
    environment["LD_LIBRARY_PATH"] = driver.string();
    return on_gpu({.environment = environment});
  };
  expect_refused(with_driver({{"FAKE_CALLS", "cuInit=100"}}), 4, {"--device gpu", "finds no GPU"});
  expect_refused(with_driver({{"FAKE_CALLS", "cuInit=100"}, {"CUDA_VISIBLE_DEVICES", ""}}), 4,
                 {"CUDA_VISIBLE_DEVICES=\"\"", "leaves no GPU visible"});
  expect_refused(with_driver({{"FAKE_CALLS", "cuInit=34"}}), 4, {"stub"});
  expect_refused(with_driver({{"FAKE_CALLS", "cuInit=803"}}), 4, {"different versions", "reboot"});
  expect_refused(with_driver({{"FAKE_CALLS", "cuInit=999"}}), 4, {"cuInit returned error 999"});
  expect_refused(with_driver({{"FAKE_DRIVER_CUDA", "11040"}}), 4, {"CUDA up to 11.4", "update"});
}

TEST_F(TrainMnistTest, SaysThatThereIsNoDriver) {
  if constexpr (!kHasCuda) GTEST_SKIP() << "this build has no GPU code";
  // An unreadable library in front hides a real driver from the loader.
  write_bytes(folder() / "libcuda.so.1", {});
  const ProgramResult run =
      train({"--device", "gpu"}, {.environment = {{"LD_LIBRARY_PATH", folder().string()}}});
  expect_refused(run, 4, {"--device gpu", "no NVIDIA driver library", "install the driver"});
}

}  // namespace
}  // namespace strata::test
