// train_mnist --xray on a GPU, as a user meets it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tensor/cuda/context.h"
#include "tests/support/idx_files.h"
#include "tests/support/program.h"
#include "tests/tools/chrome_trace_checks.h"

namespace strata::test {
namespace {

using nlohmann::json;

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST(GpuXrayProgramTest, PrintsBothViewsAndWritesPageAndTrace) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  const TemporaryFolder folder;
  write_idx_folder(folder.path() / "data", {.height = 28, .width = 28});
  const std::string page = folder.path() / "page.html", trace = folder.path() / "trace.json";
  const ProgramResult run =
      run_program(TRAIN_MNIST, {"--device", "gpu", "--data", folder.path() / "data", "--batch-size",
                                "16", "--xray", page, "--xray-trace", trace});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.errors, "");
  for (const char* words : {"eager: one step, queued kernel by kernel", "captured: one launch",
                            "  wall   ", "  GPU    busy ", "  named  ", "what capture removes"})
    EXPECT_NE(run.output.find(words), std::string::npos) << words << " is not in\n" << run.output;

  const std::string html = text_of(page);
  constexpr std::string_view kBegin = "id=\"xray-data\">";
  const size_t begin = html.find(kBegin) + kBegin.size();
  const json data = json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  ASSERT_EQ(data.at("views").size(), 2u);
  for (const json& view : data.at("views")) EXPECT_GE(view.at("named"), 0.95) << view.at("name");
  const json written = json::parse(text_of(trace));
  expect_slices_nest(written);
  expect_flows_are_whole(written);
}

TEST(GpuXrayProgramTest, WithoutTheGraphOneStepIsEnough) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  const TemporaryFolder folder;
  write_idx_folder(folder.path() / "data", {.height = 28, .width = 28});
  const ProgramResult run =
      run_program(TRAIN_MNIST, {"--device", "gpu", "--data", folder.path() / "data", "--batch-size",
                                "16", "--model", "mlp", "--xray", "--no-graph"});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.output.find("captured"), std::string::npos) << run.output;
}

}  // namespace
}  // namespace strata::test
