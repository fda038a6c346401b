#include "tensor/recording.h"

#include "tensor/branch.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

TEST(RecordingTest, OnTheCpuEachLaunchDoesTheWork) {
  int done = 0;
  const Recording recording(Device::cpu, [&] { ++done; });
  EXPECT_EQ(done, 0);
  recording.launch();
  recording.launch();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(recording.nodes(), 0);
}

TEST(RecordingTest, OnTheCpuNothingRunsAhead) {
  RunAhead run_ahead(Device::cpu, 1);
  run_ahead.mark();
  run_ahead.mark();
  EXPECT_TRUE(
      fails("RunAhead: the limit must be at least 1, got 0", [] { RunAhead(Device::cpu, 0); }));
}

TEST(BranchTest, OutsideOfARecordingItDoesNothing) {
  EXPECT_FALSE(recording_gpu_work());
  const Tensor x = Tensor::zeros({4});
  {
    const Branch outer;
    const Branch inner;
    x.detach().fill(1);
  }
  join_branches();
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(4, 1.0f));
}

}  // namespace
}  // namespace strata::test
