#include "tensor/trace.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "ops/operators.h"
#include "ops/reduce.h"
#include "tensor/autograd.h"
#include "tests/support/compare.h"
#include "tests/support/trace_log.h"

namespace strata::test {
namespace {

TEST(TraceTest, SpansNest) {
  const std::vector<TraceSpan> spans = spans_of([] {
    const TraceScope step(TraceLayer::step, "step");
    {
      const TraceScope forward(TraceLayer::phase, "forward");
      const TraceScope op(TraceLayer::op, "relu");
    }
    const TraceScope backward(TraceLayer::phase, "backward");
  });
  ASSERT_EQ(spans.size(), 4u);
  const auto& [step, forward, op, backward] = std::tie(spans[0], spans[1], spans[2], spans[3]);
  EXPECT_EQ(op.name, "relu");
  EXPECT_EQ(op.layer, TraceLayer::op);
  EXPECT_EQ(step.parent, 0);
  EXPECT_EQ(forward.parent, step.id);
  EXPECT_EQ(op.parent, forward.id);
  EXPECT_EQ(backward.parent, step.id);
  EXPECT_LE(step.begin, forward.begin);
  EXPECT_LE(forward.begin, op.begin);
  EXPECT_LE(op.begin, op.end);
  EXPECT_LE(op.end, forward.end);
  EXPECT_LE(forward.end, backward.begin);
  EXPECT_LE(backward.end, step.end);
}

TEST(TraceTest, TimesAreThoseOfTheSteadyClock) {
  const int64_t before = trace_now();
  const std::vector<TraceSpan> spans = spans_of([] {
    const TraceScope trace(TraceLayer::op, "sleep");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  });
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_GE(spans[0].begin, before);
  EXPECT_GE(spans[0].end - spans[0].begin, 2'000'000);
  EXPECT_LE(spans[0].end, trace_now());
}

TEST(TraceTest, ItsPlaceIsWhereTheScopeStands) {
  uint_least32_t line = 0;
  const std::vector<TraceSpan> spans = spans_of([&] {
    line = std::source_location::current().line() + 1;
    const TraceScope trace(TraceLayer::op, "here");
  });
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].where.line(), line);
  EXPECT_TRUE(std::string_view(spans[0].where.file_name()).ends_with("trace_test.cpp"));
}

TEST(TraceTest, AListenerHearsOfEachOpeningAndClosing) {
  TraceLog log;
  {
    const TraceListening listening(log);
    const TraceScope outer(TraceLayer::module, "outer");
    { const TraceScope first(TraceLayer::op, "first"); }
    const TraceScope second(TraceLayer::op, "second");
  }
  EXPECT_EQ(log.events, (std::vector<std::string>{"open outer", "open first", "close first",
                                                  "open second", "close second", "close outer"}));
}

TEST(TraceTest, ASpanSaysOfItselfWhatItLearnsWhileItIsOpen) {
  const std::vector<TraceSpan> spans = spans_of([] {
    TraceScope outer(TraceLayer::op, "outer");
    TraceScope trace(TraceLayer::rung, "rung");
    ASSERT_TRUE(trace);
    EXPECT_EQ(trace.outer(), outer.operator->());
    EXPECT_EQ(outer.outer(), nullptr);
    EXPECT_EQ(current_span(), trace.operator->());
    trace->detail = "2x3";
    trace->flops = 12;
    trace->bytes = 24;
  });
  const TraceSpan rung = the_span(spans, TraceLayer::rung, "rung");
  EXPECT_EQ(rung.detail, "2x3");
  EXPECT_EQ(rung.flops, 12);
  EXPECT_EQ(rung.bytes, 24);
}

TEST(TraceTest, NotesGoToTheInnermostSpanOnceOnly) {
  const std::vector<TraceSpan> spans = spans_of([] {
    trace_note("lost", "no span is open");
    const TraceScope outer(TraceLayer::op, "outer");
    {
      const TraceScope inner(TraceLayer::rung, "inner");
      for (int i = 0; i < 3; ++i) trace_note("instructions", "AVX2");
      trace_note("instructions", "AVX-512");
    }
    trace_note("engine", "67");
  });
  using Notes = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(the_span(spans, TraceLayer::rung, "inner").notes,
            (Notes{{"instructions", "AVX2"}, {"instructions", "AVX-512"}}));
  EXPECT_EQ(the_span(spans, TraceLayer::op, "outer").notes, (Notes{{"engine", "67"}}));
}

// Ids are counted up by one, so a span that was opened in silence would leave a gap.
TEST(TraceTest, WithoutAListenerNothingIsOpened) {
  const auto next_id = [] {
    return spans_of([] { const TraceScope trace(TraceLayer::op, "one"); }).at(0).id;
  };
  EXPECT_FALSE(tracing());
  const int64_t before = next_id();
  for (int i = 0; i < 1000; ++i) {
    const TraceScope trace(TraceLayer::op, "unheard");
    ASSERT_FALSE(trace);
    ASSERT_EQ(current_span(), nullptr);
    trace_note("nobody", "hears it");
    trace_launch("kernel", std::source_location::current());
  }
  EXPECT_EQ(next_id(), before + 1);
}

// It takes about a nanosecond; a thousand leave room for sanitizers and for a busy machine.
TEST(TraceTest, WithoutAListenerItCostsNextToNothing) {
  constexpr int kScopes = 100'000;
  const int64_t begin = trace_now();
  for (int i = 0; i < kScopes; ++i) const TraceScope trace(TraceLayer::op, "unheard");
  EXPECT_LT(trace_now() - begin, int64_t{1000} * kScopes);
}

TEST(TraceTest, TheListenerBeforeComesBack) {
  TraceLog outer, inner;
  {
    const TraceListening first(outer);
    const TraceScope before(TraceLayer::op, "before");
    {
      const TraceListening second(inner);
      const TraceScope during(TraceLayer::op, "during");
    }
    const TraceScope after(TraceLayer::op, "after");
  }
  EXPECT_FALSE(tracing());
  EXPECT_EQ(outer.events,
            (std::vector<std::string>{"open before", "open after", "close after", "close before"}));
  EXPECT_EQ(inner.events, (std::vector<std::string>{"open during", "close during"}));
}

TEST(TraceTest, WhatWasOpenBeforeListeningIsNoParent) {
  const TraceScope unheard(TraceLayer::step, "unheard");
  const std::vector<TraceSpan> spans =
      spans_of([] { const TraceScope trace(TraceLayer::op, "heard"); });
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].parent, 0);
}

TEST(TraceTest, AListenerHearsItsOwnThreadOnly) {
  const std::vector<TraceSpan> spans = spans_of([] {
    const TraceScope here(TraceLayer::op, "here");
    std::thread([] {
      EXPECT_FALSE(tracing());
      EXPECT_EQ(current_span(), nullptr);
      const TraceScope elsewhere(TraceLayer::op, "elsewhere");
    }).join();
  });
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].name, "here");
}

TEST(TraceTest, AnExceptionClosesWhatItPasses) {
  const std::vector<TraceSpan> spans = spans_of([] {
    const TraceScope step(TraceLayer::step, "step");
    try {
      const TraceScope op(TraceLayer::op, "op");
      const TraceScope rung(TraceLayer::rung, "rung");
      throw std::runtime_error("on purpose");
    } catch (const std::runtime_error&) {
    }
    const TraceScope next(TraceLayer::op, "next");
  });
  ASSERT_EQ(spans.size(), 4u);
  EXPECT_EQ(spans[3].name, "next");
  EXPECT_EQ(spans[3].parent, spans[0].id);
  for (const TraceSpan& span : spans) EXPECT_GT(span.end, 0) << span.name;
}

// Such as a timer whose event the driver refuses.
TEST(TraceTest, AListenerThatThrowsLeavesNoSpanOpen) {
  struct Refusing : TraceLog {
    void opened(const TraceSpan& span) override {
      if (span.name == "refused") throw std::runtime_error("on purpose");
    }
  } log;
  {
    const TraceListening listening(log);
    const TraceScope outer(TraceLayer::step, "outer");
    EXPECT_THROW(TraceScope(TraceLayer::op, "refused"), std::runtime_error);
    EXPECT_EQ(current_span()->name, "outer");
    const TraceScope next(TraceLayer::op, "next");
  }
  EXPECT_EQ(current_span(), nullptr);
  EXPECT_EQ(log.events, (std::vector<std::string>{"close next", "close outer"}));
}

TEST(TraceTest, LaunchesNameTheirSpanAndTheirPlace) {
  TraceLog log;
  const std::source_location place = std::source_location::current();
  const int64_t before = trace_now();
  {
    const TraceListening listening(log);
    trace_launch("alone", place);
    const TraceScope rung(TraceLayer::rung, "rung");
    trace_launch("relu", place);
  }
  ASSERT_EQ(log.launches.size(), 2u);
  EXPECT_EQ(log.launches[0].span, 0);
  EXPECT_EQ(log.launches[1].span, log.spans.at(0).id);
  EXPECT_EQ(log.launches[1].kernel, "relu");
  EXPECT_EQ(log.launches[1].where.line(), place.line());
  EXPECT_GE(log.launches[1].at, before);
  EXPECT_LE(log.launches[1].at, trace_now());
}

TEST(TraceTest, LayersHaveNames) {
  EXPECT_EQ(name_of(TraceLayer::step), "step");
  EXPECT_EQ(name_of(TraceLayer::rung), "rung");
  EXPECT_EQ(name_of(TraceLayer::library), "library");
}

Tensor leaf(const std::vector<float>& values) {
  Tensor tensor = Tensor::from(values, {static_cast<int64_t>(values.size())});
  return tensor.set_requires_grad(true);
}

TEST(TraceAutogradTest, AGradientNamesTheOpOfTheForwardPass) {
  const Tensor x = leaf({1, 2, 3});
  Tensor loss;
  const std::vector<TraceSpan> forward = spans_of([&] { loss = ops::sum(ops::relu(x) * 2.0); });
  const std::vector<TraceSpan> backward = spans_of([&] { strata::backward(loss); });
  for (const char* op : {"relu", "multiply", "sum"}) {
    const int64_t id = the_span(forward, TraceLayer::op, op).id;
    const auto gradient = std::ranges::find(backward, id, &TraceSpan::backward_of);
    ASSERT_NE(gradient, backward.end()) << op;
    EXPECT_EQ(gradient->name, op);
    EXPECT_EQ(gradient->layer, TraceLayer::op);
  }
  for (const TraceSpan& span : forward) EXPECT_EQ(span.backward_of, 0) << span.name;
}

TEST(TraceAutogradTest, AGradientOfWhatNobodyHeardNamesNothing) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor loss = ops::sum(x);
  const std::vector<TraceSpan> spans = spans_of([&] { backward(loss); });
  EXPECT_EQ(the_span(spans, TraceLayer::op, "sum").backward_of, 0);
}

}  // namespace
}  // namespace strata::test
