#include "tools/bench/work.h"

namespace strata::bench {
namespace {

constexpr double kFloat = 4;

double number(int64_t value) {
  return static_cast<double>(value);
}

}  // namespace

Work gather_batch_work(int64_t batch, int64_t pixels) {
  const double read = number(batch) * number(pixels) + number(batch);
  return {.bytes = read + kFloat * read};  // a byte in, a float or an int32 out
}

OpWork stage_work(const StageShape& shape, bool input_needs_gradient) {
  const double filter = number(shape.window) * number(shape.window) * number(shape.in_channels);
  const double x =
      number(shape.batch) * number(shape.height) * number(shape.width) * number(shape.in_channels);
  const double w = filter * number(shape.out_channels), b = number(shape.out_channels);
  const double y = number(shape.batch) * number(shape.pooled_height()) *
                   number(shape.pooled_width()) * number(shape.out_channels);
  const double conv_outputs = number(shape.batch) * number(shape.conv_height()) *
                              number(shape.conv_width()) * number(shape.out_channels);
  const double flops = 2 * conv_outputs * filter;
  OpWork work;
  work.forward = {.flops = flops, .bytes = kFloat * (x + w + b + y) + y};
  work.backward = {.flops = flops, .bytes = kFloat * (x + y + w + b) + y};
  if (input_needs_gradient) work.backward += {.flops = flops, .bytes = kFloat * (w + x)};
  return work;
}

OpWork dense_work(int64_t batch, int64_t inputs, int64_t outputs, bool input_needs_gradient) {
  const double x = number(batch) * number(inputs), y = number(batch) * number(outputs);
  const double w = number(inputs) * number(outputs), b = number(outputs);
  const double flops = 2 * x * number(outputs);
  OpWork work;
  work.forward = {.flops = flops, .bytes = kFloat * (x + w + b + y)};
  // g, x in and gw, gb out; ReLU's derivative is read off y.
  work.backward = {.flops = flops, .bytes = kFloat * (x + 2 * y + w + b)};
  if (input_needs_gradient) work.backward += {.flops = flops, .bytes = kFloat * (w + x)};
  return work;
}

Work dense_product_work(int64_t batch, int64_t inputs, int64_t outputs) {
  const double x = number(batch) * number(inputs), y = number(batch) * number(outputs);
  const double w = number(inputs) * number(outputs);
  return {.flops = 2 * x * number(outputs), .bytes = kFloat * (x + w + y)};
}

OpWork dense_softmax_cross_entropy_work(int64_t batch, int64_t inputs, int64_t classes) {
  const double x = number(batch) * number(inputs), y = number(batch) * number(classes);
  const double w = number(inputs) * number(classes), b = number(classes);
  const double flops = 2 * x * number(classes);
  OpWork work;
  // x, w, b and labels in; logits and losses, gx and the gradient of the logits out.
  work.forward = {.flops = 2 * flops, .bytes = kFloat * (2 * (x + y + number(batch)) + w + b)};
  work.backward = {.flops = flops, .bytes = kFloat * (x + y + w + b)};
  return work;
}

Work record_metrics_work(int64_t batch, int64_t classes) {
  return {.bytes = kFloat * (number(batch) * number(classes + 2) + 3)};
}

Work adam_update_work(int64_t parameters) {
  constexpr double kRead = 4, kWritten = 3;  // w, g, m, v; w, m, v
  return {.bytes = kFloat * (kRead + kWritten) * number(parameters)};
}

}  // namespace strata::bench
