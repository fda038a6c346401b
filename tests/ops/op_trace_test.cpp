// What the x-ray learns of an op: its name, its rung, shapes, FLOP and bytes, worked by hand.
#include "ops/op_trace.h"

#include "ops/adam_update.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/dense.h"
#include "ops/gather_batch.h"
#include "ops/matmul.h"
#include "ops/unary.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"
#include "tests/support/trace_log.h"

namespace strata::test {
namespace {

using Spans = std::vector<TraceSpan>;

Tensor input(const Shape& shape) {
  return random_tensor(shape, 1, -1, 1, DType::float32);
}
Tensor leaf(const Shape& shape) {
  return input(shape).set_requires_grad(true);
}

/// On the CPU, with its own kernels and with the reference.
class OpTraceTest : public testing::TestWithParam<Target> {
 protected:
  const char* rung() const {
    return GetParam().kernels == Kernels::reference ? "reference" : "cpu";
  }
  std::string on_rung(const std::string& function) const { return rung() + ("::" + function); }
  /// The one call of this function on this rung.
  TraceSpan call_of(const Spans& spans, const std::string& function) const {
    return the_span(spans, TraceLayer::rung, on_rung(function));
  }

 private:
  SettingsScope scope_{{.kernels = GetParam().kernels}};
};
INSTANTIATE_TEST_SUITE_P(Cpu, OpTraceTest, testing::ValuesIn(cpu_targets_without_library()),
                         name_of_target);

void expect_work(const TraceSpan& call, const std::string& detail, double flops, double bytes) {
  EXPECT_EQ(call.detail, detail) << call.name;
  EXPECT_EQ(call.flops, flops) << call.name;
  EXPECT_EQ(call.bytes, bytes) << call.name;
}

// 5 rows of 7 inputs to 3 outputs.
constexpr double kDenseProduct = 2 * 5 * 7 * 3;
constexpr double kDenseInput = 5 * 7, kDenseWeight = 3 * 7, kDenseBias = 3, kDenseOutput = 5 * 3;

TEST_P(OpTraceTest, DenseForward) {
  const Spans spans = spans_of([] {
    ops::dense(input({5, 7}), input({3, 7}), input({3}), ops::Activation::relu);
    ops::dense(input({5, 7}), input({3, 7}), {}, ops::Activation::none);
  });
  ASSERT_EQ(spans.size(), 4u) << "an op and its rung, twice";
  expect_work(spans[1], "5x7 to 3, bias, relu", kDenseProduct,
              4 * (kDenseInput + kDenseWeight + kDenseBias + kDenseOutput));
  expect_work(spans[3], "5x7 to 3", kDenseProduct, 4 * (kDenseInput + kDenseWeight + kDenseOutput));
  for (const int call : {1, 3}) {
    EXPECT_EQ(spans[call].name, on_rung("dense"));
    EXPECT_EQ(spans[call].parent, spans[call - 1].id);
    EXPECT_TRUE(std::string_view(spans[call].where.file_name()).ends_with("ops/dense.cpp"));
  }
}

TEST_P(OpTraceTest, DenseBackwardTakesAProductForEachGradientThatIsWanted) {
  const Tensor weight = leaf({3, 7}), bias = leaf({3}), grad_output = input({5, 3});
  const auto backward_from = [&](const Tensor& images) {
    const Tensor output = ops::dense(images, weight, bias, ops::Activation::relu);
    return call_of(spans_of([&] { backward(output, grad_output); }), "dense_backward");
  };
  constexpr double kRead =
      kDenseInput + kDenseWeight + 2 * kDenseOutput;  // output and its gradient
  expect_work(backward_from(leaf({5, 7})), "5x7 to 3, bias, relu", 2 * kDenseProduct,
              4 * (kRead + kDenseInput + kDenseWeight + kDenseBias));
  expect_work(backward_from(input({5, 7})), "5x7 to 3, bias, relu", kDenseProduct,
              4 * (kRead + kDenseWeight + kDenseBias));
}

// 2 images of 6x6x3, 4 filters of 3x3: 4x4 outputs each.
TEST_P(OpTraceTest, Conv2dIsThreeCallsOfOneWork) {
  constexpr double kFlops = 2.0 * (2 * 4 * 4 * 4) * (3 * 3 * 3);
  constexpr double kBytes = 4.0 * (2 * 6 * 6 * 3 + 4 * 3 * 3 * 3 + 2 * 4 * 4 * 4);
  const Tensor images = leaf({2, 6, 6, 3}), weight = leaf({4, 3, 3, 3});
  Tensor output;
  const Spans forward = spans_of([&] { output = ops::conv2d(images, weight); });
  const Spans gradients = spans_of([&] { backward(output, input({2, 4, 4, 4})); });
  constexpr auto kWords = "2x6x6x3 by 4x3x3x3";
  expect_work(call_of(forward, "conv2d"), kWords, kFlops, kBytes);
  expect_work(call_of(gradients, "conv2d_grad_weight"), kWords, kFlops, kBytes);
  expect_work(call_of(gradients, "conv2d_grad_input"), kWords, kFlops, kBytes);
}

TEST_P(OpTraceTest, Conv2dInGroupsMultipliesWithinThem) {
  const Tensor images = input({1, 5, 5, 4});
  const Tensor weight = leaf({6, 3, 3, 2});
  Tensor output;
  const Spans forward = spans_of([&] {
    output = ops::conv2d(images, weight, {.stride = {2, 2}, .groups = 2});
  });
  expect_work(call_of(forward, "conv2d"), "1x5x5x4 by 6x3x3x2, stride 2x2, 2 groups",
              2.0 * (2 * 2 * 6) * (3 * 3 * 2), 4.0 * (5 * 5 * 4 + 6 * 3 * 3 * 2 + 2 * 2 * 6));
  for (const TraceSpan& span : spans_of([&] { backward(output, input({1, 2, 2, 6})); }))
    EXPECT_NE(span.name, on_rung("conv2d_grad_input")) << "nobody needs it";
}

TEST_P(OpTraceTest, MatmulCountsItsBatch) {
  const Tensor a = leaf({2, 3, 4}), b = leaf({2, 4, 5});
  Tensor output;
  const Spans forward = spans_of([&] { output = ops::matmul(a, b); });
  constexpr double kFlops = 2.0 * 2 * 3 * 4 * 5, kBytes = 4 * (2 * 3 * 4 + 2 * 4 * 5 + 2 * 3 * 5);
  expect_work(call_of(forward, "matmul"), "2 products of 3x4 by 4x5", kFlops, kBytes);
  int products = 0;
  for (const TraceSpan& span : spans_of([&] { backward(output, input({2, 3, 5})); })) {
    if (span.layer != TraceLayer::rung) continue;
    ++products;
    EXPECT_EQ(span.flops, kFlops) << span.detail;
    EXPECT_EQ(span.bytes, kBytes) << span.detail;
  }
  EXPECT_EQ(products, 2);
}

// An op that knows its traffic better than its tensors tell.
TEST_P(OpTraceTest, AdamReadsFourAndWritesThree) {
  Tensor weights = input({10}), first = input({10}), second = input({10});
  ops::StepState state = ops::first_step({.peak = 0.1}, Device::cpu);
  const Spans spans =
      spans_of([&] { ops::adam_update(weights, input({10}), first, second, state, {}); });
  EXPECT_EQ(the_span(spans, TraceLayer::op, "adam_update").bytes, 7 * 4 * 10);
  expect_work(call_of(spans, "adam_update"), "(10), (10), (10), (10)", 0, 7 * 4 * 10);
}

// 4 of 10 images of 3x2: bytes are read, and written as float32, the label as int32.
TEST_P(OpTraceTest, GatheringReadsABatchNotTheDataSet) {
  const Tensor images = Tensor::zeros({10, 3, 2, 1}, DType::uint8);
  const Tensor labels = Tensor::zeros({10}, DType::uint8), step = Tensor::zeros({1}, DType::int32);
  Tensor batch = input({4, 3, 2, 1}), batch_labels = Tensor::zeros({4}, DType::int32);
  const Spans spans =
      spans_of([&] { ops::gather_batch(images, labels, step, {}, batch, batch_labels); });
  const TraceSpan call = call_of(spans, "gather_batch");
  EXPECT_EQ(call.bytes, 4 * (3 * 2 + 1) * (1 + 4));
  EXPECT_EQ(call.detail, "(10, 3, 2, 1), (10), (1), (4, 3, 2, 1), (4)");
}

TEST_P(OpTraceTest, MemoryThatIsGivenTwiceCountsOnce) {
  const Tensor x = input({6});
  const Spans spans = spans_of([&] { ops::add(x, x); });
  EXPECT_EQ(call_of(spans, "binary").bytes, 4 * (6 + 6));
}

TEST_P(OpTraceTest, BatchNormCountsWhatItsStructsHold) {
  const Tensor x = leaf({8, 3}), scale = leaf({3}), shift = leaf({3});
  Tensor mean = input({3}), variance = input({3}), output;
  const Spans forward =
      spans_of([&] { output = ops::batch_norm(x, scale, shift, mean, variance); });
  EXPECT_EQ(call_of(forward, "batch_norm").bytes, 4 * (2 * 24 + 6 * 3))
      << "scale, shift, both running values, both statistics";
  const Spans gradients = spans_of([&] { backward(output, input({8, 3})); });
  EXPECT_EQ(call_of(gradients, "batch_norm_backward").bytes, 4 * (3 * 24 + 5 * 3))
      << "scale, both statistics, two gradients";
}

TEST_P(OpTraceTest, OnlyTheOwnKernelsSayOnHowManyThreads) {
  const Spans spans = spans_of([] { ops::relu(input({6})); });
  const auto& notes = call_of(spans, "unary").notes;
  const bool told = std::ranges::any_of(notes, [](const auto& n) { return n.first == "threads"; });
  EXPECT_EQ(told, std::string_view(rung()) == "cpu");
}

}  // namespace
}  // namespace strata::test
