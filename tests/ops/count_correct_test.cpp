#include "ops/count_correct.h"

#include <cmath>

#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class CountCorrectTest : public RungTest {};
STRATA_ON_EVERY_RUNG(CountCorrectTest);

int32_t count_of(const std::vector<float>& logits, const std::vector<int32_t>& labels,
                 Device device) {
  const auto rows = static_cast<int64_t>(labels.size());
  const auto classes = static_cast<int64_t>(logits.size()) / rows;
  Tensor count = Tensor::zeros({1}, DType::int32, device);
  ops::count_correct(Tensor::from(logits, {rows, classes}, device),
                     Tensor::from(labels, {rows}, device), count);
  return count.item<int32_t>();
}

TEST_P(CountCorrectTest, KnownRows) {
  EXPECT_EQ(count_of({1, 2, 3, 3, 2, 1, 1, 5, 1}, {2, 0, 0}, device()), 2);
}

TEST_P(CountCorrectTest, TheFirstOfEqualMaximaCounts) {
  EXPECT_EQ(count_of({4, 4, 1}, {0}, device()), 1);
  EXPECT_EQ(count_of({4, 4, 1}, {1}, device()), 0);
}

TEST_P(CountCorrectTest, ARowWithNanIsWrong) {
  EXPECT_EQ(count_of({NAN, 1, 0}, {0}, device()), 0);
  EXPECT_EQ(count_of({NAN, 1, 0}, {1}, device()), 0);
  EXPECT_EQ(count_of({2, 1, NAN}, {0}, device()), 0);
}

TEST_P(CountCorrectTest, AddsUpOverCallsAndManyRows) {
  constexpr int64_t kRows = 1003, kClasses = 7;
  const Tensor logits = random_tensor({kRows, kClasses}, 3, -1, 1, DType::float32);
  std::vector<int32_t> labels(kRows);
  int32_t expected = 0;
  for (int64_t row = 0; row < kRows; ++row) {
    const float* begin = logits.data<float>() + row * kClasses;
    const auto best = static_cast<int32_t>(std::max_element(begin, begin + kClasses) - begin);
    labels[row] = row % 3 == 0 ? best : (best + 1) % static_cast<int32_t>(kClasses);
    expected += row % 3 == 0;
  }
  Tensor count = Tensor::zeros({1}, DType::int32, device());
  for (int call = 0; call < 2; ++call)
    ops::count_correct(logits.to(device()), Tensor::from(labels, {kRows}, device()), count);
  EXPECT_EQ(count.item<int32_t>(), 2 * expected);
}

TEST(CountCorrectErrorTest, SaysWhatDoesNotFit) {
  Tensor count = Tensor::zeros({1}, DType::int32);
  const Tensor logits = Tensor::zeros({2, 3});
  EXPECT_TRUE(fails("need int32 labels (2), got int32 (3)", [&] {
    ops::count_correct(logits, Tensor::zeros({3}, DType::int32), count);
  }));
  EXPECT_TRUE(fails("logits must be (rows, classes), got (6)", [&] {
    ops::count_correct(logits.view({6}), Tensor::zeros({6}, DType::int32), count);
  }));
  Tensor wrong = Tensor::zeros({2}, DType::int32);
  EXPECT_TRUE(fails("the count must be one int32", [&] {
    ops::count_correct(logits, Tensor::zeros({2}, DType::int32), wrong);
  }));
}

}  // namespace
}  // namespace strata::test
