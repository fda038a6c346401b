// X-rays of real training steps on a GPU, of our own kernels and of the libraries'.
#include <cstdio>
#include <map>
#include <set>

#include "tensor/cuda/context.h"
#include "tests/examples/lenet_trainer.h"
#include "tests/tools/chrome_trace_checks.h"
#include "tools/xray/chrome_trace.h"
#include "tools/xray/take.h"

namespace strata::test {
namespace {

using xray::Layer;
using xray::Node;
using xray::Sums;
using xray::View;
using xray::Xray;

Xray take_one(Kernels kernels, bool use_cupti) {
  const SettingsScope scope({.kernels = kernels, .precision = Precision::tf32});
  LenetTrainer trainer(Device::gpu);
  trainer.losses_of(3);  // loads libraries and kernels, fills the pool
  return xray::take(trainer.step(), {.precision = Precision::tf32, .use_cupti = use_cupti});
}

/// Taken once for all tests.
const Xray& xray_of(Kernels kernels) {
  static std::map<Kernels, Xray> taken;
  if (!taken.contains(kernels)) taken[kernels] = take_one(kernels, true);
  return taken[kernels];
}

int64_t total(const Sums& sums) {
  int64_t sum = 0;
  for (const auto& [name, time] : sums) sum += time;
  return sum;
}

int64_t part(const Sums& sums, std::string_view name) {
  for (const auto& [key, time] : sums)
    if (key == name) return time;
  return 0;
}

std::map<int64_t, const Node*> by_id(const View& view) {
  std::map<int64_t, const Node*> map;
  for (const Node& node : view.nodes) map[node.id] = &node;
  return map;
}

/// From the node's parent to the top.
std::vector<const Node*> above(const View& view, const Node& node) {
  const std::map<int64_t, const Node*> nodes = by_id(view);
  std::vector<const Node*> found;
  for (auto at = nodes.find(node.parent); at != nodes.end(); at = nodes.find(at->second->parent))
    found.push_back(at->second);
  return found;
}

std::vector<const Node*> nodes_of(const View& view, Layer layer) {
  std::vector<const Node*> found;
  for (const Node& node : view.nodes)
    if (node.layer == layer) found.push_back(&node);
  return found;
}

std::multiset<std::string> kernel_names(const View& view) {
  std::multiset<std::string> names;
  for (const Node* kernel : nodes_of(view, Layer::kernel)) names.insert(kernel->name);
  return names;
}

class GpuXrayTest : public testing::TestWithParam<Kernels> {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
    const Xray& xray = xray_of(GetParam());
    for (const std::string& note : xray.notes)
      if (note.starts_with("kernels: unknown")) GTEST_SKIP() << note;
    ASSERT_EQ(xray.views.size(), 2u);
  }

  const Xray& xray() const { return xray_of(GetParam()); }
  const View& eager() const { return xray().views[0]; }
  const View& captured() const { return xray().views[1]; }
};
INSTANTIATE_TEST_SUITE_P(Gpu, GpuXrayTest, testing::Values(Kernels::own, Kernels::library),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_P(GpuXrayTest, SeesTheStepEagerAndCaptured) {
  EXPECT_TRUE(xray().notes.empty()) << xray().notes[0];
  EXPECT_EQ(eager().name, "eager");
  EXPECT_EQ(captured().name, "captured");
  for (const View* view : {&eager(), &captured()}) {
    EXPECT_GT(view->untraced.value_or(0), 0) << view->name;
    EXPECT_GT(view->wall, 0) << view->name;
  }
  ASSERT_TRUE(xray().roofline.has_value());
  EXPECT_EQ(xray().roofline->precision, Precision::tf32);
}

TEST_P(GpuXrayTest, SumsAreTheWall) {
  for (const View* view : {&eager(), &captured()}) {
    SCOPED_TRACE(view->name);
    EXPECT_EQ(total(view->host), view->wall);
    EXPECT_EQ(total(view->gpu), view->wall);
    for (const Sums* sums : {&view->host, &view->gpu})
      for (const auto& [name, time] : *sums) EXPECT_GE(time, 0) << name;
    EXPECT_GT(part(view->gpu, "busy"), 0);
    EXPECT_GT(part(view->host, "waiting"), 0);
  }
}

// The runtime's own calls of the driver are not recorded.
TEST_P(GpuXrayTest, TheDriversCallsAreALibrarys) {
  const bool library = GetParam() == Kernels::library;
  EXPECT_EQ(part(eager().host, "driver") > 0, library);
  EXPECT_EQ(nodes_of(eager(), Layer::driver).empty(), !library);
}

// Host and GPU are on one clock: the work lies between the first launch and the end of the wait,
// but for what their clocks differ by.
TEST_P(GpuXrayTest, WorkIsDoneWithinTheStep) {
  for (const View* view : {&eager(), &captured()}) {
    const int64_t slack = view->wall / 20;
    for (const Node& node : view->nodes) {
      if (!is_gpu_work(node.layer)) continue;
      EXPECT_LE(node.begin, node.end) << view->name << ": " << node.name;
      EXPECT_GE(node.begin, -slack) << view->name << ": " << node.name;
      EXPECT_LE(node.end, view->wall + slack) << view->name << ": " << node.name;
    }
  }
}

TEST_P(GpuXrayTest, NearlyAllOfTheGpusTimeIsNamed) {
  EXPECT_GE(eager().named, 0.95);
  EXPECT_GE(captured().named, 0.95);
}

TEST_P(GpuXrayTest, EveryKernelIsOfAnOp) {
  for (const View* view : {&eager(), &captured()}) {
    EXPECT_FALSE(nodes_of(*view, Layer::kernel).empty());
    for (const Node* kernel : nodes_of(*view, Layer::kernel)) {
      const std::vector<const Node*> path = above(*view, *kernel);
      EXPECT_TRUE(std::ranges::any_of(path, [](const Node* n) { return n->layer == Layer::op; }))
          << view->name << ": " << kernel->name << " " << kernel->detail;
      EXPECT_TRUE(std::ranges::any_of(path, [](const Node* n) { return n->layer == Layer::rung; }))
          << view->name << ": " << kernel->name << " " << kernel->detail;
    }
  }
}

TEST_P(GpuXrayTest, EagerWorkHangsUnderTheCallThatQueuedIt) {
  const std::map<int64_t, const Node*> nodes = by_id(eager());
  for (const Node* kernel : nodes_of(eager(), Layer::kernel)) {
    ASSERT_TRUE(nodes.contains(kernel->launched_by)) << kernel->name;
    EXPECT_EQ(kernel->parent, kernel->launched_by);
    const Node& call = *nodes.at(kernel->launched_by);
    EXPECT_TRUE(call.layer == Layer::runtime || call.layer == Layer::driver) << call.name;
    EXPECT_NE(call.name.find("Launch"), std::string::npos) << call.name;
  }
  EXPECT_FALSE(nodes_of(eager(), Layer::runtime).empty());
}

TEST_P(GpuXrayTest, CapturedWorkHangsWhereItWasRecorded) {
  const std::map<int64_t, const Node*> nodes = by_id(captured());
  int works = 0;
  for (const Node& node : captured().nodes) {
    if (!is_gpu_work(node.layer)) continue;
    ++works;
    ASSERT_TRUE(nodes.contains(node.launched_by)) << node.name;
    EXPECT_NE(nodes.at(node.launched_by)->name.find("GraphLaunch"), std::string::npos)
        << nodes.at(node.launched_by)->name;
    if (node.layer != Layer::kernel) continue;
    ASSERT_TRUE(nodes.contains(node.parent)) << node.name;
    EXPECT_EQ(nodes.at(node.parent)->track, "recording") << node.name;
  }
  int graph_nodes = 0;
  const std::string& words = captured().description;
  ASSERT_EQ(
      std::sscanf(words.c_str(), "one launch of the step as a CUDA graph of %d", &graph_nodes), 1)
      << words;
  EXPECT_EQ(works, graph_nodes) << "not every node was seen";
}

TEST_P(GpuXrayTest, CaptureRunsTheSameKernels) {
  EXPECT_EQ(kernel_names(eager()), kernel_names(captured()));
}

TEST_P(GpuXrayTest, GradientsNameTheirOps) {
  for (const View* view : {&eager(), &captured()}) {
    const std::map<int64_t, const Node*> nodes = by_id(*view);
    int gradients = 0;
    for (const Node& node : view->nodes) {
      if (node.backward_of == 0) continue;
      ++gradients;
      ASSERT_TRUE(nodes.contains(node.backward_of)) << view->name << ": " << node.name;
      EXPECT_EQ(nodes.at(node.backward_of)->layer, Layer::op);
    }
    EXPECT_GE(gradients, 4) << "two convolutional stages, a dense layer, the loss";
  }
}

TEST_P(GpuXrayTest, LibrariesSayWhichWayTheyTook) {
  const std::vector<const Node*> calls = nodes_of(eager(), Layer::library);
  EXPECT_EQ(calls.empty(), GetParam() == Kernels::own);
  int engines = 0;
  for (const Node* call : calls) {
    for (const auto& [name, value] : call->notes) {
      if (name != "engine" && name != "algorithm") continue;
      ++engines;
      EXPECT_NE(value, "") << call->name;
    }
  }
  EXPECT_EQ(engines > 0, GetParam() == Kernels::library);
}

TEST_P(GpuXrayTest, OurKernelsAreShownWhereTheyAreLaunched) {
  if (GetParam() != Kernels::own) GTEST_SKIP() << "a library does not say where";
  for (const View* view : {&eager(), &captured()}) {
    size_t placed = 0;
    for (const Node* kernel : nodes_of(*view, Layer::kernel)) {
      if (kernel->place.file.empty()) continue;
      ++placed;
      EXPECT_TRUE(kernel->place.file.starts_with("ops/cuda/")) << kernel->place.file;
      EXPECT_GT(kernel->place.line, 0);
    }
    EXPECT_GE(placed, nodes_of(*view, Layer::kernel).size() / 2) << view->name;
  }
}

TEST_P(GpuXrayTest, KernelsSayHowTheyWereLaunched) {
  for (const Node* kernel : nodes_of(eager(), Layer::kernel)) {
    std::map<std::string, std::string> notes(kernel->notes.begin(), kernel->notes.end());
    EXPECT_NE(notes["grid"], "") << kernel->name;
    EXPECT_NE(notes["grid"], "0 x 0 x 0") << kernel->name;
    EXPECT_NE(notes["block"], "0 x 0 x 0") << kernel->name;
    EXPECT_NE(notes["registers"], "0 a thread") << kernel->name;
  }
}

TEST_P(GpuXrayTest, ItsTraceIsWhole) {
  const nlohmann::json trace = nlohmann::json::parse(to_chrome_trace(xray()));
  expect_slices_nest(trace);
  expect_flows_are_whole(trace);
  EXPECT_GT(events_of(trace, "f").size(), 0u);
}

TEST(GpuXrayWithoutCuptiTest, TheTimeOfAnOpIsThatBetweenTwoEvents) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  const Xray xray = take_one(Kernels::own, false);
  ASSERT_EQ(xray.notes.size(), 2u);
  EXPECT_TRUE(xray.notes[0].starts_with("kernels: unknown (CUPTI: not asked for)"))
      << xray.notes[0];
  EXPECT_EQ(xray.notes[1], "the captured step: without CUPTI only its launch is seen");
  ASSERT_EQ(xray.views.size(), 2u);
  const View& eager = xray.views[0];
  for (const Node& node : eager.nodes) {
    EXPECT_TRUE(node.layer <= Layer::library) << node.name << " is below the framework";
    EXPECT_EQ(node.between_events.has_value(), node.layer == Layer::op) << node.name;
    const bool works = node.name == "dense" || node.name == "conv2d_relu_max_pool";
    EXPECT_GE(node.between_events.value_or(0), works ? 1 : 0) << node.name;
  }
  for (const View& view : xray.views) {
    EXPECT_TRUE(view.gpu.empty()) << view.name;
    EXPECT_EQ(total(view.host), view.wall) << view.name;
    EXPECT_GT(part(view.host, "waiting"), 0) << view.name;
  }
}

}  // namespace
}  // namespace strata::test
