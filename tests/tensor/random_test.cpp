#include "tensor/random.h"

#include <gtest/gtest.h>

#include <vector>

namespace strata::test {
namespace {

void expect_words(const Philox4& actual, const Philox4& expected) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(actual.word[i], expected.word[i]) << "word " << i;
}

// The known-answer vectors of philox4x32 with 10 rounds that the authors publish with their code
// (Random123, kat_vectors).
TEST(RandomTest, PhiloxKnownAnswers) {
  expect_words(philox(0, 0, 0), {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  expect_words(philox(~0ull, ~0ull, ~0ull), {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  expect_words(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
               {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST(RandomTest, WordsComeFromTheirBlock) {
  for (uint64_t i = 0; i < 9; ++i) EXPECT_EQ(random_word(5, 6, i), philox(5, 6, i / 4).word[i % 4]);
}

TEST(RandomTest, SeedsAndStreamsDiffer) {
  int equal = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    equal += random_word(1, 0, i) == random_word(2, 0, i);
    equal += random_word(1, 0, i) == random_word(1, 1, i);
  }
  EXPECT_LE(equal, 1);  // expected: 2000 / 2^32
}

TEST(RandomTest, UniformIsUniform) {
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = random_uniform(3, 4, i);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
    squares += value * value;
  }
  // Means 1/2 and 1/3; five standard deviations: 5 sqrt(1/12 / n) and 5 sqrt(4/45 / n).
  EXPECT_NEAR(sum / kCount, 1.0 / 2, 0.0046);
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 0.0048);
}

TEST(RandomTest, PermutationIsABijection) {
  for (const uint32_t count :
       {1u, 2u, 3u, 4u, 5u, 7u, 16u, 17u, 100u, 255u, 256u, 257u, 1000u, 4096u, 4097u, 60000u}) {
    std::vector<bool> taken(count);
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t position = random_permutation(1, 2, i, count);
      ASSERT_LT(position, count);
      ASSERT_FALSE(taken[position]) << "count " << count << ", position " << position;
      taken[position] = true;
    }
  }
}

TEST(RandomTest, PermutationsDifferAndMix) {
  constexpr uint32_t kCount = 60000;
  int fixed = 0, equal = 0, neighbours = 0;
  for (uint32_t i = 0; i + 1 < kCount; ++i) {
    const uint32_t here = random_permutation(1, 2, i, kCount);
    fixed += here == i;
    equal += here == random_permutation(1, 3, i, kCount);
    neighbours += random_permutation(1, 2, i + 1, kCount) == here + 1;
  }
  // One of each is expected; more than ten happens once in 10^8.
  EXPECT_LE(fixed, 10);
  EXPECT_LE(equal, 10);
  EXPECT_LE(neighbours, 10);
}

}  // namespace
}  // namespace strata::test
