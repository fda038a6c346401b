// bench as a user meets it, on the CPU with tiny sizes, and the arithmetic of its reports.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ops/matmul.h"
#include "tensor/parallel.h"
#include "tests/support/compare.h"
#include "tests/support/idx_files.h"
#include "tests/support/program.h"
#include "tools/bench/ceilings.h"
#include "tools/bench/dense.h"
#include "tools/bench/report.h"
#include "tools/bench/statistics.h"
#include "tools/bench/work.h"

namespace strata::test {
namespace {

using nlohmann::json;

TEST(BenchStatisticsTest, TheMedianIsTheMiddleOrTheMiddleTwosMean) {
  const bench::Spread odd = bench::spread_of({3, 1, 10}), even = bench::spread_of({4, 1, 3, 2});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.low, 1);
  EXPECT_EQ(odd.high, 10);
  EXPECT_EQ(even.median, 2.5);
}

TEST(BenchWorkTest, CountsAStageByHand) {
  // 2 images of 6x6x3, 4 filters of 3x3: 4x4 outputs each, pooled to 2x2.
  const bench::StageShape shape{2, 6, 6, 3, 3, 4};
  const bench::OpWork first = bench::stage_work(shape, false),
                      later = bench::stage_work(shape, true);
  constexpr double kFlops = 2.0 * 2 * 4 * 4 * 4 * 3 * 3 * 3;
  constexpr double kInput = 2 * 6 * 6 * 3, kWeight = 4 * 3 * 3 * 3, kBias = 4,
                   kOutput = 2 * 2 * 2 * 4;
  EXPECT_EQ(first.forward.flops, kFlops);
  EXPECT_EQ(first.forward.bytes, 4 * (kInput + kWeight + kBias + kOutput) + kOutput);
  EXPECT_EQ(first.backward.flops, kFlops);
  EXPECT_EQ(first.backward.bytes, 4 * (kInput + kOutput + kWeight + kBias) + kOutput);
  EXPECT_EQ(later.backward.flops, 2 * kFlops);
  EXPECT_EQ(later.backward.bytes, first.backward.bytes + 4 * (kWeight + kInput));
}

TEST(BenchWorkTest, CountsADenseLayerByHand) {
  const bench::OpWork work = bench::dense_work(5, 7, 3, true);
  EXPECT_EQ(work.forward.flops, 2 * 5 * 7 * 3);
  EXPECT_EQ(work.forward.bytes, 4 * (5 * 7 + 3 * 7 + 3 + 5 * 3));
  EXPECT_EQ(work.backward.flops, 4 * 5 * 7 * 3);
  EXPECT_EQ(work.backward.bytes, 4 * (2 * 5 * 7 + 2 * 3 * 7 + 3 + 2 * 5 * 3));
}

TEST(BenchWorkTest, CountsALastLayerWithItsLossByHand) {
  const bench::OpWork work = bench::dense_softmax_cross_entropy_work(5, 7, 3);
  EXPECT_EQ(work.forward.flops, 2 * 2 * 5 * 7 * 3);
  EXPECT_EQ(work.forward.bytes, 4 * (2 * 5 * 7 + 3 * 7 + 3 + 2 * 5 * 3 + 5 + 5));
  EXPECT_EQ(work.backward.flops, 2 * 5 * 7 * 3);
  EXPECT_EQ(work.backward.bytes, 4 * (5 * 7 + 5 * 3 + 3 * 7 + 3));
}

TEST(BenchFloorTest, TheLongestOfMemoryArithmeticAndANodeCounts) {
  const bench::Ceilings ceilings{.copy_rate = 1e12,
                                 .l2_copy_rate = 4e12,
                                 .fp32_flops = 1e13,
                                 .tf32_flops = 1e14,
                                 .node_seconds = 1e-6,
                                 .while_turn_seconds = 1,
                                 .l2_bytes = 1'000'000};
  const auto floor = [&](double flops, double bytes, Precision precision) {
    return *bench::floor_of({.flops = flops, .bytes = bytes}, precision, ceilings);
  };
  EXPECT_EQ(floor(0, 10, Precision::fp32).bound, "node") << "no op waits for a turn of a loop";
  EXPECT_EQ(floor(1e8, 10, Precision::fp32).bound, "arithmetic");
  EXPECT_DOUBLE_EQ(floor(1e8, 10, Precision::fp32).seconds, 1e-5);
  EXPECT_EQ(floor(1e8, 10, Precision::tf32).bound, "node");
  EXPECT_EQ(floor(0, 1e8, Precision::fp32).bound, "memory");
  EXPECT_DOUBLE_EQ(floor(0, 1e8, Precision::fp32).seconds, 1e-4);
  const bench::Ceilings no_node{.copy_rate = 1e12, .l2_copy_rate = 4e12, .l2_bytes = 1'000'000};
  const auto in_l2 = bench::floor_of({.bytes = 400'000}, Precision::fp32, no_node);
  EXPECT_EQ(in_l2->bound, "L2");
  EXPECT_DOUBLE_EQ(in_l2->seconds, 1e-7);
  EXPECT_FALSE(bench::floor_of({.bytes = 1}, Precision::fp32, {}).has_value());
}

TEST(BenchFloorTest, ACacheServesWhatFillsHalfOfIt) {
  const bench::Ceilings cpu{.threads = 2,
                            .copy_rate = 1e10,
                            .l2_copy_rate = 1e12,
                            .l3_copy_rate = 1e11,
                            .l2_bytes = 1'000'000,
                            .l3_bytes = 10'000'000};
  const auto floor = [&](double bytes) {
    return *bench::floor_of({.bytes = bytes}, Precision::fp32, cpu);
  };
  EXPECT_EQ(floor(500'000).bound, "L2");
  EXPECT_EQ(floor(500'001).bound, "L3");
  EXPECT_DOUBLE_EQ(floor(5'000'000).seconds, 5e-5);
  EXPECT_EQ(floor(5'000'001).bound, "memory");
}

TEST(BenchReportTest, TheShareOfThePeakIsThatOfThePrecisionAndTheThreads) {
  const bench::Ceilings cpu{.fp32_flops = 2e11, .bf16_flops = 4e11};
  const bench::Work work{.flops = 1e9};
  EXPECT_DOUBLE_EQ(*bench::share_of_peak(work, 0.01, Precision::fp32, cpu), 0.5);
  EXPECT_DOUBLE_EQ(*bench::share_of_peak(work, 0.01, Precision::bf16, cpu), 0.25);
  EXPECT_FALSE(bench::share_of_peak(work, 0.01, Precision::tf32, cpu)) << "unknown";
  EXPECT_FALSE(bench::share_of_peak({.bytes = 9}, 0.01, Precision::fp32, cpu)) << "no arithmetic";

  bench::Results results;
  for (const int threads : {1, 4}) results.ceilings.push_back({.threads = threads});
  EXPECT_EQ(results.ceilings_of({.threads = 4}).threads, 4);
  EXPECT_FALSE(results.ceilings_of({.threads = 3}).copy_rate.has_value());
}

TEST(BenchReportTest, SaysACeilingOrWhyItIsUnknownOrLeavesItOut) {
  bench::Results results;
  results.ceilings = {{.copy_rate = 2e12, .while_turn_seconds = 1.25e-6}};
  const auto has = [&](const char* words) {
    return bench::markdown_report(results).find(words) != std::string::npos;
  };
  constexpr auto kKnown = "| a turn of a CUDA graph's while node, beyond its kernels | 1.25 µs |\n";
  EXPECT_TRUE(has(kKnown)) << bench::markdown_report(results);
  EXPECT_EQ(bench::json_report(results)["ceilings"],
            json::array({{{"copy_bytes_per_second", 2e12}, {"while_turn_seconds", 1.25e-6}}}));
  bench::Ceilings& ceilings = results.ceilings[0];
  ceilings.while_turn_seconds.reset();
  ceilings.missing["while_turn_seconds"] = "an old driver";
  EXPECT_TRUE(has("while node, beyond its kernels | unknown: an old driver |\n"));
  EXPECT_EQ(bench::json_report(results)["ceilings"][0]["unknown"],
            json({{"while_turn_seconds", "an old driver"}}));
  ceilings.missing.clear();
  EXPECT_FALSE(has("while node"));
}

TEST(BenchReportTest, TheCpusCeilingsHaveAColumnForEachNumberOfThreads) {
  bench::Results results;
  results.ceilings = {{.threads = 1, .fp32_flops = 1e11, .instructions = "AVX2"},
                      {.threads = 2, .fp32_flops = 2e11, .missing = {{"bf16_flops", "none"}}}};
  const std::string text = bench::markdown_report(results);
  for (const char* words :
       {"| what | threads: 1 | threads: 2 |\n",
        "| float32 multiply-adds | 100 GFLOP/s | 200 GFLOP/s |\n",
        "| bfloat16 products added to float32 |  | unknown: none |\n", "are those of AVX2"})
    EXPECT_NE(text.find(words), std::string::npos) << words << " is not in\n" << text;
}

TEST(BenchCeilingsTest, TheCpuReachesSomething) {
  const bench::Ceilings cpu = bench::measure_ceilings(Device::cpu);
  EXPECT_EQ(cpu.threads, thread_count());
  EXPECT_NE(cpu.instructions, "");
  // No machine of this century is below these, nor any of today above, checked by sanitizers or
  // not.
  EXPECT_GT(cpu.fp32_flops.value_or(0), 1e8);
  EXPECT_LT(cpu.fp32_flops.value_or(0), 1e15);
  EXPECT_GT(cpu.copy_rate.value_or(0), 1e7);
  EXPECT_GT(cpu.parallel_seconds.value_or(0), 0);
  const auto known_or_explained = [&](std::optional<double> value, const char* key) {
    EXPECT_EQ(value.has_value(), !cpu.missing.contains(key)) << key;
  };
  known_or_explained(cpu.bf16_flops, "bf16_flops");
  known_or_explained(cpu.l2_copy_rate, "l2_copy_bytes_per_second");
  known_or_explained(cpu.l3_copy_rate, "l3_copy_bytes_per_second");
}

TEST(BenchDenseTest, ProductsAreThoseOfTheFormulas) {
  const Tensor x = bench::random_tensor({5, 7}, Device::cpu);
  const Tensor w = bench::random_tensor({3, 7}, Device::cpu);
  const bench::OpOfStep op = bench::dense_product_op(
      {.batch = 5, .inputs = 7, .outputs = 3, .pass = "forward"}, Device::cpu);
  EXPECT_EQ(op.work.forward.flops, 2 * 5 * 7 * 3);
  EXPECT_EQ(op.work.forward.bytes, 4 * (5 * 7 + 3 * 7 + 5 * 3));
  EXPECT_TRUE(close(op.make().forward(), ops::matmul(x, w, {.transpose_b = true})));
  const Tensor g = bench::random_tensor({5, 3}, Device::cpu);
  const auto gradient = [](const char* pass) {
    return bench::dense_product_op({5, 7, 3, pass}, Device::cpu).make().forward();
  };
  EXPECT_TRUE(close(gradient("grad_input"), ops::matmul(g, w)));
  EXPECT_TRUE(close(gradient("grad_weight"), ops::matmul(g, x, {.transpose_a = true})));
  EXPECT_TRUE(fails(ErrorKind::usage, "sideways", [] {
    bench::dense_product_op({5, 7, 3, "sideways"}, Device::cpu);
  }));
}

class BenchTest : public testing::Test {
 protected:
  BenchTest() { write_idx_folder(data(), {.height = 14, .width = 13}); }

  std::filesystem::path folder() const { return folder_.path(); }
  std::filesystem::path data() const { return folder_.path() / "data"; }

  ProgramResult bench(std::vector<std::string> arguments) {
    std::vector<std::string> all = {"--device", "cpu",     "--data", data().string(), "--repeats",
                                    "3",        "--steps", "2",      "--block-ms",    "1"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(BENCH, all);
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(BenchTest, ReportsStepsAndOpsAsJsonAndAsTables) {
  const auto file = folder() / "report.json", tables = folder() / "report.md";
  const ProgramResult run = bench({"--step", "--ops", "--model", "lenet,mlp", "--batch-sizes",
                                   "4,8", "--json", file.string(), "--markdown", tables.string()});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::ifstream stream(file);
  const json report = json::parse(stream);
  EXPECT_EQ(report["device"]["type"], "cpu");
  ASSERT_EQ(report["step"].size(), 4u);
  for (const json& step : report["step"]) {
    EXPECT_GT(step["us"]["median"], 0);
    EXPECT_LE(step["us"]["low"], step["us"]["median"]);
    EXPECT_LE(step["us"]["median"], step["us"]["high"]);
    EXPECT_GT(step["peak_bytes"], 0);
    EXPECT_TRUE(std::isfinite(step["loss"].get<double>()));
    EXPECT_EQ(step["kernels"], "own");
    EXPECT_GT(step["floor_us"], 0);
    EXPECT_GT(step["share_of_peak"], 0);
    EXPECT_FALSE(step.contains("speed_up")) << "of one number of threads";
  }
  EXPECT_EQ(report["step"][0]["batch_size"], 4);
  EXPECT_GT(report["step"][1]["flop"], report["step"][0]["flop"]);
  int backward = 0;
  for (const json& op : report["ops"]) {
    EXPECT_TRUE(std::isfinite(op["us"]["median"].get<double>())) << op;
    if (op["pass"] == "backward") ++backward;
  }
  EXPECT_EQ(backward, 2 * (4 + 3)) << "conv1, conv2, dense1, dense2; dense1 to 3";
  std::stringstream written;
  written << std::ifstream(tables).rdbuf();
  EXPECT_EQ(written.str(), run.output);
  for (const char* words :
       {"| lenet | 8 | own | fp32 | eager |",
        "### mlp, batch 4, own, fp32, threads: ", "conv2d_relu_max_pool | backward", "14x13x1"})
    EXPECT_NE(run.output.find(words), std::string::npos) << words << " is not in\n" << run.output;
}

TEST_F(BenchTest, SaysWhatItCouldNotMeasureAndMeasuresTheRest) {
  const ProgramResult run =
      bench({"--step", "--batch-sizes", "8,1000", "--launch", "captured,eager"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_NE(run.output.find("Not measured: lenet, batch 8, own, fp32, captured"),
            std::string::npos);
  EXPECT_NE(run.output.find("40 images"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find("| lenet | 8 | own |"), std::string::npos) << run.output;
  EXPECT_EQ(bench({"--step", "--launch", "captured"}).exit_code, 4) << "nothing is left";
}

TEST_F(BenchTest, NumbersOfThreadsStandSideBySide) {
  const auto file = folder() / "report.json";
  const ProgramResult run = bench({"--step", "--batch-sizes", "8", "--model", "mlp", "--width",
                                   "16", "--threads", "1,2", "--json", file.string()});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::ifstream stream(file);
  const json report = json::parse(stream);
  ASSERT_EQ(report["step"].size(), 2u);
  const json &one = report["step"][0], &two = report["step"][1];
  EXPECT_EQ(one["threads"], 1);
  EXPECT_EQ(two["threads"], 2);
  EXPECT_FALSE(one.contains("speed_up"));
  const double ratio = one["us"]["median"].get<double>() / two["us"]["median"].get<double>();
  EXPECT_NEAR(two["speed_up"].get<double>(), ratio, 1e-9 * ratio);
  const json& ceilings = report["ceilings"];
  ASSERT_EQ(ceilings.size(), 2u);
  EXPECT_EQ(ceilings[1]["threads"], 2);
  EXPECT_DOUBLE_EQ(two["share_of_peak"],
                   two["flops"].get<double>() / ceilings[1]["fp32_flops"].get<double>());
  // 14x13 pixels, two hidden layers of 16, 4 classes; twice but for the images' gradient, and the
  // last layer's own twice in the forward pass.
  EXPECT_EQ(two["flop"], 2.0 * 8 * (2 * 14 * 13 * 16 + 3 * 16 * 16 + 3 * 16 * 4));
  EXPECT_NE(run.output.find("| mlp 16 | 8 | own | fp32 | eager | 1 |"), std::string::npos)
      << run.output;
}

TEST_F(BenchTest, MeasuresTheProductsOfDenseLayers) {
  const auto file = folder() / "report.json";
  const ProgramResult run =
      bench({"--dense", "--width", "24", "--batch-sizes", "8", "--json", file.string()});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::ifstream stream(file);
  const json report = json::parse(stream);
  ASSERT_EQ(report["dense"].size(), 3u + 2 + 3 + 3) << "the images need no gradient";
  for (const json& product : report["dense"]) EXPECT_GT(product["flops"], 0) << product;
  EXPECT_EQ(report["dense"][0]["flop"], 2.0 * 8 * 24 * 24);
  EXPECT_NE(run.output.find("| 24 to 24 | grad_weight |"), std::string::npos) << run.output;
}

TEST_F(BenchTest, RefusesWhatItDoesNotKnow) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--kernels", "fast"},
                                             {"--batch-sizes", "0"},
                                             {"--precision", "fp8"},
                                             {"--threads", "1,0"},
                                             {"--width", "-1"},
                                             {"--repeats", "0"},
                                             {"--what"},
                                             {"--json", "/nowhere/report.json"}}) {
    const ProgramResult run = bench(arguments);
    EXPECT_EQ(run.exit_code, 2) << arguments[0];
    EXPECT_EQ(run.errors.rfind("bench: ", 0), 0u) << run.errors;
    EXPECT_EQ(run.output, "");
  }
  EXPECT_EQ(bench({"--data", "/nowhere"}).exit_code, 3);
}

TEST_F(BenchTest, ServesWhatStandardInputAsksFor) {
  const std::string commands =
      R"({"do": "prepare", "batch_size": 4}
{"do": "measure", "batch_size": 8, "seconds": 0.001, "blocks": 3}
{"do": "nonsense", "batch_size": 8}
{"do": "measure", "batch_size": 0, "seconds": 0.001, "blocks": 3}
not JSON
{"do": "prepare", "batch_size": 4}
{"do": "prepare", "model": "mlp", "batch_size": 4}
{"do": "prepare", "model": "resnet", "batch_size": 4}
{"do": "measure", "product": [4, 5, 6, "grad_input"], "seconds": 0.001, "blocks": 2}
{"do": "measure", "product": [4, 5, 6, "sideways"], "seconds": 0.001, "blocks": 2})";
  const ProgramResult run = run_program(
      "/bin/sh", {"-c", "printf '%s\\n' \"$1\" | \"$0\" --serve --device cpu --data \"$2\"", BENCH,
                  commands, data().string()});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::istringstream lines(run.output);
  std::vector<json> answers;
  for (std::string line; std::getline(lines, line);) answers.push_back(json::parse(line));
  ASSERT_EQ(answers.size(), 11u) << run.output;
  EXPECT_EQ(answers[0]["ready"], true);
  EXPECT_GT(answers[1]["peak_bytes"], 0);
  EXPECT_EQ(answers[2]["us"].size(), 3u);
  for (const json& us : answers[2]["us"]) EXPECT_GT(us, 0);
  EXPECT_NE(answers[3]["error"].get<std::string>().find("nonsense"), std::string::npos);
  EXPECT_TRUE(answers[4].contains("error")) << "a batch of no images";
  EXPECT_TRUE(answers[5].contains("error"));
  // Whatever was measured before; but for a number that autograd makes once and keeps, a block of
  // the pool's smallest size.
  EXPECT_NEAR(answers[6]["peak_bytes"].get<double>(), answers[1]["peak_bytes"].get<double>(), 512);
  EXPECT_GT(answers[6]["flop"], 0);
  EXPECT_GT(answers[7]["flop"], 0);
  EXPECT_NE(answers[7]["flop"], answers[6]["flop"]) << "another model";
  EXPECT_NE(answers[8]["error"].get<std::string>().find("resnet"), std::string::npos);
  EXPECT_EQ(answers[9]["us"].size(), 2u);
  EXPECT_NE(answers[10]["error"].get<std::string>().find("sideways"), std::string::npos);
}

}  // namespace
}  // namespace strata::test
