// --instructions=NAME runs the tests as on a processor with no more than those.
//
// When nothing but skipped tests was run, the exit code is 77, which CTest reports as skipped; when
// no test matches, it is 1, so that a renamed suite cannot pass unseen.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "ops/cpu/instructions.h"

namespace {

constexpr int kSkipped = 77;

/// The exit code where the tests cannot run with these instructions, otherwise 0.
int use_named_instructions(std::string_view name) {
  const auto named = strata::instructions_named(name);
  if (!named) {
    std::fprintf(stderr, "no instructions are called %s\n", std::string(name).c_str());
    return 1;
  }
  if (*named > strata::best_instructions()) return kSkipped;
  strata::use_instructions(*named);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kInstructions = "--instructions=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kInstructions)) continue;
    if (const int status = use_named_instructions(argument.substr(kInstructions.size())))
      return status;
  }
  const int status = RUN_ALL_TESTS();
  const testing::UnitTest& run = *testing::UnitTest::GetInstance();
  if (testing::GTEST_FLAG(list_tests) || status != 0) return status;
  if (run.test_to_run_count() == 0) {
    std::fprintf(stderr, "no test matches %s\n", testing::GTEST_FLAG(filter).c_str());
    return 1;
  }
  return run.skipped_test_count() == run.test_to_run_count() ? kSkipped : 0;
}
