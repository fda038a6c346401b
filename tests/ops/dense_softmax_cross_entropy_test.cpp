#include "ops/dense_softmax_cross_entropy.h"

#include <cmath>

#include "ops/binary.h"
#include "ops/dense.h"
#include "ops/dispatch.h"
#include "ops/softmax_cross_entropy.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using ops::ClassificationLoss;
using ops::LossValue;

class DenseSoftmaxCrossEntropyTest : public RungTest {};
STRATA_ON_EVERY_RUNG(DenseSoftmaxCrossEntropyTest);

struct Case {
  int64_t rows, inputs, outputs;
  bool has_bias = true;
};

std::string describe(const Case& c) {
  return fmt::format("{} rows, {} to {}{}", c.rows, c.inputs, c.outputs,
                     c.has_bias ? ", bias" : "");
}

/// Sizes on both sides of what one kernel serves, and of each number of outputs it is compiled for.
std::vector<Case> cases() {
  std::vector<Case> list;
  for (const int64_t outputs : {1, 2, 10, 16, 17})
    for (const int64_t inputs : {4, 6, 37, 256, 300}) list.push_back({3, inputs, outputs});
  for (const int64_t outputs : {4, 5, 8, 9, 12, 13})
    for (const int64_t inputs : {124, 128, 132}) list.push_back({5, inputs, outputs});
  for (const int64_t rows : {1, 64, 300, 5000}) list.push_back({rows, 256, 10});
  list.push_back({300, 20, 16});
  list.push_back({64, 1000, 10});
  for (const int64_t inputs : {4, 37, 256}) list.push_back({64, inputs, 10, false});
  return list;
}

Tensor labels_for(const Case& c) {
  std::vector<int32_t> labels;
  for (int64_t n = 0; n < c.rows; ++n)
    labels.push_back(static_cast<int32_t>((7 * n + 3) % c.outputs));
  return Tensor::from(labels, {c.rows});
}

/// Input, labels, weight and perhaps bias; weights so small that the logits are of size one.
std::vector<Tensor> inputs_of(const Case& c) {
  const double size = 3 / std::sqrt(static_cast<double>(c.inputs));
  std::vector<Tensor> inputs = {random_tensor({c.rows, c.inputs}, 1), labels_for(c),
                                random_tensor({c.outputs, c.inputs}, 2, -size, size)};
  if (c.has_bias) inputs.push_back(random_tensor({c.outputs}, 3));
  return inputs;
}

Tensor bias_of(const std::vector<Tensor>& inputs) {
  return inputs.size() > 3 ? inputs[3] : Tensor();
}

ClassificationLoss run(const std::vector<Tensor>& in, LossValue value = LossValue::ready) {
  return ops::dense_softmax_cross_entropy(in[0], in[2], bias_of(in), in[1], value);
}

Tensor loss_of(const std::vector<Tensor>& inputs) {
  return run(inputs).loss;
}

Tensor composition(const std::vector<Tensor>& in) {
  return ops::softmax_cross_entropy(ops::dense(in[0], in[2], bias_of(in)), in[1]);
}

/// Of inputs_of(): float32 on the device, those whose `wanted` is not 0 as leaves.
std::vector<Tensor> leaves(const Case& c, Device device, std::array<int, 4> wanted = {1, 1, 1, 1}) {
  std::vector<Tensor> result;
  for (const Tensor& input : inputs_of(c)) {
    const bool floating = is_floating(input.dtype());
    result.push_back(floating ? converted(input, DType::float32, device) : input.to(device));
    if (floating && wanted[result.size() - 1] != 0) result.back().set_requires_grad(true);
  }
  return result;
}

double mean_of(const Tensor& losses) {
  const std::vector<double> values = values_of(losses);
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Probabilities 1/2, 1/2 and 3/4, 1/4.
TEST_P(DenseSoftmaxCrossEntropyTest, ByHand) {
  const double ln3 = std::log(3), ln2 = std::log(2);
  const auto l = static_cast<float>(ln3);
  Tensor x = Tensor::from(std::vector<float>{1, 2, 0, 0, 2, 0, 1, 0}, {2, 4}, device());
  Tensor w = Tensor::from(std::vector<float>{l, 0, 0, 1, 0, 0, 0, 2}, {2, 4}, device());
  Tensor b = Tensor::from(std::vector<float>{0, l}, {2}, device());
  for (Tensor* leaf : {&x, &w, &b}) leaf->set_requires_grad(true);
  const Tensor labels = Tensor::from(std::vector<int32_t>{1, 0}, {2}, device());
  for (const LossValue value : {LossValue::ready, LossValue::left_out}) {
    for (Tensor* leaf : {&x, &w, &b}) zero_grad(*leaf);
    const ClassificationLoss result = ops::dense_softmax_cross_entropy(x, w, b, labels, value);
    EXPECT_EQ(result.loss.shape(), Shape{});
    EXPECT_FALSE(result.logits.requires_grad() || result.losses.requires_grad());
    EXPECT_TRUE(close(result.logits, {ln3, ln3, 2 * ln3, ln3}));
    const double expected = (ln2 + std::log(4.0 / 3)) / 2;
    EXPECT_NEAR(mean_of(result.losses), expected, 1e-6);
    if (value == LossValue::ready) {
      EXPECT_TRUE(close(result.loss, {expected}));
    }
    backward(result.loss);
    EXPECT_TRUE(close(x.grad(), {ln3 / 4, 0, 0, -0.25, -ln3 / 8, 0, 0, 0.125}));
    EXPECT_TRUE(close(w.grad(), {0, 0.5, -0.125, 0, 0, -0.5, 0.125, 0}));
    EXPECT_TRUE(close(b.grad(), {0.125, -0.125}));
  }
}

// The gradients under a number that is not 1 ...
TEST_P(DenseSoftmaxCrossEntropyTest, MatchesTheReferencesComposition) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(describe(c));
    expect_matches_reference(loss_of, inputs_of(c));
    if (HasFailure()) return;
  }
}

// ... and those of the loss by itself, which the forward pass has made. They are 1/N of size one.
TEST_P(DenseSoftmaxCrossEntropyTest, TheLossByItself) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(describe(c));
    const std::vector<Tensor> fused = leaves(c, device());
    std::vector<Tensor> composed;
    {
      const SettingsScope scope({.kernels = Kernels::reference});
      composed = leaves(c, Device::cpu);
      backward(composition(composed));
    }
    const ClassificationLoss result = run(fused, LossValue::left_out);
    backward(result.loss);
    const double rows = static_cast<double>(c.rows);
    for (size_t i : {0, 2, 3}) {
      if (i >= fused.size()) continue;
      const Tolerance tolerance{.relative = 2e-5, .absolute = i == 0 ? 2e-5 / rows : 2e-5};
      EXPECT_TRUE(close(fused[i].grad(), composed[i].grad(), tolerance)) << "input " << i;
    }
    if (HasFailure()) return;
  }
}

// Every choice of what is frozen; what is not gets the gradient that it gets among others.
TEST_P(DenseSoftmaxCrossEntropyTest, OnlyTheGradientsAskedFor) {
  const Case c{37, 64, 10};
  const Tensor twice = Tensor::full({}, 2, DType::float32, device());
  for (const Tensor& upstream : {Tensor(), twice}) {
    const std::vector<Tensor> all = leaves(c, device());
    backward(run(all).loss, upstream);
    for (int asked = 1; asked < 8; ++asked) {
      SCOPED_TRACE(asked);
      const std::vector<Tensor> some = leaves(c, device(), {asked & 1, 0, asked & 2, asked & 4});
      backward(run(some).loss, upstream);
      for (size_t i : {0, 2, 3}) {
        EXPECT_EQ(some[i].grad().defined(), some[i].requires_grad());
        if (some[i].requires_grad()) {
          EXPECT_TRUE(close(some[i].grad(), all[i].grad()));
        }
      }
    }
  }
}

TEST_P(DenseSoftmaxCrossEntropyTest, AnInputThatIsNoLeaf) {
  const Case c{9, 32, 5};
  const std::vector<Tensor> plain = leaves(c, device()), scaled = leaves(c, device());
  backward(run(plain).loss);
  const Tensor half = Tensor::full({}, 0.5, DType::float32, device());
  const Tensor twice = ops::add(ops::multiply(scaled[0], half), ops::multiply(scaled[0], half));
  backward(run({twice, scaled[1], scaled[2], scaled[3]}, LossValue::left_out).loss);
  for (size_t i : {0, 2, 3}) EXPECT_TRUE(close(scaled[i].grad(), plain[i].grad())) << i;
}

// Weights of a model are read early on the GPU; a view may start where no vector can be read.
TEST_P(DenseSoftmaxCrossEntropyTest, OfTensorsInAnyMemory) {
  const Case c{70, 132, 10};
  const std::vector<Tensor> plain = leaves(c, device());
  const ClassificationLoss expected = run(plain);
  backward(expected.loss);
  const auto moved = [&](const Tensor& tensor, MemoryUse use, int64_t offset) {
    const MemoryScope scope(use);
    const Tensor room = Tensor::zeros({tensor.size() + offset}, DType::float32, device());
    Tensor view = room.view(tensor.shape(), offset);
    view.copy_from(tensor.detach());
    return view.set_requires_grad(true);
  };
  for (const MemoryUse use : {MemoryUse::weights, MemoryUse::activations}) {
    for (const auto& [input_at, weight_at] : {std::pair{0, 0}, {1, 0}, {0, 3}, {4, 8}}) {
      SCOPED_TRACE(fmt::format("{}, {}, {}", name_of(use), input_at, weight_at));
      const Tensor x = moved(plain[0], MemoryUse::activations, input_at);
      const Tensor w = moved(plain[2], use, weight_at), b = moved(plain[3], use, 0);
      const ClassificationLoss result = run({x, plain[1], w, b});
      backward(result.loss);
      EXPECT_TRUE(close(result.logits, expected.logits));
      EXPECT_TRUE(close(result.loss, expected.loss));
      EXPECT_TRUE(close(x.grad(), plain[0].grad()));
      EXPECT_TRUE(close(w.grad(), plain[2].grad()));
      EXPECT_TRUE(close(b.grad(), plain[3].grad()));
    }
  }
}

// A number written where the value was left out would be taken for the loss.
TEST_P(DenseSoftmaxCrossEntropyTest, TheLossIsRightOrNaN) {
  const Case c{300, 256, 10};
  const std::vector<Tensor> inputs = leaves(c, device(), {});
  const ClassificationLoss ready = run(inputs), left_out = run(inputs, LossValue::left_out);
  EXPECT_TRUE(identical(left_out.logits, ready.logits));
  EXPECT_TRUE(identical(left_out.losses, ready.losses));
  EXPECT_FALSE(ready.loss.requires_grad());
  EXPECT_NEAR(mean_of(ready.losses), ready.loss.item<float>(), 1e-6);
  const float value = left_out.loss.item<float>();
  EXPECT_TRUE(std::isnan(value) || value == ready.loss.item<float>()) << value;
}

TEST_P(DenseSoftmaxCrossEntropyTest, LargeLogitsDoNotOverflow) {
  const Tensor x = Tensor::from(std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0}, {2, 4}, device());
  const Tensor w =
      Tensor::from(std::vector<float>{1000, -1000, 0, 0, 0, 1000, 0, 0}, {2, 4}, device());
  const Tensor labels = Tensor::from(std::vector<int32_t>{0, 0}, {2}, device());
  EXPECT_TRUE(close(run({x, labels, w}).loss, {1000}));
}

TEST_P(DenseSoftmaxCrossEntropyTest, NanReachesTheLoss) {
  for (const int64_t inputs : {6, 8, 140}) {
    const Case c{3, inputs, 10};
    for (const int64_t place : {int64_t{0}, inputs + 1, 3 * inputs - 1}) {
      std::vector<double> values = values_of(inputs_of(c)[0]);
      values[place] = NAN;
      std::vector<Tensor> in = leaves(c, device(), {});
      in[0] = converted(Tensor::from(values, {c.rows, inputs}), DType::float32, device());
      EXPECT_TRUE(std::isnan(loss_of(in).item<float>()));
      EXPECT_TRUE(std::isnan(mean_of(run(in, LossValue::left_out).losses)));
    }
  }
}

TEST_P(DenseSoftmaxCrossEntropyTest, ALabelOutOfRange) {
  for (const int32_t label : {-1, 3, 16, 1 << 20}) {
    std::vector<Tensor> in = leaves({2, 4, 3}, device());
    in[1] = Tensor::from(std::vector<int32_t>{0, label}, {2}, device());
    if (device() == Device::cpu) {
      EXPECT_TRUE(fails(fmt::format("the label of row 1 is {}, the classes are 0 to 2", label),
                        [&] { loss_of(in); }));
      continue;
    }
    EXPECT_TRUE(std::isnan(loss_of(in).item<float>()));
    EXPECT_TRUE(std::isnan(mean_of(run(in, LossValue::left_out).losses)));
  }
}

TEST_P(DenseSoftmaxCrossEntropyTest, SameBits) {
  for (const Case& c : {Case{5000, 256, 10}, Case{150, 70, 12}}) {
    SCOPED_TRACE(describe(c));
    expect_same_bits(loss_of, inputs_of(c));
  }
}

// A row's numbers do not depend on how many rows there are, and so not on which warp takes it.
TEST_P(DenseSoftmaxCrossEntropyTest, ARowByItselfHasTheSameLoss) {
  const Case c{4000, 256, 10};
  const std::vector<Tensor> all = leaves(c, device(), {});
  const ClassificationLoss together = run(all, LossValue::left_out);
  for (const int64_t row : {0, 1999, 3999}) {
    const Tensor x = all[0].view({1, c.inputs}, row * c.inputs), label = all[1].view({1}, row);
    const ClassificationLoss alone = run({x, label, all[2], all[3]});
    EXPECT_TRUE(close(together.logits.view({1, c.outputs}, row * c.outputs), alone.logits));
    if (together.losses.size() == c.rows) {
      EXPECT_TRUE(identical(together.losses.view({1}, row), alone.losses));
    }
  }
}

TEST_P(DenseSoftmaxCrossEntropyTest, SaysThatItRan) {
  if (device() == Device::cpu || settings().kernels == Kernels::library)
    GTEST_SKIP() << "is the composition there";
  run(leaves({3, 8, 2}, device()));
  EXPECT_EQ(rungs_used().at("dense_softmax_cross_entropy"), std::set<Rung>{Rung::cuda});
}

TEST_P(DenseSoftmaxCrossEntropyTest, SaysWhatDoesNotFit) {
  const auto zeros = [&](const Shape& shape, DType dtype = DType::float32) {
    return Tensor::zeros(shape, dtype, device());
  };
  const Tensor x = zeros({3, 8}), labels = zeros({3}, DType::int32);
  EXPECT_TRUE(fails("dense: weight (2, 4) takes rows of 4, but input is (3, 8)", [&] {
    run({x, labels, zeros({2, 4})});
  }));
  EXPECT_TRUE(
      fails("softmax_cross_entropy: logits (3, 2) need int32 labels (3), got int32 (4)", [&] {
        run({x, zeros({4}, DType::int32), zeros({2, 8})});
      }));
  EXPECT_TRUE(fails("softmax_cross_entropy: logits must be (rows, classes) and not empty", [&] {
    run({zeros({0, 8}), zeros({0}, DType::int32), zeros({2, 8})});
  }));
  if (device() == Device::gpu) {
    EXPECT_TRUE(fails("one operand is on the gpu, the other on the cpu", [&] {
      run({x, Tensor::zeros({3}, DType::int32), zeros({2, 8})});
    }));
  }
}

TEST(DenseSoftmaxCrossEntropyGradientTest, MatchesCentralDifferences) {
  for (const Case& c : {Case{5, 4, 3}, Case{4, 3, 2, false}})
    EXPECT_TRUE(gradients_match(loss_of, inputs_of(c)));
}

TEST(DenseSoftmaxCrossEntropyGradientTest, IsItsCompositionOnTheCpu) {
  const std::vector<Tensor> inputs = inputs_of({6, 8, 5});
  EXPECT_TRUE(identical(loss_of(inputs), composition(inputs)));
  EXPECT_TRUE(identical(run(inputs, LossValue::left_out).losses, composition(inputs)));
}

}  // namespace
}  // namespace strata::test
