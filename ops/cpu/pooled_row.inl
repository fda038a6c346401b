/// The greatest of four pixels, NaN where one of them is, and its place in the window.
template <int kCount>
void pool_channels(const PooledRow& work, const float* window, int64_t to, int64_t c) {
  using Numbers = Vector<float, kCount>;
  const int64_t pixels[] = {0, work.channels, work.row_stride, work.row_stride + work.channels};
  Numbers best = load<kCount>(window + c);
  Vector<int32_t, kCount> winner{};
#pragma GCC unroll 3
  for (int i = 1; i < 4; ++i) {
    const Numbers here = load<kCount>(window + pixels[i] + c);
    const auto greater = (here > best) | (here != here);
    best = greater ? here : best;
    winner = greater ? Vector<int32_t, kCount>{} + i : winner;
  }
  if (work.bias) best += load<kCount>(work.bias + c);
  store(work.winner_numbers + to + c,
        best > 0 ? winner : Vector<int32_t, kCount>{} + int32_t{kNoWinner});
  store(work.output + to + c, best < 0 ? Numbers{} : best);
}

void pool_row(const PooledRow& work) {
  for (int64_t q = 0; q < work.count; ++q) {
    const float* const window = work.rows + 2 * q * work.channels;
    const int64_t to = q * work.channels;
    int64_t c = 0;
    for (; c + kLanes <= work.channels; c += kLanes) pool_channels<kLanes>(work, window, to, c);
    if constexpr (kLanes > 8)
      for (; c + 8 <= work.channels; c += 8) pool_channels<8>(work, window, to, c);
    for (; c < work.channels; ++c) pool_channels<1>(work, window, to, c);
  }
  if (!work.winners) return;
  // A plain loop: GCC 12 narrows vectors number by number. Bytes may be a part of anything, for all
  // that a compiler knows, but not of these.
  uint8_t* __restrict const bytes = work.winners;
  const int32_t* __restrict const numbers = work.winner_numbers;
  const int64_t size = work.count * work.channels;
  for (int64_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(numbers[i]);
}

template <int kCount>
void add_pixels(const OpenGradients& work, int64_t c) {
  Vector<float, kCount> sum = load<kCount>(work.sums + c);
  for (int64_t i = 0; i < work.pixels; ++i) sum += load<kCount>(work.open + i * work.channels + c);
  store(work.sums + c, sum);
}

void open_gradients(const OpenGradients& work) {
  const int64_t size = work.pixels * work.channels;
  const uint8_t* __restrict const winners = work.winners;
  const float* __restrict const gradients = work.gradients;
  float* __restrict const open = work.open;
  for (int64_t i = 0; i < size; ++i) open[i] = winners[i] != kNoWinner ? gradients[i] : 0.0f;
  int64_t c = 0;
  for (; c + kLanes <= work.channels; c += kLanes) add_pixels<kLanes>(work, c);
  if constexpr (kLanes > 8)
    for (; c + 8 <= work.channels; c += 8) add_pixels<8>(work, c);
  for (; c < work.channels; ++c) add_pixels<1>(work, c);
}
