// oneDNN as the CPU's library: what the x-ray sees of it, and what is said when it is not there.
// Its numbers are held to the reference by each op's own test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "ops/conv2d.h"
#include "ops/conv2d_relu_max_pool.h"
#include "ops/dense.h"
#include "ops/dispatch.h"
#include "tensor/autograd.h"
#include "tensor/shared_library.h"
#include "tests/support/compare.h"
#include "tests/support/gradcheck.h"
#include "tests/support/idx_files.h"
#include "tests/support/rungs.h"
#include "tests/support/trace_log.h"

namespace strata::test {
namespace {

class OnednnTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_onednn_is_not_tested()) GTEST_SKIP() << *reason;
  }
  Tensor input(const Shape& shape) { return random_tensor(shape, 1, -1, 1, DType::float32); }

 private:
  SettingsScope scope_{{.kernels = Kernels::library}};
};

std::string note_of(const TraceSpan& span, std::string_view name) {
  const auto note =
      std::ranges::find_if(span.notes, [&](const auto& n) { return n.first == name; });
  return note == span.notes.end() ? "" : note->second;
}

TEST_F(OnednnTest, EachPrimitiveIsASpanThatSaysWhichImplementationRan) {
  const auto spans = spans_of([&] { ops::conv2d(input({2, 8, 8, 16}), input({16, 3, 3, 16})); });
  ASSERT_GE(spans.size(), 3u);
  EXPECT_EQ(spans[1].name, "onednn::conv2d");
  double flops = 0;
  for (size_t i = 2; i < spans.size(); ++i) {  // the convolution, reorders of the weight
    EXPECT_EQ(spans[i].layer, TraceLayer::library);
    EXPECT_EQ(spans[i].name, "dnnl_primitive_execute");
    EXPECT_EQ(spans[i].parent, spans[1].id);
    EXPECT_NE(note_of(spans[i], "implementation"), "");
    flops += spans[i].flops;
  }
  EXPECT_EQ(flops, spans[1].flops);
  EXPECT_EQ(spans.back().detail, "convolution of 2x8x8x16 by 16x3x3x16");
}

TEST_F(OnednnTest, TakesFloat32Only) {
  const auto ran = [&](DType dtype) {
    const auto matrix = [&](const Shape& shape) { return random_tensor(shape, 1, -1, 1, dtype); };
    return spans_of([&] {
             ops::dense(matrix({2, 3}), matrix({4, 3}), {}, ops::Activation::none);
           })
        .at(1)
        .name;
  };
  EXPECT_EQ(ran(DType::float32), "onednn::dense");
  EXPECT_EQ(ran(DType::float64), "reference::dense");
}

TEST_F(OnednnTest, OurKernelsServeWhereThereIsNothingToCompute) {
  const auto spans = spans_of([&] { ops::conv2d(input({0, 8, 8, 16}), input({16, 3, 3, 16})); });
  EXPECT_EQ(spans.at(1).name, "cpu::conv2d");
}

TEST_F(OnednnTest, IsToldOfInReports) {
  ops::dense(input({2, 3}), input({4, 3}), {}, ops::Activation::none);
  EXPECT_TRUE(rungs_used().find("dense")->second.contains(Rung::onednn));
  const auto library = loaded_onednn();
  ASSERT_TRUE(library);
  EXPECT_NE(library->path.find("libdnnl.so"), std::string::npos);
  int major = 0, minor = 0;
  ASSERT_EQ(std::sscanf(library->version.c_str(), "%d.%d", &major, &minor), 2) << library->version;
  EXPECT_GE(std::pair(major, minor), std::pair(2, 6));
}

/// oneDNN writes the weight's gradient along with the bias's, wanted or not.
class FrozenWeightTest : public RungTest {};
STRATA_ON_EVERY_RUNG(FrozenWeightTest);

TEST_P(FrozenWeightTest, TheStagesBiasLearnsAlone) {
  const std::vector<ops::Conv2dOptions> options = {{}, {.groups = 2}};
  for (const auto& option : options) {
    SCOPED_TRACE(fmt::format("{} groups", option.groups));
    const Tensor x = random_tensor({5, 12, 12, 8}, 1);
    const Tensor w = random_tensor({16, 3, 3, 8 / option.groups}, 2);
    const auto stage = [&](const auto& in) {
      const auto like = [&](const Tensor& tensor) {
        return converted(tensor, in[0].dtype(), in[0].device());
      };
      return ops::conv2d_relu_max_pool(like(x), like(w), in[0], option);
    };
    expect_matches_reference(stage, {random_tensor({16}, 3)}, {.relative = 1e-4, .absolute = 1e-4});
  }
}

/// The C library stands in for a oneDNN that lacks a function.
struct NotOnednn : SharedLibrary {
  NotOnednn() : SharedLibrary("oneDNN", "libc.so.6") { load<void (*)()>("dnnl_primitive_execute"); }
};

TEST(MissingOnednnTest, NamesTheLayerTheFileAndTheWayOut) {
  EXPECT_TRUE(fails(ErrorKind::device,
                    "oneDNN: libdnnl.so.0 cannot be opened (libdnnl.so.0: cannot",
                    [] { SharedLibrary("oneDNN", "libdnnl.so.0"); }));
  EXPECT_TRUE(fails(ErrorKind::device, "or use --kernels own",
                    [] { SharedLibrary("oneDNN", "libdnnl.so.0"); }));
  EXPECT_TRUE(fails(ErrorKind::device, "has no function dnnl_primitive_execute",
                    [] { NotOnednn library; }));
}

}  // namespace
}  // namespace strata::test
