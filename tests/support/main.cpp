// When nothing but skipped tests was run, the exit code is 77, which CTest reports as skipped; when
// no test matches, it is 1, so that a renamed suite cannot pass unseen.
#include <gtest/gtest.h>

#include <cstdio>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int status = RUN_ALL_TESTS();
  const testing::UnitTest& run = *testing::UnitTest::GetInstance();
  if (testing::GTEST_FLAG(list_tests) || status != 0) return status;
  if (run.test_to_run_count() == 0) {
    std::fprintf(stderr, "no test matches %s\n", testing::GTEST_FLAG(filter).c_str());
    return 1;
  }
  return run.skipped_test_count() == run.test_to_run_count() ? 77 : 0;
}
