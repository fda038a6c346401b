// A grey value is a ramp of the distance from the pixel's centre to the nearest segment.
#include "nn/digit_pen.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace strata::nn {
namespace {

constexpr int kPixels = kDigitSide * kDigitSide;
constexpr float kFar = 1e9f;

// The first pixel whose centre is at or after `position`, and one past the last before it.
int pixel_at(float position) {
  return std::clamp(static_cast<int>(position + 0.5f), 0, kDigitSide);
}

// Lowers the squared distances of all pixels within `reach` of the segment.
void approach(const Segment& segment, float reach, std::array<float, kPixels>& squared_distance) {
  const auto [a, b] = segment;
  const int top = pixel_at(std::min(a.y, b.y) - reach),
            bottom = pixel_at(std::max(a.y, b.y) + reach);
  const int left = pixel_at(std::min(a.x, b.x) - reach),
            right = pixel_at(std::max(a.x, b.x) + reach);
  const float step_x = b.x - a.x, step_y = b.y - a.y;
  const float length = step_x * step_x + step_y * step_y;
  const float inverse = length > 0 ? 1 / length : 0;
  for (int row = top; row < bottom; ++row) {
    const float y = static_cast<float>(row) + 0.5f - a.y;
    for (int column = left; column < right; ++column) {
      const float x = static_cast<float>(column) + 0.5f - a.x;
      const float along = std::clamp((x * step_x + y * step_y) * inverse, 0.0f, 1.0f);
      const float off_x = x - along * step_x, off_y = y - along * step_y;
      float& nearest = squared_distance[row * kDigitSide + column];
      nearest = std::min(nearest, off_x * off_x + off_y * off_y);
    }
  }
}

}  // namespace

Pen choose_pen(DigitRandom& random) {
  Pen pen;
  pen.radius = random.uniform(0.65f, 1.75f);
  pen.softness = random.uniform(0.9f, 1.6f);
  pen.darkness = random.uniform(0.75f, 1.0f);
  const float roughness = random.uniform(0, 1);
  pen.noise = 0.22f * roughness * roughness;  // most sheets are clean, some are rough
  return pen;
}

void ink(std::span<const Segment> segments, const Pen& pen, DigitRandom& random,
         std::span<uint8_t> image) {
  std::array<float, kPixels> squared_distance;
  squared_distance.fill(kFar);
  for (const Segment& segment : segments)
    approach(segment, pen.radius + pen.softness / 2, squared_distance);

  const float steepness = 1 / pen.softness;
  for (int first = 0; first < kPixels; first += 4) {
    const uint32_t word = random.word();  // one byte of noise for each of four pixels
    for (int i = 0; i < 4; ++i) {
      const float distance = std::sqrt(squared_distance[first + i]);
      const float covered = std::clamp((pen.radius - distance) * steepness + 0.5f, 0.0f, 1.0f);
      const float grain = static_cast<float>(word >> (8 * i) & 255) * (2 / 255.0f) - 1;
      const float grey = std::clamp(covered * pen.darkness + pen.noise * grain, 0.0f, 1.0f);
      image[first + i] = static_cast<uint8_t>(grey * 255 + 0.5f);
    }
  }
}

}  // namespace strata::nn
