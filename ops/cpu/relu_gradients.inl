template <int kCount>
void open_columns(const ReluGradients& work, int64_t column) {
  Vector<float, kCount> sum{};
  for (int64_t row = 0; row < work.rows; ++row) {
    const int64_t at = row * work.stride + column;
    Vector<float, kCount> gradient = load<kCount>(work.gradients + at);
    if (work.output) {
      gradient = load<kCount>(work.output + at) > 0 ? gradient : Vector<float, kCount>{};
      store(work.open + at, gradient);
    }
    sum += gradient;
  }
  if (work.sums) store(work.sums + column, sum);
}

void relu_gradients(const ReluGradients& work) {
  constexpr int kWide = 4 * kLanes;  // whole cache lines
  int64_t column = work.first_column;
  for (; column + kWide <= work.last_column; column += kWide) open_columns<kWide>(work, column);
  for (; column + kLanes <= work.last_column; column += kLanes) open_columns<kLanes>(work, column);
  for (; column < work.last_column; ++column) open_columns<1>(work, column);
}
