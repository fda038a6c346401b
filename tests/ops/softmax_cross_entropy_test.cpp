#include "ops/softmax_cross_entropy.h"

#include <cmath>

#include "ops/binary.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "tensor/autograd.h"
#include "tensor/parallel.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class SoftmaxCrossEntropyTest : public RungTest {};
STRATA_ON_EVERY_RUNG(SoftmaxCrossEntropyTest);

Tensor labels_for(int64_t rows, int64_t classes) {
  std::vector<int32_t> labels;
  for (int64_t n = 0; n < rows; ++n) labels.push_back(static_cast<int32_t>((7 * n + 3) % classes));
  return Tensor::from(labels, {rows});
}

Tensor loss_of(const std::vector<Tensor>& inputs) {
  return ops::softmax_cross_entropy(inputs[0], inputs[1]);
}

TEST_P(SoftmaxCrossEntropyTest, KnownValues) {
  // Row 0: equal logits, loss ln 2. Row 1: e^3 : 1 for the right one, loss ln(1 + e^-3).
  Tensor logits = Tensor::from(std::vector<float>{0, 0, 3, 0}, {2, 2}, device());
  logits.set_requires_grad(true);
  const Tensor labels = Tensor::from(std::vector<int32_t>{1, 0}, {2}, device());
  const Tensor loss = ops::softmax_cross_entropy(logits, labels);
  EXPECT_EQ(loss.shape(), Shape{});
  EXPECT_TRUE(close(loss, {(std::log(2) + std::log1p(std::exp(-3))) / 2}));
  backward(loss);
  const double p = 1 / (1 + std::exp(-3));
  EXPECT_TRUE(close(logits.grad(), {0.25, -0.25, (p - 1) / 2, (1 - p) / 2}));
}

TEST_P(SoftmaxCrossEntropyTest, MatchesReference) {
  for (const auto& [rows, classes] : std::vector<std::pair<int64_t, int64_t>>{{1, 1},
                                                                              {1, 10},
                                                                              {3, 2},
                                                                              {17, 10},
                                                                              {256, 10},
                                                                              {512, 16},
                                                                              {513, 17},
                                                                              {500, 32},
                                                                              {9, 33},
                                                                              {5, 1000},
                                                                              {2049, 5},
                                                                              {8192, 10},
                                                                              {700, 40}}) {
    SCOPED_TRACE(fmt::format("{} x {}", rows, classes));
    expect_matches_reference(loss_of,
                             {random_tensor({rows, classes}, 3, -4, 4), labels_for(rows, classes)});
  }
}

// A loss that backward() starts from hands over the gradient as it is, any other scales it.
TEST_P(SoftmaxCrossEntropyTest, TheGradientOfALossByItself) {
  for (const auto& [rows, classes] :
       std::vector<std::pair<int64_t, int64_t>>{{5, 3}, {600, 10}, {4, 50}}) {
    const Tensor values = random_tensor({rows, classes}, 5, -4, 4, DType::float32);
    const Tensor labels = labels_for(rows, classes).to(device());
    std::vector<Tensor> gradients;
    for (const double scale : {1.0, 1.0, -2.0}) {
      Tensor logits = values.clone().to(device());
      logits.set_requires_grad(true);
      const Tensor loss = ops::softmax_cross_entropy(logits, labels);
      const bool by_itself = gradients.empty();
      backward(loss, by_itself ? Tensor() : Tensor::full({}, scale, DType::float32, device()));
      gradients.push_back(logits.grad());
    }
    EXPECT_TRUE(identical(gradients[1], gradients[0]));
    std::vector<double> scaled = values_of(gradients[0]);
    for (double& value : scaled) value *= -2;
    EXPECT_TRUE(close(gradients[2], scaled, kExact));
  }
}

TEST_P(SoftmaxCrossEntropyTest, TheSameLossWithAndWithoutItsGradient) {
  for (const int64_t rows : {7, 1000}) {
    Tensor logits = random_tensor({rows, 10}, 5, -4, 4, DType::float32).to(device());
    const Tensor labels = labels_for(rows, 10).to(device());
    const Tensor without = ops::softmax_cross_entropy(logits, labels);
    EXPECT_FALSE(without.requires_grad());
    logits.set_requires_grad(true);
    EXPECT_TRUE(identical(ops::softmax_cross_entropy(logits, labels).detach(), without));
  }
}

TEST_P(SoftmaxCrossEntropyTest, LargeLogitsDoNotOverflow) {
  const Tensor logits = Tensor::from(std::vector<float>{1000, 0, -1000, 1000}, {2, 2}, device());
  const Tensor labels = Tensor::from(std::vector<int32_t>{0, 0}, {2}, device());
  EXPECT_TRUE(close(ops::softmax_cross_entropy(logits, labels), {1000}));
}

TEST_P(SoftmaxCrossEntropyTest, NanReachesTheLoss) {
  const Tensor logits = Tensor::from(std::vector<float>{0, 1, NAN, 0}, {2, 2}, device());
  const Tensor labels = Tensor::from(std::vector<int32_t>{0, 1}, {2}, device());
  EXPECT_TRUE(std::isnan(ops::softmax_cross_entropy(logits, labels).item<float>()));
}

TEST_P(SoftmaxCrossEntropyTest, ALabelOutOfRange) {
  const Tensor logits = Tensor::zeros({2, 3}, DType::float32, device());
  const Tensor labels = Tensor::from(std::vector<int32_t>{0, 3}, {2}, device());
  if (device() == Device::cpu) {
    EXPECT_TRUE(fails("the label of row 1 is 3, the classes are 0 to 2",
                      [&] { ops::softmax_cross_entropy(logits, labels); }));
  } else {
    EXPECT_TRUE(std::isnan(ops::softmax_cross_entropy(logits, labels).item<float>()));
  }
}

TEST_P(SoftmaxCrossEntropyTest, SameBitsForAnyNumberOfThreads) {
  const Tensor logits = random_tensor({5000, 10}, 1, -3, 3, DType::float32).to(device());
  const Tensor labels = labels_for(5000, 10).to(device());
  const Tensor expected = ops::softmax_cross_entropy(logits, labels);
  const int threads = thread_count();
  for (int count : {1, 2, 3}) {
    set_thread_count(count);
    EXPECT_TRUE(identical(ops::softmax_cross_entropy(logits, labels), expected));
  }
  set_thread_count(threads);
}

TEST(SoftmaxCrossEntropyGradientTest, MatchesCentralDifferences) {
  EXPECT_TRUE(gradients_match(loss_of, {random_tensor({5, 4}, 2, -2, 2), labels_for(5, 4)}));
}

TEST(SoftmaxCrossEntropyGradientTest, EqualsItsComposition) {
  const Tensor labels = labels_for(6, 5);
  Tensor one_hot = Tensor::zeros({6, 5}, DType::float64);
  for (int64_t n = 0; n < 6; ++n)
    one_hot.data<double>()[n * 5 + labels.data<int32_t>()[n]] = -1.0 / 6;
  Tensor fused = random_tensor({6, 5}, 4), composed = fused.clone();
  fused.set_requires_grad(true);
  composed.set_requires_grad(true);
  const Tensor loss = ops::softmax_cross_entropy(fused, labels);
  const Tensor expected = ops::sum(ops::multiply(ops::log_softmax(composed), one_hot));
  EXPECT_TRUE(close(loss, expected, {.absolute = 1e-12}));
  backward(loss);
  backward(expected);
  EXPECT_TRUE(close(fused.grad(), composed.grad(), {.absolute = 1e-12}));
}

TEST(SoftmaxCrossEntropyErrorTest, SaysWhatDoesNotFit) {
  const Tensor labels = Tensor::zeros({2}, DType::int32);
  EXPECT_TRUE(fails("need int32 labels (3), got int32 (2)", [&] {
    ops::softmax_cross_entropy(Tensor::zeros({3, 2}), labels);
  }));
  EXPECT_TRUE(fails("need int32 labels (2), got float32 (2)", [&] {
    ops::softmax_cross_entropy(Tensor::zeros({2, 2}), Tensor::zeros({2}));
  }));
  EXPECT_TRUE(fails("must be (rows, classes) and not empty, got (0, 2)", [&] {
    ops::softmax_cross_entropy(Tensor::zeros({0, 2}), Tensor::zeros({0}, DType::int32));
  }));
}

}  // namespace
}  // namespace strata::test
