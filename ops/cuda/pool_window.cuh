// The end of a convolutional stage's forward pass: which pixel of a window wins, and ReLU.
#pragma once

#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cuda/element.cuh"
#include "ops/cuda/max_or_nan.cuh"

namespace strata::cuda {

struct PooledWindow {
  float value;
  uint8_t winner;
};

/// `values` are those of the pixels (0, 0), (0, 1), (1, 0), (1, 1). The first of equal maxima wins.
/// Where one is NaN, so is the value, which keeps ReLU closed, and it matters to nobody which wins.
inline __device__ PooledWindow pool_window(const float (&values)[4]) {
  const float upper = max_or_nan(values[0], values[1]), lower = max_or_nan(values[2], values[3]);
  const float best = max_or_nan(upper, lower);
  const int in_upper = values[1] > values[0] ? 1 : 0, in_lower = values[3] > values[2] ? 3 : 2;
  const int winner = lower > upper ? in_lower : in_upper;
  return {max_or_nan(best, 0.0f), static_cast<uint8_t>(best > 0 ? winner : kNoWinner)};
}

/// Whether two neighbouring channels of such tensors can be read and written at once.
template <class T>
bool can_pair(int channels, const T* values, const uint8_t* winners) {
  const auto aligned = [](const void* address, std::uintptr_t bytes) {
    return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
  };
  return channels % 2 == 0 && aligned(values, 2 * sizeof(T)) && aligned(winners, sizeof(uchar2));
}

/// Where the results go, float or BFloat16.
template <class T>
struct PooledOutput {
  T* values;
  uint8_t* winners;  // may be null
  bool paired;

  PooledOutput(const Tensor& output, const Tensor& where_from)
      : values(output.data<T>()),
        winners(where_from.defined() ? where_from.data<uint8_t>() : nullptr),
        paired(can_pair(static_cast<int>(output.extent(3)), values, winners)) {}

  /// Two neighbouring channels of a window, of which the first `wanted` exist.
  __device__ void store(int offset, int wanted, const PooledWindow& first,
                        const PooledWindow& second) const {
    if (paired && wanted > 0) {
      store2(values + offset, first.value, second.value);
      if (winners != nullptr)
        *reinterpret_cast<uchar2*>(winners + offset) = {first.winner, second.winner};
    } else {
      if (wanted > 0) store_one(offset, first);
      if (wanted > 1) store_one(offset + 1, second);
    }
  }

 private:
  __device__ void store_one(int offset, const PooledWindow& window) const {
    values[offset] = stored_as<T>(window.value);
    if (winners != nullptr) winners[offset] = window.winner;
  }
};

}  // namespace strata::cuda
