// A data set that needs no download: handwritten-looking digits that the program draws itself, in
// the format of MNIST (28 x 28 grey values, white on black, ten classes).
#pragma once

#include <cstdint>

#include "nn/dataset.h"

namespace strata::nn {

struct DigitsOptions {
  uint64_t seed = 1;
  int64_t train_count = 60000;
  int64_t test_count = 10000;
};

/// Draws both splits on all CPU threads. Ten consecutive images hold each digit once, in random
/// order. An image is a pure function of (seed, split, index): neither the number of threads nor
/// that of images changes it. Only additions, multiplications, divisions and square roots are
/// used, which IEEE 754 rounds in one way, so that the bytes are the same on every machine.
/// Throws `invalid_argument` unless both counts are in [1, 10,000,000].
Dataset draw_digits(const DigitsOptions& options = {});

}  // namespace strata::nn
