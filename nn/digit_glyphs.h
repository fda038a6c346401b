// How people write the ten digits: the strokes of each, in several variants.
#pragma once

#include <span>
#include <vector>

namespace strata::nn {

struct Point {
  float x, y;
};

/// A point that a stroke passes through: smoothly, or turning on the spot at a corner.
struct Knot {
  float x, y;
  bool corner = false;
};

/// x grows to the right and y downwards; a digit is 1 high and about 0.6 wide.
using Stroke = std::vector<Knot>;
using Glyph = std::vector<Stroke>;

/// The variants of a digit in 0..9, all equally likely.
std::span<const Glyph> glyphs_of(int digit);

}  // namespace strata::nn
