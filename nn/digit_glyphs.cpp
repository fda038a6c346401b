// The alphabet: ten digits, two or three variants each, drawn by eye.
#include "nn/digit_glyphs.h"

#include <array>

namespace strata::nn {
namespace {

constexpr bool kCorner = true;

// clang-format off
const std::vector<Glyph> kZero = {
    // closed oval
    {{{.30f, .00f}, {.08f, .18f}, {.00f, .50f}, {.09f, .83f}, {.31f, 1.0f}, {.54f, .82f},
      {.62f, .50f}, {.53f, .17f}, {.30f, .00f}}},
    // begun at the top right, its ends crossing
    {{{.44f, .06f}, {.20f, .08f}, {.03f, .35f}, {.03f, .70f}, {.20f, .97f}, {.42f, .90f},
      {.56f, .60f}, {.52f, .25f}, {.36f, .02f}, {.22f, .06f}}},
};

const std::vector<Glyph> kOne = {
    // one line
    {{{.30f, .00f}, {.30f, .50f}, {.30f, 1.0f}}},
    // with a flag
    {{{.12f, .22f}, {.32f, .00f, kCorner}, {.32f, .50f}, {.32f, 1.0f}}},
    // with a flag and a foot
    {{{.10f, .20f}, {.32f, .00f, kCorner}, {.32f, .50f}, {.32f, 1.0f}},
     {{.08f, 1.0f}, {.56f, 1.0f}}},
};

const std::vector<Glyph> kTwo = {
    // straight foot
    {{{.04f, .22f}, {.16f, .04f}, {.36f, .00f}, {.54f, .14f}, {.50f, .38f}, {.30f, .66f},
      {.02f, .98f, kCorner}, {.30f, .97f}, {.62f, .98f}}},
    // looped foot
    {{{.06f, .20f}, {.25f, .01f}, {.50f, .10f}, {.50f, .36f}, {.32f, .66f}, {.12f, .92f},
      {.00f, .90f}, {.06f, .76f}, {.22f, .82f}, {.42f, .97f}, {.64f, .90f}}},
    // flat and wavy
    {{{.02f, .12f}, {.28f, .02f}, {.52f, .10f}, {.48f, .36f}, {.26f, .68f}, {.00f, .97f, kCorner},
      {.32f, .93f}, {.64f, 1.0f}}},
};

const std::vector<Glyph> kThree = {
    // two bows that meet in a corner
    {{{.04f, .10f}, {.26f, .00f}, {.50f, .12f}, {.46f, .34f}, {.22f, .46f, kCorner}, {.50f, .58f},
      {.56f, .80f}, {.34f, 1.0f}, {.02f, .90f}}},
    // flat top
    {{{.04f, .02f}, {.52f, .02f, kCorner}, {.24f, .38f, kCorner}, {.50f, .50f}, {.56f, .76f},
      {.34f, 1.0f}, {.00f, .90f}}},
    // without a corner
    {{{.06f, .12f}, {.28f, .00f}, {.48f, .14f}, {.38f, .38f}, {.22f, .47f}, {.40f, .52f},
      {.56f, .72f}, {.40f, .98f}, {.14f, .98f}, {.00f, .86f}}},
};

const std::vector<Glyph> kFour = {
    // open
    {{{.06f, .04f}, {.04f, .30f}, {.06f, .54f, kCorner}, {.30f, .56f}, {.60f, .52f}},
     {{.50f, .00f}, {.48f, .50f}, {.46f, 1.0f}}},
    // closed, in one stroke from the foot
    {{{.44f, 1.0f}, {.44f, .50f}, {.44f, .00f, kCorner}, {.20f, .36f}, {.00f, .66f, kCorner},
      {.30f, .66f}, {.64f, .66f}}},
    // a cup and a line, in one stroke
    {{{.04f, .02f}, {.02f, .36f}, {.16f, .52f}, {.38f, .46f}, {.52f, .20f}, {.54f, .02f, kCorner},
      {.50f, .50f}, {.46f, 1.0f}}},
};

const std::vector<Glyph> kFive = {
    // one stroke from the top right
    {{{.54f, .02f}, {.14f, .02f, kCorner}, {.08f, .42f, kCorner}, {.32f, .36f}, {.54f, .56f},
      {.48f, .86f}, {.24f, 1.0f}, {.00f, .90f}}},
    // the bar set on last
    {{{.12f, .04f}, {.10f, .40f, kCorner}, {.36f, .40f}, {.52f, .64f}, {.40f, .94f}, {.02f, .96f}},
     {{.12f, .05f}, {.34f, .03f}, {.60f, .00f}}},
    // like an S
    {{{.56f, .04f}, {.30f, .02f}, {.12f, .18f}, {.20f, .40f}, {.44f, .54f}, {.50f, .78f},
      {.30f, .98f}, {.02f, .92f}}},
};

const std::vector<Glyph> kSix = {
    // round
    {{{.46f, .00f}, {.20f, .20f}, {.04f, .56f}, {.08f, .88f}, {.30f, 1.0f}, {.52f, .86f},
      {.50f, .64f}, {.30f, .54f}, {.10f, .68f}}},
    // straight back, small loop
    {{{.34f, .00f}, {.12f, .36f}, {.00f, .72f}, {.12f, .97f}, {.36f, .96f}, {.50f, .78f},
      {.40f, .60f}, {.20f, .62f}, {.06f, .80f}}},
};

const std::vector<Glyph> kSeven = {
    // plain
    {{{.00f, .04f}, {.30f, .03f}, {.58f, .02f, kCorner}, {.38f, .46f}, {.22f, 1.0f}}},
    // crossed
    {{{.00f, .04f}, {.30f, .03f}, {.58f, .02f, kCorner}, {.38f, .46f}, {.22f, 1.0f}},
     {{.14f, .52f}, {.52f, .48f}}},
    // with a serif
    {{{.02f, .20f}, {.06f, .04f, kCorner}, {.34f, .05f}, {.60f, .03f, kCorner}, {.42f, .40f},
      {.34f, 1.0f}}},
};

const std::vector<Glyph> kEight = {
    // one stroke that crosses itself
    {{{.50f, .12f}, {.30f, .00f}, {.10f, .12f}, {.14f, .34f}, {.36f, .52f}, {.54f, .74f},
      {.44f, .96f}, {.20f, .98f}, {.06f, .80f}, {.20f, .56f}, {.44f, .34f}, {.52f, .16f},
      {.40f, .02f}, {.28f, .00f}}},
    // two rings
    {{{.30f, .00f}, {.12f, .08f}, {.08f, .26f}, {.18f, .44f}, {.30f, .47f}, {.44f, .42f},
      {.52f, .24f}, {.46f, .06f}, {.30f, .00f}},
     {{.30f, .47f}, {.10f, .56f}, {.03f, .76f}, {.14f, .96f}, {.32f, 1.0f}, {.50f, .94f},
      {.58f, .74f}, {.48f, .54f}, {.30f, .47f}}},
};

const std::vector<Glyph> kNine = {
    // straight tail
    {{{.52f, .12f}, {.30f, .00f}, {.06f, .14f}, {.08f, .38f}, {.28f, .46f}, {.48f, .30f},
      {.53f, .10f, kCorner}, {.52f, .50f}, {.46f, 1.0f}}},
    // hooked tail
    {{{.52f, .12f}, {.30f, .00f}, {.06f, .14f}, {.08f, .38f}, {.28f, .46f}, {.48f, .30f},
      {.53f, .10f, kCorner}, {.54f, .50f}, {.44f, .86f}, {.24f, 1.0f}, {.06f, .92f}}},
    // small loop, leaning tail
    {{{.50f, .06f}, {.20f, .04f}, {.04f, .24f}, {.16f, .44f}, {.42f, .36f}, {.52f, .08f, kCorner},
      {.38f, .54f}, {.20f, 1.0f}}},
};
// clang-format on

const std::array<const std::vector<Glyph>*, 10> kDigits = {&kZero, &kOne, &kTwo,   &kThree, &kFour,
                                                           &kFive, &kSix, &kSeven, &kEight, &kNine};

}  // namespace

std::span<const Glyph> glyphs_of(int digit) {
  return *kDigits.at(static_cast<size_t>(digit));
}

}  // namespace strata::nn
