#include "ops/pool2d_kernels.h"

#include <limits>

namespace strata::reference {
namespace {

int64_t offset_of(const Shape& shape, int64_t n, int64_t h, int64_t w, int64_t c) {
  return ((n * shape[1] + h) * shape[2] + w) * shape[3] + c;
}

/// Calls body(n, p, q, c) for every output.
template <class Body>
void for_each_output(const Pool2dGeometry& geometry, Body&& body) {
  for (int64_t n = 0; n < geometry.batch; ++n)
    for (int64_t p = 0; p < geometry.height.output; ++p)
      for (int64_t q = 0; q < geometry.width.output; ++q)
        for (int64_t c = 0; c < geometry.channels; ++c) body(n, p, q, c);
}

}  // namespace

void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output) {
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    T* y = output.data<T>();
    for_each_output(geometry, [&](int64_t n, int64_t p, int64_t q, int64_t c) {
      const WindowRange rows = inputs_under(geometry.height, p);
      const WindowRange columns = inputs_under(geometry.width, q);
      T sum = 0, best = -std::numeric_limits<T>::infinity();
      for (int64_t h = rows.begin; h < rows.end; ++h) {
        for (int64_t w = columns.begin; w < columns.end; ++w) {
          const T value = x[offset_of(input.shape(), n, h, w, c)];
          sum += value;
          best = greater_or_nan(best, value);
        }
      }
      y[offset_of(output.shape(), n, p, q, c)] =
          geometry.pooling == Pooling::max ? best : sum / (rows.size() * columns.size());
    });
  });
}

void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output,
                     const Tensor& grad_output, Tensor& grad_input) {
  grad_input.fill_zero();
  visit_floating(grad_output.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    T* result = grad_input.data<T>();
    for_each_output(geometry, [&](int64_t n, int64_t p, int64_t q, int64_t c) {
      const WindowRange rows = inputs_under(geometry.height, p);
      const WindowRange columns = inputs_under(geometry.width, q);
      const int64_t here = offset_of(output.shape(), n, p, q, c);
      const T y = output.data<T>()[here], g = grad_output.data<T>()[here];
      bool found = false;
      for (int64_t h = rows.begin; h < rows.end; ++h) {
        for (int64_t w = columns.begin; w < columns.end; ++w) {
          const int64_t there = offset_of(grad_input.shape(), n, h, w, c);
          if (geometry.pooling == Pooling::average) {
            result[there] += g / (rows.size() * columns.size());
          } else if (!found && is_maximum(x[there], y)) {
            result[there] += g;
            found = true;
          }
        }
      }
    });
  });
}

}  // namespace strata::reference
