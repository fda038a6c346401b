// Work that is recorded as a CUDA graph and launched: branches, memory, and what cannot be
// recorded.
#include "tensor/cuda/graph.h"

#include "tensor/branch.h"
#include "tensor/cuda/branches.h"
#include "tensor/cuda/context.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

using cuda::Graph;

class GpuGraphTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }

  static Tensor ones(int64_t size) { return Tensor::full({size}, 1, DType::float32, Device::gpu); }
  static std::vector<float> repeated(int64_t size, float value) {
    return std::vector<float>(static_cast<size_t>(size), value);
  }
};

TEST_F(GpuGraphTest, RunsAtEachLaunchAndNotBefore) {
  Tensor sum = ones(1000);
  const Tensor one = ones(1000);
  sum.add_into(one);  // loads the kernel
  const Graph graph = Graph::capture([&] {
    EXPECT_TRUE(cuda::capturing());
    sum.add_into(one);
    sum.add_into(one);
  });
  EXPECT_FALSE(cuda::capturing());
  EXPECT_EQ(graph.nodes(), 2);
  EXPECT_EQ(sum.to_vector<float>(), repeated(1000, 2));
  graph.launch();
  graph.launch();
  EXPECT_EQ(sum.to_vector<float>(), repeated(1000, 6));
}

// Five branches on three side streams; each reads what came before it, and the end reads all.
TEST_F(GpuGraphTest, BranchesAreJoined) {
  constexpr int64_t kSize = 1 << 20;
  Tensor main = ones(kSize), total = ones(kSize);
  std::vector<Tensor> sides;
  for (int i = 0; i < 5; ++i) sides.push_back(ones(kSize));
  const Tensor one = ones(kSize);
  main.add_into(one);
  const auto work = [&] {
    for (Tensor& side : sides) {
      {
        const Branch branch;
        const Branch nested;  // stays on the outer one's line
        side.add_into(one);
        side.add_into(one);
      }
      main.add_into(one);
    }
    join_branches();
    for (Tensor& side : sides) total.add_into(side);
    total.add_into(main);
  };
  const Graph graph = Graph::capture(work);
  EXPECT_EQ(graph.nodes(), 5 * 3 + 6);
  for (int launch = 0; launch < 3; ++launch) graph.launch();
  const std::vector<float> captured = total.to_vector<float>();
  main.fill(2), total.fill(1);
  for (Tensor& side : sides) side.fill(1);
  for (int run = 0; run < 3; ++run) work();
  EXPECT_EQ(total.to_vector<float>(), captured);
}

TEST_F(GpuGraphTest, ABranchNobodyJoinedIsJoinedAtTheEnd) {
  Tensor sum = ones(100);
  const Tensor one = ones(100);
  sum.add_into(one);
  const Graph graph = Graph::capture([&] {
    const Branch branch;
    sum.add_into(one);
  });
  graph.launch();
  EXPECT_EQ(sum.to_vector<float>(), repeated(100, 3));
}

// The main line releases what the branch reads, and asks for a block of the same size at once.
TEST_F(GpuGraphTest, MemoryOfABranchIsNotReusedBeforeTheJoin) {
  constexpr int64_t kSize = 1 << 22;
  Tensor slow = ones(kSize), result = ones(kSize);
  const Tensor one = ones(kSize);
  const auto work = [&] {
    Tensor source = Tensor::empty({kSize}, DType::float32, Device::gpu);
    source.copy_from(one);
    void* const address = source.data<float>();
    {
      const Branch branch;
      for (int i = 0; i < 20; ++i) slow.add_into(one);
      result.copy_from(source);
    }
    source = Tensor();
    Tensor overwriting = Tensor::empty({kSize}, DType::float32, Device::gpu);
    if (cuda::capturing()) {
      EXPECT_NE(overwriting.data<float>(), address);
    }
    overwriting.fill(7);
    overwriting = Tensor();
    join_branches();
  };
  work();
  const Graph graph = Graph::capture(work);
  result.fill(0);
  graph.launch();
  EXPECT_EQ(result.to_vector<float>(), repeated(kSize, 1));
}

TEST_F(GpuGraphTest, ItsMemoryIsNeverHandedOutWhileItLives) {
  const Tensor one = ones(5000);
  std::vector<Tensor> others;
  const auto work = [&] {
    Tensor temporary = Tensor::empty({5000}, DType::float32, Device::gpu);
    temporary.fill(9);
  };
  work();
  const Graph graph = Graph::capture(work);
  pool_of(Device::gpu).trim();
  for (int i = 0; i < 4; ++i) others.push_back(ones(5000));
  graph.launch();
  for (const Tensor& other : others) EXPECT_EQ(other.to_vector<float>(), repeated(5000, 1));
}

TEST_F(GpuGraphTest, AnExceptionLeavesTheStreamUsable) {
  Tensor sum = ones(100);
  const Tensor one = ones(100);
  sum.add_into(one);
  EXPECT_TRUE(fails("on purpose", [&] {
    Graph::capture([&] {
      {
        const Branch branch;
        sum.add_into(one);
      }
      fail(ErrorKind::invalid_argument, "on purpose");
    });
  }));
  EXPECT_FALSE(cuda::capturing());
  sum.add_into(one);
  EXPECT_EQ(sum.to_vector<float>(), repeated(100, 3));
  Graph::capture([&] { sum.add_into(one); }).launch();
  EXPECT_EQ(sum.to_vector<float>(), repeated(100, 4));
}

TEST_F(GpuGraphTest, WaitingForTheGpuIsAnErrorThatLeavesTheStreamUsable) {
  Tensor sum = ones(100);
  EXPECT_TRUE(
      fails(ErrorKind::device, "CUDA: ", [&] { Graph::capture([&] { sum.to_vector<float>(); }); }));
  EXPECT_TRUE(fails("cannot be recorded while another one is",
                    [&] { Graph::capture([&] { Graph::capture([] {}); }); }));
  sum.add_into(sum);
  EXPECT_EQ(sum.to_vector<float>(), repeated(100, 2));
}

TEST_F(GpuGraphTest, RunAheadLetsTheHostBeAheadByItsLimit) {
  Tensor sum = ones(1 << 20);
  cuda::RunAhead run_ahead(2);
  for (int i = 0; i < 50; ++i) {
    sum.add_into(sum);
    sum.fill(1);
    run_ahead.mark();
  }
  EXPECT_EQ(sum.to_vector<float>()[0], 1);
}

}  // namespace
}  // namespace strata::test
