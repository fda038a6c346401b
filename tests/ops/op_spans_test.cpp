// Each op once: a span of its own, around those of the functions that do it.
#include <functional>

#include "ops/adam_update.h"
#include "ops/batch_norm.h"
#include "ops/bias_add.h"
#include "ops/binary.h"
#include "ops/clip_norm.h"
#include "ops/concatenate.h"
#include "ops/conv2d.h"
#include "ops/conv2d_relu_max_pool.h"
#include "ops/count_correct.h"
#include "ops/dense.h"
#include "ops/dense_softmax_cross_entropy.h"
#include "ops/dropout.h"
#include "ops/gather_batch.h"
#include "ops/matmul.h"
#include "ops/pool2d.h"
#include "ops/record_metrics.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/sgd_update.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/softmax_cross_entropy.h"
#include "ops/transpose.h"
#include "ops/unary.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"
#include "tests/support/trace_log.h"

namespace strata::test {
namespace {

using Spans = std::vector<TraceSpan>;

/// On the CPU, with its own kernels and with the reference.
class OpSpansTest : public testing::TestWithParam<Target> {
 protected:
  /// What the names of its functions begin with.
  const char* rung() const {
    return GetParam().kernels == Kernels::reference ? "reference::" : "cpu::";
  }

 private:
  SettingsScope scope_{{.kernels = GetParam().kernels}};
};
INSTANTIATE_TEST_SUITE_P(Cpu, OpSpansTest, testing::ValuesIn(cpu_targets_without_library()),
                         name_of_target);

/// Between 0.5 and 1.5, so that a logarithm, a root and a quotient exist.
Tensor input(const Shape& shape) {
  return random_tensor(shape, 1, 0.5, 1.5, DType::float32);
}
Tensor leaf(const Shape& shape) {
  return input(shape).set_requires_grad(true);
}

struct Call {
  const char* op;
  std::function<Tensor()> run;  // its output, undefined if it has none that was recorded
};

/// Each function of ops/ once, on small leaves.
std::vector<Call> calls_of_every_op() {
  const Tensor image = leaf({2, 6, 6, 3}), filter = leaf({4, 3, 3, 3}), filter_bias = leaf({4});
  const Tensor rows = leaf({5, 7}), weight = leaf({3, 7}), bias = leaf({3}), logits = leaf({5, 3});
  const Tensor labels = Tensor::zeros({5}, DType::int32);
  const auto state = [] { return ops::first_step({.peak = 0.1}, Device::cpu); };
  return {
      {"negate", [=] { return ops::negate(rows); }},
      {"exp", [=] { return ops::exp(rows); }},
      {"log", [=] { return ops::log(rows); }},
      {"sqrt", [=] { return ops::sqrt(rows); }},
      {"relu", [=] { return ops::relu(rows); }},
      {"sigmoid", [=] { return ops::sigmoid(rows); }},
      {"tanh", [=] { return ops::tanh(rows); }},
      {"gelu", [=] { return ops::gelu(rows); }},
      {"add", [=] { return ops::add(rows, rows); }},
      {"subtract", [=] { return ops::subtract(rows, rows); }},
      {"multiply", [=] { return ops::multiply(rows, rows); }},
      {"divide", [=] { return ops::divide(rows, rows); }},
      {"sum", [=] { return ops::sum(rows); }},
      {"mean", [=] { return ops::mean(rows); }},
      {"max", [=] { return ops::max(rows); }},
      {"softmax", [=] { return ops::softmax(rows); }},
      {"log_softmax", [=] { return ops::log_softmax(rows); }},
      {"softmax_cross_entropy", [=] { return ops::softmax_cross_entropy(logits, labels); }},
      {"max_pool2d", [=] { return ops::max_pool2d(image); }},
      {"avg_pool2d", [=] { return ops::avg_pool2d(image); }},
      {"bias_add", [=] { return ops::bias_add(logits, bias); }},
      {"conv2d", [=] { return ops::conv2d(image, filter); }},
      {"conv2d_relu_max_pool",
       [=] { return ops::conv2d_relu_max_pool(image, filter, filter_bias); }},
      {"matmul", [=] { return ops::matmul(rows, weight, {.transpose_b = true}); }},
      {"dense", [=] { return ops::dense(rows, weight, bias); }},
      {"dense_softmax_cross_entropy",
       [=] { return ops::dense_softmax_cross_entropy(rows, weight, bias, labels).loss; }},
      {"dropout", [=] { return ops::dropout(rows, 0.5, {}); }},
      {"reshape",
       [=] {
         return ops::reshape(rows, {7, 5});
       }},
      {"slice",
       [=] {
         return ops::slice(rows, {1, 1}, {2, 3});
       }},
      {"concatenate",
       [=] {
         return ops::concatenate({rows, rows}, 0);
       }},
      {"transpose", [=] { return ops::transpose(rows); }},
      {"batch_norm",
       [=] {
         Tensor mean = input({3}), variance = input({3});
         return ops::batch_norm(logits, bias, leaf({3}), mean, variance);
       }},
      {"clip_norm",
       [=] {
         Tensor gradients = input({6});
         ops::clip_norm(gradients, 1);
         return Tensor();
       }},
      {"count_correct",
       [=] {
         Tensor count = Tensor::zeros({1}, DType::int32);
         ops::count_correct(logits, labels, count);
         return Tensor();
       }},
      {"record_metrics",
       [=] {
         ops::StepState now = state();
         ops::StepMetrics metrics = ops::StepMetrics::of(2, Device::cpu);
         ops::record_metrics(logits, labels, input({5}), now, metrics);
         return Tensor();
       }},
      {"sgd_update",
       [=] {
         Tensor weights = input({6}), velocity = input({6});
         ops::StepState now = state();
         ops::sgd_update(weights, input({6}), velocity, now, {.momentum = 0.9});
         return Tensor();
       }},
      {"adam_update",
       [=] {
         Tensor weights = input({6}), first = input({6}), second = input({6});
         ops::StepState now = state();
         ops::adam_update(weights, input({6}), first, second, now, {});
         return Tensor();
       }},
      {"gather_batch",
       [=] {
         Tensor batch = input({2, 2, 2, 1}), batch_labels = Tensor::zeros({2}, DType::int32);
         ops::gather_batch(Tensor::zeros({3, 2, 2, 1}, DType::uint8),
                           Tensor::zeros({3}, DType::uint8), Tensor::zeros({1}, DType::int32), {},
                           batch, batch_labels);
         return Tensor();
       }},
  };
}

TEST_P(OpSpansTest, EveryOpIsOneSpanAroundItsRungs) {
  for (const Call& call : calls_of_every_op()) {
    SCOPED_TRACE(call.op);
    const Spans spans = spans_of(call.run);
    ASSERT_FALSE(spans.empty());
    EXPECT_EQ(spans[0].name, call.op);
    EXPECT_EQ(spans[0].layer, TraceLayer::op);
    EXPECT_EQ(std::ranges::count(spans, 0, &TraceSpan::parent), 1) << "outermost ones";
    int rungs = 0;
    for (const TraceSpan& span : spans) {
      if (span.layer != TraceLayer::rung) continue;
      ++rungs;
      EXPECT_TRUE(span.name.starts_with(rung())) << span.name;
      EXPECT_EQ(std::ranges::find(spans, span.parent, &TraceSpan::id)->layer, TraceLayer::op);
      EXPECT_GT(span.bytes, 0) << span.name;
      EXPECT_NE(span.detail, "") << span.name;
    }
    EXPECT_EQ(rungs > 0, std::string_view(call.op) != "reshape") << "it changes the handle only";
  }
}

// A composition has the gradients of its parts.
TEST_P(OpSpansTest, EveryGradientNamesAnOpOfTheForwardPass) {
  for (const Call& call : calls_of_every_op()) {
    SCOPED_TRACE(call.op);
    Tensor output;
    const Spans forward = spans_of([&] { output = call.run(); });
    if (!output.defined()) continue;
    ASSERT_TRUE(output.requires_grad());
    int gradients = 0;
    for (const TraceSpan& span : spans_of([&] { backward(output, input(output.shape())); })) {
      if (span.parent != 0) continue;
      ++gradients;
      EXPECT_EQ(span.layer, TraceLayer::op);
      const auto of = std::ranges::find(forward, span.backward_of, &TraceSpan::id);
      ASSERT_NE(of, forward.end()) << span.name;
      EXPECT_EQ(of->name, span.name);
    }
    EXPECT_GT(gradients, 0);
  }
}

}  // namespace
}  // namespace strata::test
