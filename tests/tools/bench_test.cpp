// bench as a user meets it, on the CPU with tiny sizes, and the arithmetic of its reports.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/idx_files.h"
#include "tests/support/program.h"
#include "tools/bench/ceilings.h"
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

TEST(BenchReportTest, SaysACeilingOrWhyItIsUnknownOrLeavesItOut) {
  bench::Results results;
  results.ceilings = {.copy_rate = 2e12, .while_turn_seconds = 1.25e-6};
  const auto has = [&](const char* words) {
    return bench::markdown_report(results).find(words) != std::string::npos;
  };
  constexpr auto kKnown = "| a turn of a CUDA graph's while node, beyond its kernels | 1.25 µs |\n";
  EXPECT_TRUE(has(kKnown)) << bench::markdown_report(results);
  EXPECT_EQ(bench::json_report(results)["ceilings"],
            json({{"copy_bytes_per_second", 2e12}, {"while_turn_seconds", 1.25e-6}}));
  results.ceilings.while_turn_seconds.reset();
  results.ceilings.missing["while_turn_seconds"] = "an old driver";
  EXPECT_TRUE(has("while node, beyond its kernels | unknown: an old driver |\n"));
  EXPECT_EQ(bench::json_report(results)["ceilings"]["unknown"],
            json({{"while_turn_seconds", "an old driver"}}));
  results.ceilings.missing.clear();
  EXPECT_FALSE(has("while node"));
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
    EXPECT_FALSE(step.contains("floor_us")) << "the CPU has no ceilings";
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
  for (const char* words : {"| lenet | 8 | own | fp32 | eager |", "### mlp, batch 4, own, fp32",
                            "conv2d_relu_max_pool | backward", "14x13x1"})
    EXPECT_NE(run.output.find(words), std::string::npos) << words << " is not in\n" << run.output;
}

TEST_F(BenchTest, SaysWhatItCouldNotMeasureAndMeasuresTheRest) {
  const ProgramResult run =
      bench({"--step", "--batch-sizes", "8,1000", "--kernels", "own,library"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_NE(run.output.find("Not measured: lenet, batch 8, library"), std::string::npos);
  EXPECT_NE(run.output.find("40 images"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find("| lenet | 8 | own |"), std::string::npos) << run.output;
  EXPECT_EQ(bench({"--step", "--kernels", "library"}).exit_code, 4) << "nothing is left";
}

TEST_F(BenchTest, RefusesWhatItDoesNotKnow) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--kernels", "fast"},
                                             {"--batch-sizes", "0"},
                                             {"--precision", "fp8"},
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
{"do": "prepare", "batch_size": 4})";
  const ProgramResult run = run_program(
      "/bin/sh", {"-c", "printf '%s\\n' \"$1\" | \"$0\" --serve --device cpu --data \"$2\"", BENCH,
                  commands, data().string()});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  std::istringstream lines(run.output);
  std::vector<json> answers;
  for (std::string line; std::getline(lines, line);) answers.push_back(json::parse(line));
  ASSERT_EQ(answers.size(), 7u) << run.output;
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
}

}  // namespace
}  // namespace strata::test
