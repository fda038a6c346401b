// train_mnist --xray as a user meets it. Every run is a process.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/idx_files.h"
#include "tests/support/program.h"
#include "tests/tools/chrome_trace_checks.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class XrayProgramTest : public testing::Test {
 protected:
  XrayProgramTest() { write_idx_folder(folder() / "data", {.height = 14, .width = 13}); }

  const fs::path& folder() const { return folder_.path(); }
  std::string file(const char* name) const { return folder() / name; }

  ProgramResult run(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"--device", "cpu", "--data",       file("data"),
                                    "--model",  "mlp", "--batch-size", "8"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(TRAIN_MNIST, all);
  }

  /// One line on standard error that has all of `parts`, exit code 2, and no file but the data.
  void expect_refused(const ProgramResult& result, const std::vector<std::string>& parts) {
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_EQ(std::ranges::count(result.errors, '\n'), 1) << result.errors;
    for (const std::string& part : parts)
      EXPECT_NE(result.errors.find(part), std::string::npos) << part << ": " << result.errors;
    EXPECT_EQ(files(), (std::vector<std::string>{"data"}));
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder()))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }

  std::string text_of(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(folder() / name).rdbuf();
    return text.str();
  }

 private:
  TemporaryFolder folder_;
};

bool has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

json data_of(const std::string& page) {
  constexpr std::string_view kBegin = "id=\"xray-data\">";
  const size_t begin = page.find(kBegin) + kBegin.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

int64_t total(const json& sums) {
  int64_t sum = 0;
  for (const json& part : sums) sum += part.at(1).get<int64_t>();
  return sum;
}

TEST_F(XrayProgramTest, PrintsTheTreeAndWritesPageAndTrace) {
  const ProgramResult result =
      run({"--xray", file("page.html"), "--xray-trace", file("trace.json"), "--xray-depth", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(files(), (std::vector<std::string>{"data", "page.html", "trace.json"}));

  EXPECT_TRUE(result.output.starts_with("x-ray of a training step of mlp, batches of 8, "));
  for (const char* words : {"device     cpu", "eager: one step\n", "  wall   ", "when nobody looks",
                            "host   framework ", "training step\n", "  forward  ...\n",
                            "  backward  ...\n", "  update  ...\n"})
    EXPECT_TRUE(has(result.output, words)) << words << " is not in\n" << result.output;
  EXPECT_FALSE(has(result.output, "dense1")) << "deeper than two levels";
  EXPECT_FALSE(has(result.output, "epoch")) << "it trains";
  EXPECT_TRUE(has(result.output, "the same as a page: " + file("page.html") + "\n"));

  const json data = data_of(text_of("page.html"));
  ASSERT_EQ(data.at("views").size(), 1u);
  const json& view = data.at("views")[0];
  EXPECT_EQ(view.at("name"), "eager");
  EXPECT_EQ(total(view.at("host")), view.at("wall_ns"));
  EXPECT_TRUE(view.at("gpu").empty());

  const json trace = json::parse(text_of("trace.json"));
  expect_slices_nest(trace);
  expect_flows_are_whole(trace);
  EXPECT_EQ(events_of(trace, "X").size(), view.at("nodes").size());
}

// From the step down to the loops, each gradient with its op, each place with its source.
TEST_F(XrayProgramTest, SeesEveryLayerOfTheStep) {
  ASSERT_EQ(run({"--xray", file("page.html"), "--kernels", "reference"}).exit_code, 0);
  const json nodes = data_of(text_of("page.html")).at("views")[0].at("nodes");
  std::map<std::string, int> layers;
  std::map<int64_t, json> by_id;
  for (const json& node : nodes) {
    ++layers[node.at("layer")];
    by_id[node.at("id")] = node;
    EXPECT_TRUE(node.contains("excerpt")) << node;
    EXPECT_EQ(has(node.at("name"), "reference::"), node.at("layer") == "rung") << node;
    if (node.contains("backward_of")) {
      EXPECT_EQ(by_id.at(node.at("backward_of")).at("name"), node.at("name"));
    }
  }
  EXPECT_EQ(layers["step"], 1);
  EXPECT_EQ(layers["phase"], 5) << "forward, metrics, backward, next batch, update";
  EXPECT_GE(layers["module"], 4) << "the model, flatten, two dense layers";
  EXPECT_GE(layers["op"], 8);
  EXPECT_GE(layers["rung"], 8);
  EXPECT_EQ(layers.size(), 5u) << "the CPU has no layers below";
}

TEST_F(XrayProgramTest, WithoutAFilePrintsTheTreeOnly) {
  const auto tree = [&](const std::vector<std::string>& arguments) {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_FALSE(has(result.output, "the same as"));
    EXPECT_EQ(files(), (std::vector<std::string>{"data"}));
    return result.output;
  };
  const std::string four_levels = tree({"--xray"}), all = tree({"--xray", "--xray-depth", "100"});
  EXPECT_TRUE(has(four_levels, "dense1: Dense 182 -> ")) << four_levels;
  EXPECT_FALSE(has(four_levels, "cpu::dense  ")) << four_levels;
  EXPECT_TRUE(has(all, "cpu::dense  8x182 to ")) << all;
}

TEST_F(XrayProgramTest, ATraceAloneIsAnXray) {
  const ProgramResult result = run({"--xray-trace", file("trace.json")});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_TRUE(has(result.output, "x-ray of"));
  EXPECT_EQ(files(), (std::vector<std::string>{"data", "trace.json"}));
}

// As every flag: so that scripts can add to a command line.
TEST_F(XrayProgramTest, OfTwoTheLaterOneCounts) {
  EXPECT_EQ(run({"--xray", file("a.html"), "--xray", file("b.html")}).exit_code, 0);
  EXPECT_EQ(files(), (std::vector<std::string>{"b.html", "data"}));
}

TEST_F(XrayProgramTest, AFileThatCannotBeWrittenIsFoundBeforeTheStep) {
  for (const char* flag : {"--xray", "--xray-trace"}) {
    const ProgramResult result = run({flag, "/nowhere/file"});
    expect_refused(result, {std::string(flag) + " /nowhere/file", "No such file"});
    EXPECT_EQ(result.output, "");
    expect_refused(run({flag, folder()}), {flag, "is a folder"});
  }
  expect_refused(run({"--xray", file("page.html"), "--xray-trace", "/nowhere/trace.json"}),
                 {"--xray-trace /nowhere/trace.json"});
}

TEST_F(XrayProgramTest, AFullDiskCostsTheFileNotTheTree) {
  const ProgramResult result = run({"--xray", "/dev/full"});
  expect_refused(result, {"--xray /dev/full", "No space left"});
  EXPECT_TRUE(has(result.output, "training step")) << result.output;
}

TEST_F(XrayProgramTest, RefusesWhatItCannotDo) {
  expect_refused(run({"--xray", "--xray-depth", "0"}), {"--xray-depth", "from 1 to 100, not '0'"});
  expect_refused(run({"--xray", "--xray-depth", "two"}), {"--xray-depth", "not 'two'"});
  expect_refused(run({"--xray-trace"}), {"--xray-trace"});
  expect_refused(run({"--xray", "--json", file("report.json")}), {"--json", "--xray"});
  expect_refused(run({"--compare-kernels", "--json", file("report.json")}), {"--json"});
  expect_refused(run({"--xray", file("one"), "--xray-trace", file("one")}),
                 {"the same file", file("one")});
}

}  // namespace
}  // namespace strata::test
