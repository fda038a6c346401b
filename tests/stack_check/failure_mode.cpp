#include "tests/stack_check/failure_mode.h"

#include <algorithm>
#include <cctype>

#include "tools/stack_check/catalogue.h"

namespace strata::test {
namespace {

using nlohmann::json;

/// Lines are broken to fit a terminal, which a comparison must not see.
std::string without_space(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isspace(c); });
  return text;
}

testing::AssertionResult says(const std::string& text, const std::string& words) {
  if (without_space(text).find(without_space(words)) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << words << "' is not in:\n" << text;
}

std::vector<std::string> ids_of(const StackCheckRun& run) {
  std::vector<std::string> ids;
  if (run.report.is_object())
    for (const json& finding : run.report["findings"]) ids.push_back(finding["id"]);
  return ids;
}

/// The faults and warnings; notes may be there anyway.
std::vector<std::string> serious_ids_of(const StackCheckRun& run) {
  std::vector<std::string> ids;
  if (run.report.is_object())
    for (const json& finding : run.report["findings"])
      if (finding["severity"] != "note") ids.push_back(finding["id"]);
  return ids;
}

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::vector<std::string> with(std::vector<std::string> flags,
                              const std::vector<std::string>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

void expect_one_blame(const StackCheckRun& run, const FailureMode& mode) {
  EXPECT_TRUE(contains(ids_of(run), mode.id)) << run.text << run.errors;
  for (const std::string& id : serious_ids_of(run))
    EXPECT_EQ(id, mode.id) << "blamed besides:\n" << run.text;
}

void expect_layers(const StackCheckRun& run) {
  const int broken = run.exit_code;
  if (broken < 10) return;
  for (const json& layer : run.report["layers"]) {
    const int number = layer["number"];
    EXPECT_EQ(layer["status"] == "fail", number == broken) << run.text;
    EXPECT_FALSE(number < broken && layer["status"] == "blocked") << run.text;
  }
}

}  // namespace

std::string name_of_mode(const testing::TestParamInfo<FailureMode>& info) {
  std::string name = info.param.id + (info.param.how.empty() ? "" : " " + info.param.how);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

void FailureModeTest::expect_found() {
  const FailureMode& mode = GetParam();
  const stack_check::Entry* entry = stack_check::catalogue().find(mode.id);
  ASSERT_NE(entry, nullptr);
  FakeStack broken;
  if (mode.setting) mode.setting(broken);
  mode.fault(broken);
  for (const auto& [language, name] :
       {std::pair{stack_check::Language::en, "en"}, std::pair{stack_check::Language::zh, "zh"}}) {
    const StackCheckRun run = broken.run(with(mode.flags, {"--strict", "--lang", name}));
    EXPECT_EQ(run.exit_code, mode.exit_code) << run.text << run.errors;
    EXPECT_TRUE(
        says(run.text, "[" + mode.id + "] " + stack_check::fill(entry->title.in(language), {})));
    EXPECT_TRUE(says(run.text, mode.fix));
    expect_one_blame(run, mode);
    expect_layers(run);
  }
  FakeStack mended;
  if (mode.setting) mode.setting(mended);
  const StackCheckRun run = mended.run(with(mode.flags, {"--strict"}));
  EXPECT_EQ(run.exit_code, 0) << "without the fault:\n" << run.text << run.errors;
  EXPECT_FALSE(contains(ids_of(run), mode.id)) << "without the fault:\n" << run.text;
}

void add_order(FakeStack& stack, const std::string& call) {
  stack.environment["FAKE_CALLS"] += (stack.environment["FAKE_CALLS"].empty() ? "" : ";") + call;
}

void no_gpu_for_cuda(FakeStack& stack) {
  add_order(stack, "cuInit=100");
}

void in_container(FakeStack& stack) {
  stack.machine.file("/.dockerenv", "");
}

void no_nodes(FakeStack& stack) {
  for (const char* node : {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"})
    stack.machine.remove(node);
}

std::vector<FailureMode> to_libcuda(std::vector<FailureMode> modes) {
  for (FailureMode& mode : modes) mode.flags.insert(mode.flags.end(), {"--to", "libcuda"});
  return modes;
}

}  // namespace strata::test
