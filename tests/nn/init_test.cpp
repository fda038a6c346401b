#include "nn/init.h"

#include <algorithm>
#include <cmath>

#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using nn::Builder;
using nn::Init;

struct Statistics {
  double mean = 0, variance = 0, largest = 0;
};

Statistics statistics_of(const Tensor& tensor) {
  const std::vector<double> values = values_of(tensor);
  const double count = static_cast<double>(values.size());
  Statistics result;
  for (double x : values) {
    result.mean += x / count;
    result.largest = std::max(result.largest, std::abs(x));
  }
  for (double x : values) result.variance += (x - result.mean) * (x - result.mean) / count;
  return result;
}

struct Case {
  const char* name;
  Init init;
  Shape shape;
  double variance;
  double bound;  // 0: none
};
// 300 x 200: fan_in 200, fan_out 300. 64 filters of 5x3 over 32 channels: 480 and 960.
const Case kCases[] = {
    {"glorot_uniform", Init::glorot_uniform(), {300, 200}, 2.0 / 500, std::sqrt(6.0 / 500)},
    {"glorot_normal", Init::glorot_normal(), {300, 200}, 2.0 / 500, 0},
    {"he_uniform", Init::he_uniform(), {300, 200}, 2.0 / 200, std::sqrt(6.0 / 200)},
    {"he_normal", Init::he_normal(), {300, 200}, 2.0 / 200, 0},
    {"fan_in_uniform", Init::fan_in_uniform(), {300, 200}, 1.0 / 600, std::sqrt(1.0 / 200)},
    {"he_normal, filters", Init::he_normal(), {64, 5, 3, 32}, 2.0 / 480, 0},
    {"glorot_uniform, filters",
     Init::glorot_uniform(),
     {64, 5, 3, 32},
     2.0 / 1440,
     std::sqrt(6.0 / 1440)},
};

// n >= 30720 draws: the mean deviates by sqrt(variance / n), the variance by some sqrt(2 / n) of
// itself (0.8 %); five of each are one chance in a million, and the seed is fixed.
TEST(InitTest, HasTheStatedMeanAndVariance) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Builder builder{.seed = 5};
    const Tensor parameter = builder.parameter(c.shape, c.init);
    ASSERT_EQ(parameter.shape(), c.shape);
    const Statistics found = statistics_of(parameter);
    const double n = static_cast<double>(c.shape.size());
    EXPECT_NEAR(found.mean, 0, 5 * std::sqrt(c.variance / n));
    EXPECT_NEAR(found.variance / c.variance, 1, 5 * std::sqrt(2 / n));
    if (c.bound > 0) {
      EXPECT_LE(found.largest, c.bound);
      EXPECT_GT(found.largest, 0.999 * c.bound);
    } else {
      EXPECT_GT(found.largest, 3.5 * std::sqrt(c.variance)) << "a normal distribution has tails";
    }
  }
}

TEST(InitTest, Constants) {
  Builder builder;
  EXPECT_TRUE(close(builder.parameter({3}, Init::zeros()), {0, 0, 0}, kExact));
  EXPECT_TRUE(close(builder.parameter({2}, Init::constant(0.25)), {0.25, 0.25}, kExact));
  EXPECT_TRUE(close(builder.buffer({2}, 1), {1, 1}, kExact));
}

TEST(InitTest, SeedAndOrderDecideTheNumbers) {
  Builder one{.seed = 7}, same{.seed = 7}, other{.seed = 8};
  const Tensor first = one.parameter({4, 4}, Init::he_normal());
  const Tensor second = one.parameter({4, 4}, Init::he_normal());
  EXPECT_TRUE(identical(same.parameter({4, 4}, Init::he_normal()), first));
  EXPECT_TRUE(identical(same.parameter({4, 4}, Init::he_normal()), second));
  EXPECT_FALSE(identical(first, second));
  EXPECT_FALSE(identical(other.parameter({4, 4}, Init::he_normal()), first));
}

class InitOnDevicesTest : public RungTest {};
STRATA_ON_EVERY_RUNG(InitOnDevicesTest);

TEST_P(InitOnDevicesTest, EveryDeviceStartsWithTheSameBits) {
  Builder here{.device = device(), .seed = 7}, on_cpu{.device = Device::cpu, .seed = 7};
  for (const Init& init : {Init::glorot_uniform(), Init::he_normal()})
    EXPECT_TRUE(
        identical(here.parameter({9, 7}, init).to(Device::cpu), on_cpu.parameter({9, 7}, init)));
}

TEST(InitErrorTest, AnotherRankHasNoFans) {
  Builder builder;
  EXPECT_TRUE(fails("init: a random start needs a shape (O, I) or (K, R, S, C), got (3)",
                    [&] { builder.parameter({3}, Init::he_normal()); }));
}

}  // namespace
}  // namespace strata::test
