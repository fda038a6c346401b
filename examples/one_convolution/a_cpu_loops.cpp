// (a) The convolution as loops on the CPU, in the order of the formula: what the other levels are
// compared with.
#include "examples/one_convolution/level.h"

namespace strata::one_convolution {
namespace {

void convolve(const std::vector<float>& image, const std::vector<float>& filter,
              std::vector<float>& output) {
  for (int n = 0; n < kBatch; ++n)
    for (int p = 0; p < kOutHeight; ++p)
      for (int q = 0; q < kOutWidth; ++q)
        for (int k = 0; k < kFilters; ++k) {
          double sum = 0;  // of more digits than a float has: a yardstick that does not round
          for (int r = 0; r < kWindow; ++r)
            for (int s = 0; s < kWindow; ++s)
              for (int c = 0; c < kChannels; ++c)
                sum += double{image[image_index(n, p + r, q + s, c)]} *
                       filter[filter_index(k, r, s, c)];
          output[output_index(n, p, q, k)] = static_cast<float>(sum);
        }
}

Result run(const Problem& problem, Device) {
  Result result;
  result.microseconds =
      median_microseconds([&] { convolve(problem.image, problem.filter, result.output); });
  return result;
}

}  // namespace

const Level kCpuLoops = {
    Needs::nothing, run,
    R"(   Nothing between the formula and the processor but the compiler. The shape is in the bounds of
   the loops, three std::vectors own the memory, and nobody notices a wrong index.
)"};

}  // namespace strata::one_convolution
