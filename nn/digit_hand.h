// The hand: turns a glyph's ideal strokes into somebody's handwriting, as line segments in pixels.
#pragma once

#include <vector>

#include "nn/digit_glyphs.h"
#include "nn/digit_random.h"

namespace strata::nn {

struct Segment {
  Point from, to;
};

/// Displaces the knots, flattens the curves, bends the sheet, slants and turns it, and fits what
/// comes out into a box of `box` pixels about the middle of an image of `side` x `side` pixels.
std::vector<Segment> write_by_hand(const Glyph& glyph, float side, float box, DigitRandom& random);

}  // namespace strata::nn
