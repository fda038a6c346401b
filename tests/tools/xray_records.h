// Two steps made up by hand, as they would be recorded of a GPU. Times are in nanoseconds since
// kBegin; each name below is that of a span, whose id stands beside it.
#pragma once

#include <gtest/gtest.h>

#include "tools/xray/join.h"

namespace strata::test {

inline constexpr int64_t kBegin = 5'000;

inline TraceSpan span(int64_t id, int64_t parent, TraceLayer layer, const std::string& name,
                      int64_t begin, int64_t end) {
  return {.id = id,
          .parent = parent,
          .layer = layer,
          .name = name,
          .begin = kBegin + begin,
          .end = kBegin + end};
}

inline cuda::Activity call(cuda::Activity::Kind kind, const std::string& name, int64_t span,
                           uint32_t correlation, int64_t begin, int64_t end) {
  return {.kind = kind,
          .name = name,
          .begin = kBegin + begin,
          .end = kBegin + end,
          .correlation = correlation,
          .span = span};
}

inline cuda::Activity work(cuda::Activity::Kind kind, const std::string& name, uint32_t stream,
                           uint32_t correlation, int64_t begin, int64_t end) {
  cuda::Activity made = call(kind, name, 0, correlation, begin, end);
  made.stream = stream;
  return made;
}

constexpr auto kRuntime = cuda::Activity::Kind::runtime_call;
constexpr auto kDriver = cuda::Activity::Kind::driver_call;
constexpr auto kKernel = cuda::Activity::Kind::kernel;
constexpr auto kReluKernel =
    "void strata::cuda::(anonymous namespace)::relu_kernel<(strata::Tile)1, float>(float*)";

/// A library's product, an op of two kernels of ours, a gradient that fills, and the wait for all:
///
///   host      0 step 1 ................ 1000 wait 12 .......... 1900      2000
///             0 forward 2 ... 600 backward 9 1000
///             0 dense1 3 . 300 relu 7  600 dense 10 1000
///   stream 7             300 nvjet 700                  1000 fill 1200
///   stream 8                     650 relu 800 relu 900
inline xray::Record eager_record() {
  xray::Record record{.begin = kBegin, .end = kBegin + 2000};
  record.spans = {span(1, 0, TraceLayer::step, "training step", 0, 1000),
                  span(2, 1, TraceLayer::phase, "forward", 0, 600),
                  span(3, 2, TraceLayer::module, "dense1", 0, 300),
                  span(4, 3, TraceLayer::op, "dense", 10, 290),
                  span(5, 4, TraceLayer::rung, "cublas::dense", 20, 280),
                  span(6, 5, TraceLayer::library, "cublasLtMatmul", 30, 270),
                  span(7, 2, TraceLayer::op, "relu", 310, 590),
                  span(8, 7, TraceLayer::rung, "cuda::unary", 320, 580),
                  span(9, 1, TraceLayer::phase, "backward", 600, 1000),
                  span(10, 9, TraceLayer::op, "dense", 610, 990),
                  span(11, 10, TraceLayer::rung, "cuda::dense_backward", 620, 980),
                  span(12, 0, TraceLayer::phase, "wait for the GPU", 1000, 1900)};
  record.spans[4].detail = "192x800 to 256";
  record.spans[4].flops = 3e5;
  record.spans[4].bytes = 600;
  record.spans[5].notes = {{"algorithm", "66 tile 20"}};
  record.spans[7].bytes = 400;
  record.spans[9].backward_of = 4;
  record.activities = {
      call(kRuntime, "cudaLaunchKernelExC", 6, 11, 40, 200),
      call(kDriver, "cuLaunchKernelEx", 6, 11, 60, 160),
      work(kKernel, "nvjet_sm90_tss_64x32", 7, 11, 300, 700),
      call(kRuntime, "cudaLaunchKernel", 8, 12, 330, 400),
      call(kRuntime, "cudaLaunchKernel", 8, 13, 410, 500),
      call(kRuntime, "cudaMalloc", 0, 99, 500, 550),  // of another thread
      call(kRuntime, "cudaMemsetAsync", 11, 14, 630, 700),
      work(kKernel, kReluKernel, 8, 12, 650, 800),
      work(kKernel, kReluKernel, 8, 13, 800, 900),
      work(cuda::Activity::Kind::fill, "fill", 7, 14, 1000, 1200),
      call(kRuntime, "cudaStreamSynchronize", 12, 15, 1010, 1890),
      call(kDriver, "cuStreamSynchronize", 12, 15, 1020, 1880),
  };
  record.activities[9].bytes = 4096;
  record.activities[7].grid = {3, 2, 1};
  record.activities[7].block = {256, 1, 1};
  record.activities[7].registers = 40;
  record.activities[7].static_shared_bytes = 1000;
  record.activities[7].dynamic_shared_bytes = 24;
  return record;
}

/// The same ops recorded as a graph, and a launch of it. The graph's node 104 was made by nobody
/// that spoke. Node 102 comes before 101 in time, since the two are on two branches.
inline xray::Record captured_record() {
  xray::Record record{.begin = kBegin, .end = kBegin + 1000};
  record.recording = {span(1, 0, TraceLayer::step, "training step", -4000, -3000),
                      span(2, 1, TraceLayer::op, "relu", -3900, -3500),
                      span(3, 2, TraceLayer::rung, "cuda::unary", -3800, -3600),
                      span(4, 1, TraceLayer::op, "relu", -3400, -3100),
                      span(5, 4, TraceLayer::rung, "cuda::unary_backward", -3300, -3200)};
  record.recording[3].backward_of = 2;
  record.spans = {span(6, 0, TraceLayer::phase, "launch the graph", 0, 100),
                  span(7, 0, TraceLayer::phase, "wait for the GPU", 100, 900)};
  record.activities = {call(kRuntime, "cudaGraphLaunch", 6, 50, 10, 90),
                       call(kDriver, "cuGraphLaunch", 6, 50, 20, 80),
                       work(kKernel, "second", 8, 50, 190, 300),
                       work(kKernel, "first", 7, 50, 200, 400),
                       work(kKernel, "gradient", 7, 50, 400, 500),
                       work(kKernel, "unknown", 7, 50, 500, 600)};
  const auto of_graph = [&](size_t activity, uint64_t node, int64_t recorded_in) {
    record.activities[activity].graph_node = node;
    record.activities[activity].span = recorded_in;
  };
  of_graph(2, 102, 3);
  of_graph(3, 101, 3);
  of_graph(4, 103, 5);
  of_graph(5, 104, 0);
  return record;
}

/// An x-ray of both.
inline xray::Xray both_views() {
  xray::Xray xray;
  xray.title = "two made-up steps";
  xray.machine = {{"device", "none"}};
  for (const auto& [name, record] :
       {std::pair("eager", eager_record()), std::pair("captured", captured_record())}) {
    xray.views.push_back(join(record, std::nullopt));
    xray.views.back().name = name;
    xray.views.back().description = "made up";
  }
  return xray;
}

/// The node of this name; the n-th one, where there are several.
inline const xray::Node& node_of(const xray::View& view, std::string_view name, int n = 0) {
  static const xray::Node none;
  for (const xray::Node& node : view.nodes)
    if (node.name == name && n-- == 0) return node;
  ADD_FAILURE() << "no node " << name;
  return none;
}

inline const xray::Node* node_with(const xray::View& view, int64_t id) {
  for (const xray::Node& node : view.nodes)
    if (node.id == id) return &node;
  return nullptr;
}

}  // namespace strata::test
