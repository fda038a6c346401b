// A sequence of random numbers for one image: a view of the counter-based generator, so that two
// images never share numbers and none waits for another.
#pragma once

#include <cstdint>

#include "tensor/random.h"

namespace strata::nn {

class DigitRandom {
 public:
  /// `image` < 2^32; each image has 2^32 blocks of four words to itself.
  DigitRandom(uint64_t seed, uint64_t stream, uint64_t image)
      : seed_(seed), stream_(stream), block_index_(image << 32) {}

  uint32_t word() {
    if (used_ == 4) {
      block_ = philox(seed_, stream_, block_index_++);
      used_ = 0;
    }
    return block_.word[used_++];
  }

  float uniform(float low, float high) {
    return low + (high - low) * (static_cast<float>(word() >> 8) * 0x1p-24f);
  }

  /// In [0, count); the bias of at most count / 2^32 is of no weight here.
  uint32_t below(uint32_t count) { return static_cast<uint32_t>((uint64_t{word()} * count) >> 32); }

  /// Mean 0, standard deviation `deviation`, never beyond 2 * sqrt(3) of them: the sum of four
  /// uniform numbers, whose variance is 4 / 12. It needs no logarithm, whose last bit varies from
  /// one C library to the next.
  float bell(float deviation) {
    constexpr float kSqrt3 = 1.7320508f;
    float sum = -2;
    for (int i = 0; i < 4; ++i) sum += uniform(0, 1);
    return deviation * kSqrt3 * sum;
  }

 private:
  uint64_t seed_, stream_, block_index_;
  Philox4 block_{};
  int used_ = 4;
};

}  // namespace strata::nn
