#include "ops/record_metrics.h"

#include <cmath>
#include <optional>

#include "ops/sgd_update.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

constexpr int64_t kClasses = 3;

/// Logits whose row n is right for the label n mod kClasses in the first `correct` rows alone.
Tensor logits_with(int64_t correct, int64_t rows) {
  Tensor logits = Tensor::zeros({rows, kClasses});
  for (int64_t n = 0; n < rows; ++n)
    logits.data<float>()[n * kClasses + (n < correct ? n : n + 1) % kClasses] = 1;
  return logits;
}

Tensor labels_of(int64_t rows) {
  std::vector<int32_t> labels;
  for (int64_t n = 0; n < rows; ++n) labels.push_back(static_cast<int32_t>(n % kClasses));
  return Tensor::from(labels, {rows});
}

class RecordMetricsTest : public RungTest {
 protected:
  void record(float loss, int64_t correct, int64_t rows = 20) {
    record_losses(Tensor::from(std::vector<float>{loss}, {}, device()), correct, rows);
  }
  void record_losses(const Tensor& losses, int64_t correct, int64_t rows) {
    ops::record_metrics(logits_with(correct, rows).to(device()), labels_of(rows).to(device()),
                        losses, *state_, *metrics_);
    Tensor weights = Tensor::zeros({0}, DType::float32, device()), none;
    ops::sgd_update(weights, weights, none, *state_, {});  // ends the step
  }
  void start(int64_t steps) {
    state_ = ops::first_step({.peak = 0.1}, device());
    metrics_ = ops::StepMetrics::of(steps, device());
  }
  std::optional<ops::StepState> state_;
  std::optional<ops::StepMetrics> metrics_;
};
STRATA_ON_EVERY_RUNG(RecordMetricsTest);

TEST_P(RecordMetricsTest, KeepsTheLastSteps) {
  start(3);
  for (int step = 0; step < 4; ++step) record(1.5f * static_cast<float>(step), 10 + step);
  EXPECT_TRUE(close(metrics_->losses, {4.5, 1.5, 3}, kExact));
  EXPECT_TRUE(close(metrics_->correct, {13, 11, 12}, kExact));
  EXPECT_EQ(state_->diverged_at.item<int32_t>(), -1);
}

TEST_P(RecordMetricsTest, CountsBatchesOfAnySize) {
  const std::vector<std::pair<int64_t, int64_t>> batches{{1, 1},     {0, 5},       {128, 128},
                                                         {100, 129}, {8000, 8192}, {7, 1000}};
  start(static_cast<int64_t>(batches.size()));
  std::vector<double> expected;
  for (const auto& [correct, rows] : batches) {
    record(0, correct, rows);
    expected.push_back(static_cast<double>(correct));
  }
  EXPECT_TRUE(close(metrics_->correct, expected, kExact));
}

TEST_P(RecordMetricsTest, TakesTheMeanOfTheRowsLosses) {
  const std::vector<int64_t> sizes{2, 31, 128, 1000, 8192};
  start(static_cast<int64_t>(sizes.size()));
  std::vector<double> expected;
  for (const int64_t rows : sizes) {
    const Tensor losses = random_tensor({rows}, 3, 0, 4, DType::float32);
    record_losses(losses.to(device()), rows / 2, rows);
    double sum = 0;
    for (const double loss : values_of(losses)) sum += loss;
    expected.push_back(sum / static_cast<double>(rows));
  }
  // In float64, so that one rounding is left.
  EXPECT_TRUE(close(metrics_->losses, expected, {.relative = 1e-7}));
  EXPECT_TRUE(close(metrics_->correct, {1, 15, 64, 500, 4096}, kExact));
}

TEST_P(RecordMetricsTest, OneRowsLossThatIsNotFiniteIsEnough) {
  for (const int64_t bad_row : {0, 130, 299}) {
    start(1);
    Tensor losses = Tensor::full({300}, 1);
    losses.data<float>()[bad_row] = NAN;
    record_losses(losses.to(device()), 0, 300);
    EXPECT_EQ(state_->diverged_at.item<int32_t>(), 0);
    EXPECT_TRUE(std::isnan(metrics_->losses.item<float>()));
  }
}

TEST_P(RecordMetricsTest, RemembersTheFirstLossThatIsNotFinite) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    start(2);
    for (float loss : {1.0f, 2.0f, bad, 3.0f, bad}) record(loss, 0);
    EXPECT_EQ(state_->diverged_at.item<int32_t>(), 2) << bad;
  }
}

TEST(RecordMetricsErrorTest, NamesWhatDoesNotFit) {
  ops::StepState state = ops::first_step({.peak = 0.1}, Device::cpu);
  ops::StepMetrics metrics = ops::StepMetrics::of(2, Device::cpu);
  const Tensor logits = Tensor::zeros({2, kClasses}), labels = labels_of(2);
  EXPECT_TRUE(fails("need losses of one float32, or one a row, got float32 (3)", [&] {
    ops::record_metrics(logits, labels, Tensor::zeros({3}), state, metrics);
  }));
  EXPECT_TRUE(fails("record_metrics: logits (2, 3) need int32 labels (2), got int32 (3)", [&] {
    ops::record_metrics(logits, labels_of(3), Tensor::zeros({}), state, metrics);
  }));
  EXPECT_TRUE(fails("room for at least one step", [] { ops::StepMetrics::of(0, Device::cpu); }));
}

}  // namespace
}  // namespace strata::test
