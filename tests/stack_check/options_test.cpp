// stack_check as a process: its flags, what it prints where, and its exit codes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/stack_check/fake_machine.h"
#include "tests/stack_check/stack_check_run.h"
#include "tools/stack_check/catalogue.h"

namespace strata::test {
namespace {

using stack_check::catalogue;
using stack_check::Language;

TEST(OptionsTest, HelpAndVersion) {
  const ProgramResult help = check({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.errors, "");
  for (const char* flag :
       {"--from", "--to", "--quick", "--strict", "--json", "--anonymous", "--lang", "--explain",
        "--root", "--timeout", "--skip-if-no-gpu", "--list", "--probe", "--version", "Exit codes"})
    EXPECT_TRUE(has(help.output, flag)) << flag;
  const ProgramResult version = check({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(has(version.output, "stack_check"));
  EXPECT_EQ(std::count(version.output.begin(), version.output.end(), '\n'), 1);
}

TEST(OptionsTest, WrongUseEndsWithOneLineThatNamesTheFlag) {
  const TemporaryFolder folder;
  const std::string missing = folder.path() / "missing" / "file.json";
  for (const Arguments& arguments : std::vector<Arguments>{
           {"--nonsense"},       {"--from", "nonsense"}, {"--from", "9"},
           {"--from"},           {"--to", ""},           {"--from", "training", "--to", "pci"},
           {"--lang", "fr"},     {"--timeout", "0"},     {"--timeout", "-1"},
           {"--timeout", "abc"}, {"--timeout", "nan"},   {"--timeout", "inf"},
           {"--timeout", "5s"},  {"--timeout", "1e9"},   {"--root", missing},
           {"--root", ""},       {"--json", missing},    {"--json", folder.path()},
           {"--json", ""},       {"--explain"},          {"--probe"},
           {"--quick=maybe"}}) {
    const ProgramResult result = check(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments.front();
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    const std::string flag = arguments.front().substr(0, arguments.front().find('='));
    EXPECT_TRUE(has(result.errors, flag)) << result.errors;
    EXPECT_TRUE(result.errors.starts_with("stack_check: ")) << result.errors;
  }
  EXPECT_TRUE(has(check({"surplus"}).errors, "surplus"));
}

TEST(OptionsTest, AMissingProbeIsTheToolsOwnFailure) {
  const FakeMachine machine;
  for (const std::string& probe :
       {std::string("/nonexistent"), machine.place(".").string(), std::string()}) {
    const ProgramResult result = check({"--probe", probe, "--root", machine.place(".")});
    EXPECT_EQ(result.exit_code, 3) << probe;
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    EXPECT_TRUE(has(result.errors, probe));
  }
}

TEST(OptionsTest, ListsEveryEntryInBothLanguages) {
  for (const char* language : {"en", "zh"}) {
    const ProgramResult result = check({"--list", "--lang", language});
    EXPECT_EQ(result.exit_code, 0);
    for (const stack_check::Entry& entry : catalogue().entries)
      EXPECT_TRUE(has(result.output, " " + entry.id + " ")) << entry.id;
    for (const stack_check::Layer layer : stack_check::kLayers)
      EXPECT_TRUE(has(result.output, std::string(name_of(layer)))) << name_of(layer);
    EXPECT_EQ(has_chinese(result.output), language == std::string("zh"));
  }
}

TEST(OptionsTest, Explains) {
  EXPECT_EQ(check({"--explain", "qwertz asdf"}).exit_code, 1);
  EXPECT_EQ(check({"--explain", ""}).exit_code, 1);
  const ProgramResult by_id = check({"--explain", "3-stub"});
  EXPECT_EQ(by_id.exit_code, 0);
  EXPECT_TRUE(by_id.output.starts_with("3-STUB"));
  const std::string text = "CUDA driver version is insufficient for CUDA runtime version";
  for (const char* language : {"en", "zh"}) {
    const ProgramResult result = check({"--explain", text, "--lang", language});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_TRUE(has(result.output, "\n3-NOLIB "));
    EXPECT_TRUE(has(result.output, "\n4-OLDDRV "));
    const Language in = language == std::string("zh") ? Language::zh : Language::en;
    EXPECT_TRUE(has(result.output, catalogue().word("tell_apart", in)));
    EXPECT_TRUE(has(result.output, "nvidia-smi"));
    EXPECT_EQ(has_chinese(result.output), in == Language::zh);
  }
}

TEST(OptionsTest, TheLocaleChoosesTheLanguage) {
  const auto is_chinese = [](const Environment& environment, Arguments arguments = {}) {
    arguments.insert(arguments.end(), {"--explain", "3-STUB"});
    return has_chinese(check(arguments, environment).output);
  };
  EXPECT_TRUE(is_chinese({{"LC_ALL", "zh_CN.UTF-8"}, {"LANG", "en_US.UTF-8"}}));
  EXPECT_FALSE(is_chinese({{"LC_ALL", "C"}, {"LANG", "zh_CN.UTF-8"}}));
  EXPECT_TRUE(is_chinese({{"LC_ALL", ""}, {"LC_MESSAGES", ""}, {"LANG", "zh_CN.UTF-8"}}));
  EXPECT_TRUE(is_chinese({{"LC_ALL", ""}, {"LC_MESSAGES", "zh_TW"}, {"LANG", "C"}}));
  EXPECT_FALSE(is_chinese({{"LC_ALL", ""}, {"LC_MESSAGES", ""}, {"LANG", ""}}));
  EXPECT_FALSE(is_chinese({{"LC_ALL", "zh_CN.UTF-8"}}, {"--lang", "en"}));
  EXPECT_TRUE(is_chinese({{"LC_ALL", "C"}}, {"--lang", "zh"}));
}

TEST(OptionsTest, LinksNoLibraryOfCuda) {
  const ProgramResult result =
      run_program("/bin/sh", {"-c", fmt::format("exec ldd '{}'", STACK_CHECK)});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  ASSERT_TRUE(has(result.output, "libc.so"));
  for (const char* library : {"libcuda", "libcudart", "libcublas", "libcudnn", "libnccl", "libnv"})
    EXPECT_FALSE(has(result.output, library)) << result.output;
}

}  // namespace
}  // namespace strata::test
