#include "tensor/autograd.h"

#include "ops/binary.h"
#include "ops/operators.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

Tensor leaf(const std::vector<float>& values) {
  Tensor tensor = Tensor::from(values, {static_cast<int64_t>(values.size())});
  return tensor.set_requires_grad(true);
}

// Doubles its input; shows each gradient buffer that it is given.
struct DoubleNode : Node {
  std::vector<Tensor>* given = nullptr;

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    grad_input.copy_from(grad_output);
    grad_input.add_into(grad_output);
    given->push_back(grad_input);
    return {grad_input};
  }
};

Tensor doubled(const Tensor& input, std::vector<Tensor>& given) {
  const Tensor output = input.clone();
  return record<DoubleNode>("double", {input}, output,
                            [&](DoubleNode& node) { node.given = &given; });
}

TEST(AutogradTest, ChainRule) {
  const Tensor x = leaf({1, 2, 3});
  backward(ops::sum(x * x * x));  // 3 x^2
  EXPECT_TRUE(close(x.grad(), {3, 12, 27}, kExact));
}

TEST(AutogradTest, SumsOverAllUses) {
  const Tensor x = leaf({2, 5});
  backward(ops::sum(x * x));
  EXPECT_TRUE(close(x.grad(), {4, 10}, kExact));
  const Tensor y = leaf({2, 5});
  backward(ops::sum(y + y));
  EXPECT_TRUE(close(y.grad(), {2, 2}, kExact));
  const Tensor z = leaf({2, 5});
  const Tensor shared = z * 3.0;
  backward(ops::sum(shared * z + shared + z));  // 6 z + 4
  EXPECT_TRUE(close(z.grad(), {16, 34}, kExact));
}

// A diamond whose sides have different lengths: the walk must wait for the longer one.
TEST(AutogradTest, WaitsForEveryUseOfAnOutput) {
  const Tensor x = leaf({3});
  const Tensor y = x * 2.0;
  backward(y + (y * y) * y);  // 2 + 3 y^2 2
  EXPECT_TRUE(close(x.grad(), {2 + 3 * 36 * 2}, kExact));
}

TEST(AutogradTest, SharedWeights) {
  const Tensor w = leaf({3});
  const Tensor x = leaf({2});
  backward(w * (w * (w * x)));
  EXPECT_TRUE(close(w.grad(), {3 * 9 * 2}, kExact));
  EXPECT_TRUE(close(x.grad(), {27}, kExact));
}

TEST(AutogradTest, AccumulatesOverPassesUntilZeroed) {
  const Tensor x = leaf({1, 2});
  EXPECT_FALSE(x.grad().defined());
  backward(ops::sum(x * 2.0));
  backward(ops::sum(x * 3.0));
  EXPECT_TRUE(close(x.grad(), {5, 5}, kExact));
  zero_grad(x);
  EXPECT_FALSE(x.grad().defined());
  backward(ops::sum(x * 7.0));
  EXPECT_TRUE(close(x.grad(), {7, 7}, kExact));
  zero_grad(x);
  backward(ops::sum(x + x + x));  // overwritten once, then added to
  EXPECT_TRUE(close(x.grad(), {3, 3}, kExact));
}

TEST(AutogradTest, MakeGradLendsTheLeafsBuffer) {
  const Tensor x = leaf({1, 2});
  std::vector<Tensor> given;
  backward(ops::sum(doubled(x, given)));
  const Tensor buffer = x.grad();
  zero_grad(x);
  backward(ops::sum(doubled(x, given)));
  EXPECT_TRUE(given[1].shares_memory_with(buffer));
  EXPECT_TRUE(x.grad().shares_memory_with(buffer));
  EXPECT_TRUE(close(x.grad(), {2, 2}, kExact));
  backward(ops::sum(doubled(x, given)));  // not zeroed: a buffer of its own, then added
  EXPECT_FALSE(given[2].shares_memory_with(buffer));
  EXPECT_TRUE(close(x.grad(), {4, 4}, kExact));
}

// What an op passes on may be anybody's memory; a leaf's gradient is its own.
TEST(AutogradTest, LeafGradientsShareNoMemory) {
  const Tensor x = leaf({1, 2}), y = leaf({3, 4});
  const Tensor seed = Tensor::full({2}, 5);
  backward(x + y, seed);
  EXPECT_FALSE(x.grad().shares_memory_with(seed));
  EXPECT_FALSE(x.grad().shares_memory_with(y.grad()));
  backward(ops::reshape(x, {2, 1}), x.grad().view({2, 1}));
  EXPECT_TRUE(close(x.grad(), {10, 10}, kExact));
  EXPECT_TRUE(close(y.grad(), {5, 5}, kExact));
}

TEST(AutogradTest, StartsFromTheUnitGradient) {
  const Tensor unit = unit_gradient(DType::float32, Device::cpu);
  EXPECT_TRUE(is_unit_gradient(unit));
  EXPECT_TRUE(is_unit_gradient(unit_gradient(DType::float32, Device::cpu).view({1, 1})));
  EXPECT_FALSE(is_unit_gradient(unit_gradient(DType::float64, Device::cpu).clone()));
  EXPECT_FALSE(is_unit_gradient(Tensor::full({}, 1)));

  const Tensor x = leaf({3});
  for (int pass = 0; pass < 2; ++pass) backward(ops::reshape(x, {1, 1}));  // passes it on
  EXPECT_TRUE(close(x.grad(), {2}, kExact));
  EXPECT_FALSE(is_unit_gradient(x.grad()));
  EXPECT_TRUE(close(unit, {1}, kExact));
}

TEST(AutogradTest, OnlyWhatNeedsGradients) {
  const Tensor x = leaf({2}), constant = Tensor::full({1}, 3);
  backward(x * constant);
  EXPECT_FALSE(constant.grad().defined());
  EXPECT_FALSE((constant * constant).requires_grad());
  const Tensor cut = (x * x).detach() * x;  // 4 x, not x^3
  zero_grad(x);
  backward(cut);
  EXPECT_TRUE(close(x.grad(), {4}, kExact));
}

TEST(AutogradTest, NoGradScope) {
  const Tensor x = leaf({2});
  {
    const NoGradScope outer;
    { const NoGradScope inner; }
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE((x * x).requires_grad());
  }
  EXPECT_TRUE(grad_enabled());
  EXPECT_TRUE((x * x).requires_grad());
}

TEST(AutogradTest, Errors) {
  const Tensor x = leaf({1, 2});
  EXPECT_TRUE(fails("the tensor was not recorded", [] { backward(Tensor::zeros({1})); }));
  EXPECT_TRUE(fails("the tensor was not recorded", [] { backward(Tensor()); }));
  EXPECT_TRUE(fails("a leaf has nothing behind it", [&] { backward(x); }));
  EXPECT_TRUE(fails("a tensor of shape (2) needs a grad_output", [&] { backward(x * x); }));
  EXPECT_TRUE(fails("grad_output is float32 (3), the tensor float32 (2)",
                    [&] { backward(x * x, Tensor::zeros({3})); }));

  const Tensor square = x * x, loss = ops::sum(square);
  backward(loss);
  EXPECT_TRUE(fails("this graph was freed by an earlier backward pass", [&] { backward(loss); }));
  EXPECT_TRUE(fails("part of this graph was freed by an earlier backward pass, at an input of sum",
                    [&] { backward(ops::sum(square)); }));
  EXPECT_TRUE(close(x.grad(), {2, 4}, kExact));  // the failed passes left no trace
}

constexpr int kManyOps = 200'000;  // a recursion this deep overflows an 8 MB stack

TEST(AutogradTest, LongChainGoesBackward) {
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < kManyOps; ++i) y = -y;
  backward(y);
  EXPECT_TRUE(close(x.grad(), {1}, kExact));
}

TEST(AutogradTest, LongChainIsDropped) {
  const Tensor x = leaf({0});
  Tensor y = x;
  for (int i = 0; i < kManyOps; ++i) y = -y;
  y = x;
  for (int i = 0; i < kManyOps; ++i) y = y * y;  // both edges lead to one record
  y = Tensor();
  EXPECT_FALSE(x.grad().defined());
}

size_t activations() {
  const MemoryReport report = pool_of(Device::cpu).report();
  return report.in_use[static_cast<int>(MemoryUse::activations)];
}

TEST(AutogradTest, BackwardFreesTheGraph) {
  const MemoryScope scope(MemoryUse::activations);
  const Tensor x = Tensor::full({1000}, 1).set_requires_grad(true);
  const size_t before = activations();
  const Tensor loss = ops::sum(x * x * x * x);
  EXPECT_GE(activations(), before + 2 * x.bytes());  // x^2 and x^3 are saved
  backward(loss);
  EXPECT_LT(activations(), before + x.bytes());  // the loss alone is left
}

}  // namespace
}  // namespace strata::test
