// The probe of cuDNN over stand-ins for the libraries that it consists of, whole, missing or mixed.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/stack_check/probe_run.h"
#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-5;  // fp32 sums of up to 126 products of numbers below one

/// The stand-ins' files in a folder of its own.
class CudnnFolder {
 public:
  CudnnFolder() {
    for (const auto& entry : fs::directory_iterator(FAKES))
      if (entry.path().filename().string().find(".so.") != std::string::npos)
        fs::copy(entry.path(), folder_.path());
  }
  std::string file(const std::string& part) const {
    return folder_.path() / ("libcudnn_" + part + ".so.9");
  }
  std::string path() const { return folder_.path(); }
  ProbeRun run() const {
    return run_fake_probe("cudnn", {.environment = {{"LD_LIBRARY_PATH", path()}}});
  }

 private:
  TemporaryFolder folder_;
};

ProbeRun run_with_calls(const std::string& calls) {
  return run_fake_probe("cudnn", {.environment = {{"FAKE_CALLS", calls}}});
}

/// Whether the part's file is said to be there.
bool is_present(const ProbeRun& run, const std::string& part) {
  for (const auto& sublibrary : run.facts["sublibraries"])
    if (sublibrary["name"] == "libcudnn_" + part + ".so.9") return sublibrary["present"];
  ADD_FAILURE() << part << " is not listed";
  return false;
}

TEST(CudnnProbeTest, AHealthyOneIsCheckedAndMeasured) {
  const ProbeRun run = run_fake_probe("cudnn", {.flags = {}});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.facts["version"], run.facts["built"]);
  EXPECT_EQ(run.facts["max_device"], 1210);
  EXPECT_EQ(run.code("cudnnAdvVersionCheck"), 0);
  for (const char* error : {"forward_error", "grad_input_error", "grad_weight_error"}) {
    ASSERT_TRUE(run.facts.contains(error)) << error;
    EXPECT_GT(run.facts[error], 0) << error;
    EXPECT_LT(run.facts[error], kTolerance) << error;
  }
  EXPECT_NEAR(run.facts["convolution_tflops"], 250, 1);
  EXPECT_EQ(run.facts["libraries"].size(), 7);  // all but the engines compiled when they are needed
  EXPECT_EQ(run.facts["nvrtc"]["version"], "13.0");
  EXPECT_EQ(run.code("nvrtcCompileProgram"), 0);
  EXPECT_TRUE(is_present(run, "engines_runtime_compiled"));
}

TEST(CudnnProbeTest, EachWrongResultShowsInItsOwnError) {
  const std::map<std::string, std::string> errors = {
      {"cudnnConvolutionForward", "forward_error"},
      {"cudnnConvolutionBackwardData", "grad_input_error"},
      {"cudnnConvolutionBackwardFilter", "grad_weight_error"}};
  for (const auto& [function, wrong] : errors) {
    const ProbeRun run = run_fake_probe("cudnn", {.environment = {{"FAKE_WRONG", function}}});
    for (const auto& [other, error] : errors)
      EXPECT_EQ(run.facts[error] > 0.01, error == wrong) << function << " " << error;
  }
}

TEST(CudnnProbeTest, AFailureKeepsTheLibrarysWordsAndTheOtherDirectionsGoOn) {
  const ProbeRun run = run_with_calls("cudnnConvolutionBackwardData=5000");
  const ReportedCall* call = run.last("cudnnConvolutionBackwardData");
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->code, 5000);
  EXPECT_EQ(call->code_name, "CUDNN_STATUS_EXECUTION_FAILED");
  EXPECT_EQ(call->words, "cudnnConvolutionBackwardData was told to fail");
  EXPECT_FALSE(run.facts.contains("grad_input_error"));
  EXPECT_TRUE(run.facts.contains("grad_weight_error"));
}

TEST(CudnnProbeTest, ACrashInTheConvolutionLeavesWhatIsLoaded) {
  const ProbeRun run = run_with_calls("cudnnConvolutionForward=crash");
  EXPECT_NE(run.exit_code, 0);
  EXPECT_EQ(run.calls.back().name, "cudnnConvolutionForward");
  EXPECT_GE(run.facts["libraries"].size(), 5);
}

TEST(CudnnProbeTest, WithoutItsGraphItAbortsInTheFirstCall) {
  const CudnnFolder cudnn;
  fs::remove(cudnn.file("graph"));
  const ProbeRun run = cudnn.run();
  EXPECT_NE(run.exit_code, 0);
  EXPECT_EQ(run.calls.back().name, "cudnnGetVersion");
  EXPECT_FALSE(run.calls.back().code.has_value());
  EXPECT_FALSE(is_present(run, "graph"));
  EXPECT_TRUE(is_present(run, "ops"));
}

TEST(CudnnProbeTest, AMissingPartFailsItsOwnCheckAndThoseThatNeedIt) {
  const CudnnFolder cudnn;
  fs::remove(cudnn.file("cnn"));
  const ProbeRun run = cudnn.run();
  EXPECT_EQ(run.code("cudnnOpsVersionCheck"), 0);
  EXPECT_EQ(run.code("cudnnCnnVersionCheck"), 3009);
  EXPECT_EQ(run.code("cudnnAdvVersionCheck"), 0);
  EXPECT_FALSE(is_present(run, "cnn"));
  fs::remove(cudnn.file("ops"));
  EXPECT_EQ(cudnn.run().code("cudnnAdvVersionCheck"), 3009);
}

TEST(CudnnProbeTest, MissingEnginesPassTheChecksButNotTheConvolution) {
  const CudnnFolder cudnn;
  fs::remove(cudnn.file("engines_precompiled"));
  const ProbeRun run = cudnn.run();
  EXPECT_EQ(run.code("cudnnCnnVersionCheck"), 0);
  EXPECT_EQ(run.code("cudnnConvolutionForward"), 3009);
  EXPECT_FALSE(is_present(run, "engines_precompiled"));
}

TEST(CudnnProbeTest, AnotherPartUnderThisOnesName) {
  const CudnnFolder cudnn;
  fs::copy(cudnn.file("adv"), cudnn.file("cnn"), fs::copy_options::overwrite_existing);
  EXPECT_EQ(cudnn.run().code("cudnnCnnVersionCheck"), 3009);
}

TEST(CudnnProbeTest, APartOfAnotherRelease) {
  const ProbeRun run = run_fake_probe(
      "cudnn", {.environment = {{"FAKE_CUDNN_VERSION", "92000"}, {"FAKE_CNN_VERSION", "91400"}}});
  EXPECT_EQ(run.facts["version"], 92000);
  EXPECT_EQ(run.code("cudnnOpsVersionCheck"), 0);
  EXPECT_EQ(run.last("cudnnCnnVersionCheck")->code_name,
            "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH");
}

TEST(CudnnProbeTest, APartFromAnotherFolderIsListedWhereItLies) {
  const CudnnFolder cudnn;
  fs::remove(cudnn.file("adv"));
  const ProbeRun run =
      run_fake_probe("cudnn", {.environment = {{"LD_LIBRARY_PATH", cudnn.path() + ":" FAKES}}});
  EXPECT_EQ(run.code("cudnnAdvVersionCheck"), 0);
  std::map<std::string, int> folders;
  for (const auto& library : run.facts["libraries"])
    ++folders[fs::path(library["target"].get<std::string>()).parent_path()];
  EXPECT_EQ(folders[FAKES], 1);
  EXPECT_EQ(folders[fs::canonical(cudnn.path())], 6);
}

TEST(CudnnProbeTest, NvrtcMissingOrUnableToCompile) {
  const ProbeRun unable = run_with_calls("nvrtcCompileProgram=7");
  EXPECT_EQ(unable.last("nvrtcCompileProgram")->words, "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE");
  const CudnnFolder cudnn;
  for (const auto& entry : fs::directory_iterator(cudnn.path()))
    if (entry.path().filename().string().starts_with("libnvrtc")) fs::remove(entry.path());
  const ProbeRun missing = cudnn.run();
  EXPECT_FALSE(missing.facts.contains("nvrtc"));
  EXPECT_TRUE(missing.facts.contains("grad_weight_error"));
  EXPECT_TRUE(missing.calls.back().name.starts_with("dlopen(libnvrtc.so."));
}

}  // namespace
}  // namespace strata::test
