// Steps as recorded become a tree: who did what for whom.
#include "tools/xray/join.h"

#include <algorithm>
#include <set>

#include "tests/tools/xray_records.h"

namespace strata::test {
namespace {

using xray::Layer;
using xray::Node;
using xray::Notes;
using xray::Record;
using xray::View;

View eager() {
  return join(eager_record(), std::nullopt);
}
View captured() {
  return join(captured_record(), std::nullopt);
}

const Node& parent_of(const View& view, const Node& node) {
  static const Node none;
  const Node* parent = node_with(view, node.parent);
  return parent ? *parent : none;
}

std::string note(const Node& node, std::string_view name) {
  for (const auto& [key, value] : node.notes)
    if (key == name) return value;
  return "";
}

TEST(XrayJoinTest, ParentsComeFirstAndIdsAreTheirOwn) {
  for (const View& view : {eager(), captured()}) {
    std::set<int64_t> seen;
    for (const Node& node : view.nodes) {
      EXPECT_TRUE(node.parent == 0 || seen.contains(node.parent)) << node.name;
      EXPECT_TRUE(seen.insert(node.id).second) << node.name;
      EXPECT_NE(node.id, 0);
    }
  }
}

TEST(XrayJoinTest, SpansKeepTheirIdsAndCountFromTheBegin) {
  const View view = eager();
  EXPECT_EQ(view.wall, 2000);
  const Node& op = node_of(view, "dense");
  EXPECT_EQ(op.id, 4);
  EXPECT_EQ(op.layer, Layer::op);
  EXPECT_EQ(op.begin, 10);
  EXPECT_EQ(op.end, 290);
  EXPECT_EQ(op.track, "host");
  EXPECT_EQ(parent_of(view, op).name, "dense1");
}

TEST(XrayJoinTest, SpansMayComeInAnyOrder) {
  Record record = eager_record();
  std::ranges::reverse(record.spans);  // inner ones close first
  const View view = join(record, std::nullopt);
  EXPECT_EQ(parent_of(view, node_of(view, "cublasLtMatmul")).name, "cublas::dense");
}

TEST(XrayJoinTest, AModuleWithoutANameIsTheModel) {
  Record record = eager_record();
  record.spans[2].name = "";
  EXPECT_EQ(node_with(join(record, std::nullopt), 3)->name, "model");
}

TEST(XrayJoinTest, ADriversCallIsInTheRuntimesAndThatInItsSpan) {
  const View view = eager();
  const Node& driver = node_of(view, "cuLaunchKernelEx");
  EXPECT_EQ(driver.layer, Layer::driver);
  EXPECT_EQ(driver.track, "host");
  const Node& runtime = parent_of(view, driver);
  EXPECT_EQ(runtime.name, "cudaLaunchKernelExC");
  EXPECT_EQ(parent_of(view, runtime).name, "cublasLtMatmul");
}

TEST(XrayJoinTest, CallsOneAfterTheOtherAreSiblings) {
  const View view = eager();
  for (const int n : {0, 1})
    EXPECT_EQ(parent_of(view, node_of(view, "cudaLaunchKernel", n)).name, "cuda::unary");
}

TEST(XrayJoinTest, CallsInCallsNestToAnyDepth) {
  Record record = eager_record();
  record.activities.push_back(call(kDriver, "cuEventQuery", 12, 16, 1100, 1200));
  record.activities.push_back(call(kDriver, "cuEventQuery", 12, 17, 1300, 1400));
  const View view = join(record, std::nullopt);
  for (const int n : {0, 1})
    EXPECT_EQ(parent_of(view, node_of(view, "cuEventQuery", n)).name, "cuStreamSynchronize");
}

TEST(XrayJoinTest, CallsThatNoSpanAskedForAreLeftOut) {
  Record record = eager_record();
  record.activities.push_back(call(kRuntime, "cudaFree", 77, 98, 1900, 1950));  // a span of before
  for (const Node& node : join(record, std::nullopt).nodes) {
    EXPECT_NE(node.name, "cudaMalloc");
    EXPECT_NE(node.name, "cudaFree");
  }
}

TEST(XrayJoinTest, WorkHangsUnderItsCall) {
  const View view = eager();
  const Node& kernel = node_of(view, "nvjet_sm90_tss_64x32");
  EXPECT_EQ(kernel.layer, Layer::kernel);
  EXPECT_EQ(kernel.track, "stream 7");
  EXPECT_EQ(kernel.begin, 300);
  EXPECT_EQ(kernel.launched_by, kernel.parent);
  EXPECT_EQ(parent_of(view, kernel).name, "cuLaunchKernelEx") << "the inner one of its two calls";
  const Node& fill = node_of(view, "fill");
  EXPECT_EQ(fill.layer, Layer::fill);
  EXPECT_EQ(fill.bytes, 4096);
  EXPECT_EQ(parent_of(view, fill).name, "cudaMemsetAsync");
}

TEST(XrayJoinTest, WorkOfALeftOutCallStaysAndIsNobodys) {
  Record record = eager_record();
  record.activities.push_back(work(kKernel, "foreign", 9, 99, 1900, 1950));
  const View view = join(record, std::nullopt);
  EXPECT_EQ(node_of(view, "foreign").parent, 0);
  EXPECT_EQ(node_of(view, "foreign").launched_by, 0);
}

TEST(XrayJoinTest, AKernelsDetailsAreNotesAndItsWholeName) {
  const View view = eager();
  const Node& kernel = node_of(view, "relu_kernel");
  EXPECT_EQ(kernel.detail, kReluKernel);
  EXPECT_EQ(kernel.notes, (Notes{{"grid", "3 x 2 x 1"},
                                 {"block", "256 x 1 x 1"},
                                 {"registers", "40 a thread"},
                                 {"shared memory", "1024 bytes a block"}}));
  EXPECT_EQ(node_of(view, "nvjet_sm90_tss_64x32").detail, "") << "the name says it all";
  Record record = eager_record();
  record.activities[7].cluster = 2;
  record.activities[7].local_bytes = 16;
  const View other = join(record, std::nullopt);
  EXPECT_EQ(note(node_of(other, "relu_kernel"), "cluster"), "2 blocks");
  EXPECT_EQ(note(node_of(other, "relu_kernel"), "local memory"), "16 bytes a thread");
}

TEST(XrayJoinTest, AnOpSaysWhatItsRungWorksOn) {
  const View view = eager();
  EXPECT_EQ(node_of(view, "dense").detail, "192x800 to 256");
  EXPECT_EQ(node_of(view, "relu").detail, "");
}

TEST(XrayJoinTest, AGradientNamesTheModuleOfItsOp) {
  const View view = eager();
  const Node& gradient = node_of(view, "dense", 1);
  EXPECT_EQ(gradient.backward_of, 4);
  EXPECT_EQ(note(gradient, "of"), "dense1");
  EXPECT_EQ(note(node_of(view, "dense"), "of"), "") << "the forward pass is no gradient";
  EXPECT_EQ(note(node_of(captured(), "relu", 1), "of"), "") << "an op in no module";
}

Record with_launches(Record record, int64_t span, const std::vector<std::string>& kernels) {
  for (const std::string& kernel : kernels)
    record.launches.push_back(
        {.span = span, .kernel = kernel, .where = std::source_location::current()});
  return record;
}

TEST(XrayJoinTest, OurLaunchesKnowTheirPlace) {
  const View view = join(with_launches(eager_record(), 8, {"first", "second"}), std::nullopt);
  for (const int n : {0, 1}) {
    const Node& kernel = node_of(view, "relu_kernel", n);
    EXPECT_EQ(note(kernel, "part"), n == 0 ? "first" : "second");
    EXPECT_EQ(kernel.place.file, "tests/tools/xray_join_test.cpp");
    EXPECT_GT(kernel.place.line, 0);
  }
  EXPECT_EQ(node_of(view, "nvjet_sm90_tss_64x32").place.file, "");
}

TEST(XrayJoinTest, WhereLaunchesAndKernelsDifferNoPlaceIsClaimed) {
  for (const std::vector<std::string>& launches :
       {std::vector<std::string>{"only"}, {"first", "second", "third"}}) {
    const View view = join(with_launches(eager_record(), 8, launches), std::nullopt);
    for (const int n : {0, 1}) EXPECT_EQ(note(node_of(view, "relu_kernel", n), "part"), "");
  }
}

TEST(XrayJoinTest, AGraphsWorkHangsWhereItWasRecorded) {
  const View view = captured();
  const Node& launch = node_of(view, "cuGraphLaunch");
  for (const auto& [kernel, rung] : {std::pair("first", "cuda::unary"),
                                     {"second", "cuda::unary"},
                                     {"gradient", "cuda::unary_backward"}}) {
    EXPECT_EQ(parent_of(view, node_of(view, kernel)).name, rung);
    EXPECT_EQ(parent_of(view, node_of(view, kernel)).track, "recording");
    EXPECT_EQ(node_of(view, kernel).launched_by, launch.id);
  }
  const Node& unknown = node_of(view, "unknown");
  EXPECT_EQ(unknown.parent, launch.id) << "recorded by nobody that spoke";
  EXPECT_EQ(unknown.launched_by, launch.id);
}

// In the order in which they were recorded, not in that in which they ran.
TEST(XrayJoinTest, AGraphsKernelsTakeTheirPlacesByTheirNodes) {
  const View view = join(with_launches(captured_record(), 3, {"one", "two"}), std::nullopt);
  EXPECT_EQ(note(node_of(view, "first"), "part"), "one");
  EXPECT_EQ(note(node_of(view, "second"), "part"), "two");
}

TEST(XrayJoinTest, TheTimeBetweenEventsIsThatOfItsSpan) {
  Record record = eager_record();
  record.activities.clear();
  record.between_events = {{4, 450}, {10, 200}};
  const View view = join(record, std::nullopt);
  EXPECT_EQ(node_of(view, "dense").between_events, 450);
  EXPECT_EQ(node_of(view, "relu").between_events, std::nullopt);
  EXPECT_TRUE(view.gpu.empty()) << "when the GPU was busy is not known";
}

// A kernel that is alone under a rung does the rung's work; of two, nobody knows which does what.
TEST(XrayJoinTest, ASingleKernelDoesTheWorkOfItsRung) {
  const View view = eager();
  EXPECT_EQ(node_of(view, "nvjet_sm90_tss_64x32").flops, 3e5);
  EXPECT_EQ(node_of(view, "nvjet_sm90_tss_64x32").bytes, 600);
  for (const int n : {0, 1}) EXPECT_EQ(node_of(view, "relu_kernel", n).bytes, 0);
}

TEST(XrayJoinTest, SharesAreTheLeastTimeByTheTimeTaken) {
  const xray::Roofline roofline{.ceilings = {.copy_rate = 1e12, .fp32_flops = 1e12},
                                .precision = Precision::fp32};
  const View view = join(eager_record(), roofline);
  // 3e5 FLOP at 1e12 a second: 300 of 400 ns.
  for (const char* name : {"cublas::dense", "nvjet_sm90_tss_64x32"}) {
    ASSERT_TRUE(node_of(view, name).share.has_value()) << name;
    EXPECT_DOUBLE_EQ(*node_of(view, name).share, 0.75) << name;
    EXPECT_EQ(note(node_of(view, name), "floor"), "0.30 us, by arithmetic");
  }
  // 400 bytes: 0.4 of the two kernels' 250 ns.
  EXPECT_NEAR(node_of(view, "cuda::unary").share.value_or(0), 0.4 / 250, 1e-12);
  EXPECT_FALSE(node_of(view, "relu_kernel").share.has_value());
  EXPECT_FALSE(node_of(view, "training step").share.has_value());
  EXPECT_FALSE(node_of(eager(), "cublas::dense").share.has_value()) << "no ceilings";
}

TEST(XrayJoinTest, OnTheCpuTheTimeTakenIsTheHosts) {
  const xray::Roofline cpu{.ceilings = {.threads = 2, .copy_rate = 1e12, .fp32_flops = 1e12},
                           .precision = Precision::fp32};
  const View view = join(eager_record(), cpu);
  const Node& dense = node_of(view, "cublas::dense");
  ASSERT_TRUE(dense.share.has_value());
  EXPECT_DOUBLE_EQ(*dense.share, 300.0 / static_cast<double>(dense.duration()));
}

TEST(XrayJoinTest, LayersHaveTheNamesOfTheirSpans) {
  for (const TraceLayer layer : {TraceLayer::step, TraceLayer::phase, TraceLayer::module,
                                 TraceLayer::op, TraceLayer::rung, TraceLayer::library})
    EXPECT_EQ(xray::name_of(static_cast<Layer>(layer)), strata::name_of(layer));
  EXPECT_EQ(xray::name_of(Layer::fill), "fill");
}

TEST(XrayKernelNameTest, IsShort) {
  const struct {
    const char *demangled, *name;
  } kCases[] = {
      // C names of cuDNN and cuBLASLt have nothing to take off.
      {"sm80_xmma_fprop_implicit_gemm_tf32f32_nhwckrsc_nhwc_tilesize128x32x16_kernel_cudnn",
       "sm80_xmma_fprop_implicit_gemm_tf32f32_nhwckrsc_nhwc_tilesize128x32x16_kernel_cudnn"},
      {"nvjet_sm90_tss_64x32_64x8_2x1_h_bz_bias_TNN",
       "nvjet_sm90_tss_64x32_64x8_2x1_h_bz_bias_TNN"},
      {"void cudnn::ops::pooling_fw_4d_kernel<float, float, (cudnnPoolingMode_t)0>(float const*)",
       "cudnn::ops::pooling_fw_4d_kernel"},
      {"void cutlass__5x_cudnn::Kernel<cutlass_tensorop_s1688dgrad_optimized_tf32_128x64>"
       "(cutlass_tensorop_s1688dgrad_optimized_tf32_128x64::Params)",
       "cutlass__5x_cudnn::Kernel"},
      // Ours, without our namespaces.
      {"strata::cuda::zero_kernel(float*, long)", "zero_kernel"},
      {kReluKernel, "relu_kernel"},
      {"void strata::cuda::many_channels::(anonymous namespace)::conv_stage_kernel<"
       "strata::cuda::TensorCoreProduct<2>, (Bar)3, (anonymous namespace)::Baz>"
       "(strata::cuda::(anonymous namespace)::Work<float>, unsigned long)",
       "many_channels::conv_stage_kernel"},
      {"(anonymous namespace)::local_kernel(int)", "local_kernel"},
      {"void foo<(Bar)3, (anonymous namespace)::Baz>((anonymous namespace)::Baz)", "foo"},
      // Of Thrust and CUB: lambdas and functors as types, comparisons as values.
      {"void cub::CUB_300001_SM_900::detail::transform::transform_kernel<policy_hub<true>, long, "
       "strata::fill(float*, float)::{lambda(long)#1}, float*>(long, int, "
       "strata::fill(float*, float)::{lambda(long)#1})",
       "cub::CUB_300001_SM_900::detail::transform::transform_kernel"},
      {"void thrust::apply<&(Functor::operator()(int) const), int>(int)", "thrust::apply"},
      {"void pick_kernel<((4)>(3)), 7>(int)", "pick_kernel"},
      {"std::enable_if<((2)>(1)), void>::type strata::guarded_kernel<2>(int)", "guarded_kernel"},
      {"decltype ((declval<int>)()) strata::cuda::typed_kernel<int>(int)", "typed_kernel"},
      {"void kernel<int>(void (*)(int)) [clone .kernel_entry]", "kernel"},
      // What is no name stays as it is.
      {"", ""},
      {"(anonymous namespace)", "(anonymous namespace)"},
  };
  for (const auto& c : kCases) EXPECT_EQ(xray::short_kernel_name(c.demangled), c.name);
}

}  // namespace
}  // namespace strata::test
