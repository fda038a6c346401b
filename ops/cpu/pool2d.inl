/// Calls body(offset) for every pixel of a window in row-major order.
template <class Body>
void for_each_pixel(const Window& window, Body&& body) {
  const auto& [rows, columns, row_stride, column_stride] = window;
  if (rows.size() == 2 && columns.size() == 2) {  // by far the most common: worth no loop
    const int64_t first = rows.begin * row_stride + columns.begin * column_stride;
    body(first);
    body(first + column_stride);
    body(first + row_stride);
    body(first + row_stride + column_stride);
    return;
  }
  for (int64_t h = rows.begin; h < rows.end; ++h)
    for (int64_t w = columns.begin; w < columns.end; ++w) body(h * row_stride + w * column_stride);
}

/// Calls body(window, position of the output pixel) for all windows of output row p of an image.
template <class Body>
void for_each_window(const Pool2dGeometry& geometry, int64_t p, Body&& body) {
  const int64_t channels = geometry.channels;
  for (int64_t q = 0; q < geometry.width.output; ++q) {
    const Window window{inputs_under(geometry.height, p), inputs_under(geometry.width, q),
                        geometry.width.input * channels, channels};
    body(window, (p * geometry.width.output + q) * channels);
  }
}

/// Calls body.operator()<kCount>(c) over the channels: as many at a time as a register holds, then
/// fewer.
template <class Body>
void for_each_lanes(int64_t channels, Body&& body) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) body.template operator()<kLanes>(c);
  if constexpr (kLanes > 8)
    for (; c + 8 <= channels; c += 8) body.template operator()<8>(c);
  if constexpr (kLanes > 4)
    for (; c + 4 <= channels; c += 4) body.template operator()<4>(c);
  for (; c < channels; ++c) body.template operator()<1>(c);
}

/// As greater_or_nan().
template <Pooling kPooling, int kCount>
void pool_window(const Window& window, const float* x, float* y) {
  using Numbers = Vector<float, kCount>;
  constexpr bool kMax = kPooling == Pooling::max;
  Numbers result = Numbers{} + (kMax ? -std::numeric_limits<float>::infinity() : 0.0f);
  for_each_pixel(window, [&](int64_t pixel) {
    const Numbers value = load<kCount>(x + pixel);
    if constexpr (kMax)
      result = (value > result) | (value != value) ? value : result;
    else
      result += value;
  });
  if constexpr (!kMax) result /= window.pixels();
  store(y, result);
}

template <Pooling kPooling>
void pool_row_windows(const Pooled& work) {
  for_each_window(work.geometry, work.row, [&](const Window& window, int64_t out) {
    for_each_lanes(work.geometry.channels, [&]<int kCount>(int64_t c) {
      pool_window<kPooling, kCount>(window, work.input + c, work.output + out + c);
    });
  });
}

void pool2d_row(const Pooled& work) {
  if (work.geometry.pooling == Pooling::max)
    pool_row_windows<Pooling::max>(work);
  else
    pool_row_windows<Pooling::average>(work);
}

/// Pixels of one window only are written; those of several are added up.
template <bool kShared, int kCount>
void give(float* to, const Vector<float, kCount>& gradient) {
  if constexpr (kShared)
    store(to, load<kCount>(to) + gradient);
  else
    store(to, gradient);
}

/// A gradient goes to the first maximum, as is_maximum() says, and is then spent.
template <bool kShared, int kCount>
void max_window_backward(const Window& window, const PooledGradient& work, int64_t out, int64_t c) {
  using Numbers = Vector<float, kCount>;
  const Numbers maximum = load<kCount>(work.output + out + c);
  Numbers unspent = load<kCount>(work.grad_output + out + c);
  for_each_pixel(window, [&](int64_t pixel) {
    const auto here = (load<kCount>(work.input + pixel + c) == maximum) | (maximum != maximum);
    give<kShared, kCount>(work.grad_input + pixel + c, here ? unspent : Numbers{});
    unspent = here ? Numbers{} : unspent;
  });
}

template <bool kShared>
void image_backward(const PooledGradient& work) {
  for (int64_t p = 0; p < work.geometry.height.output; ++p) {
    for_each_window(work.geometry, p, [&](const Window& window, int64_t out) {
      for_each_lanes(work.geometry.channels, [&]<int kCount>(int64_t c) {
        if (work.geometry.pooling == Pooling::max)
          return max_window_backward<kShared, kCount>(window, work, out, c);
        const Vector<float, kCount> share =
            load<kCount>(work.grad_output + out + c) / window.pixels();
        for_each_pixel(window, [&](int64_t pixel) {
          give<kShared, kCount>(work.grad_input + pixel + c, share);
        });
      });
    });
  }
}

void pool2d_image_backward(const PooledGradient& work) {
  if (work.tiled)
    image_backward<false>(work);
  else
    image_backward<true>(work);
}
