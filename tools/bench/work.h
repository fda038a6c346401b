// How much an op has to do, counted from its shapes: the numerators of the roofline.
//
// FLOP are those of the products in the op's formula, a multiply-add counting as two; elementwise
// arithmetic is not counted, nor what an implementation computes twice. Bytes are the compulsory
// traffic: every input read once and every output written once, float32 unless said otherwise,
// intermediates not at all.
//
//   op                     forward FLOP   forward bytes         backward FLOP   backward bytes
//   gather_batch           0              N px + N + 4(N px+N)  -               -
//   conv2d_relu_max_pool   2 NPQ K RSC    4(x + w + K + y) + y  once for each   x, [w], g, y, gw,
//                                                               of gw, [gx]     gb, [gx]
//   dense                  2 N I O        4(x + w + O + y)      likewise        likewise
//   dense_softmax_         4 N I C        4(2x + w + C + 2y     2 N I C         x, g, gw, gb
//     cross_entropy                         + 2N)
//   record_metrics         0              4(N C + 2N + 3)       -               -
//   adam_update            0              28 a parameter        -               -
//
// where y of conv2d_relu_max_pool is the pooled output, plus a byte for each of which pixel was the
// greatest, and brackets stand for inputs that need a gradient; the forward pass of
// dense_softmax_cross_entropy computes that of its input, too. The gradient of a pooled stage is
// counted as that of its convolution, though three quarters of what it multiplies are zeros: a
// kernel that uses this can exceed its floor.
#pragma once

#include <cstdint>

namespace strata::bench {

struct Work {
  double flops = 0, bytes = 0;

  Work& operator+=(const Work& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

struct OpWork {
  Work forward = {}, backward = {};

  Work total() const {
    Work sum = forward;
    return sum += backward;
  }
};

/// A convolution with unit stride and no padding, K filters of R x S x C, whose P x Q outputs are
/// pooled by 2 x 2.
struct StageShape {
  int64_t batch, height, width, in_channels, window, out_channels;

  int64_t conv_height() const { return height - window + 1; }
  int64_t conv_width() const { return width - window + 1; }
  int64_t pooled_height() const { return conv_height() / 2; }
  int64_t pooled_width() const { return conv_width() / 2; }
};

Work gather_batch_work(int64_t batch, int64_t pixels);
OpWork stage_work(const StageShape& shape, bool input_needs_gradient);
/// With ReLU.
OpWork dense_work(int64_t batch, int64_t inputs, int64_t outputs, bool input_needs_gradient);
OpWork dense_softmax_cross_entropy_work(int64_t batch, int64_t inputs, int64_t classes);
/// One of its products, forward or a gradient.
Work dense_product_work(int64_t batch, int64_t inputs, int64_t outputs);
Work record_metrics_work(int64_t batch, int64_t classes);
Work adam_update_work(int64_t parameters);

}  // namespace strata::bench
