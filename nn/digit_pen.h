// The pen: inks line segments into a square image of grey values, anti-aliased, with noise.
#pragma once

#include <cstdint>
#include <span>

#include "nn/digit_hand.h"
#include "nn/digit_random.h"

namespace strata::nn {

inline constexpr int kDigitSide = 28;

/// Pixels; `noise` is the largest change of a grey value in [0, 1].
struct Pen {
  float radius;
  float softness;  // width of the edge's ramp
  float darkness;  // grey value of full ink
  float noise;
};

Pen choose_pen(DigitRandom& random);

/// Writes kDigitSide x kDigitSide grey values, 0 for paper and 255 for ink.
void ink(std::span<const Segment> segments, const Pen& pen, DigitRandom& random,
         std::span<uint8_t> image);

}  // namespace strata::nn
