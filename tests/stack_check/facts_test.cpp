#include "tools/stack_check/facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/stack_check/data/data.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::test {
namespace {

using namespace stack_check;

using Json = nlohmann::json;

/// What parse_facts says of the file after a change; empty: nothing.
std::string fault_after(const std::function<void(Json& file)>& change) {
  Json file = Json::parse(k_facts_json);
  change(file);
  try {
    parse_facts(file.dump());
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(FactsTest, TheFileCarriesItsDate) {
  const std::string& date = facts().date;
  ASSERT_EQ(date.size(), 10u);
  EXPECT_GE(date, "2026-11-23");
  EXPECT_EQ(date[4], '-');
  EXPECT_EQ(date[7], '-');
}

TEST(FactsTest, EveryMemberIsMissedByName) {
  const Json file = Json::parse(k_facts_json);
  for (const auto& [member, value] : file.items()) {
    if (member == "about" || member.ends_with("_why") || member.ends_with("_source")) continue;
    const std::string name = member;
    const std::string fault = fault_after([&](Json& changed) { changed.erase(name); });
    EXPECT_NE(fault.find(name), std::string::npos) << name << " is not read: " << fault;
  }
}

TEST(FactsTest, ErrorsNameTheEntry) {
  EXPECT_EQ(fault_after([](Json& file) { file["pci_ranges"][3]["first"] = "1340"; }),
            "facts.json: pci_ranges[3].first: '1340' is no device id like 0x2330");
  EXPECT_EQ(fault_after([](Json& file) { file["pci_ranges"][3]["last"] = "0x12345"; }),
            "facts.json: pci_ranges[3].last: '0x12345' is no device id like 0x2330");
  EXPECT_EQ(fault_after([](Json& file) { file["cuda_majors"][1].erase("minimum_driver"); }),
            "facts.json: cuda_majors[1].minimum_driver: is missing");
  EXPECT_EQ(fault_after([](Json& file) { file["cuda_releases"][0]["cuda"] = "11.0"; }),
            "facts.json: cuda_releases[0].cuda: is of the wrong type");
  EXPECT_EQ(fault_after([](Json& file) { file["cudnn_releases"][0]["sublibraries"] = {1}; }),
            "facts.json: cudnn_releases[0].sublibraries: has an element of the wrong type");
  EXPECT_EQ(fault_after([](Json& file) { file["generations"][0]["open_modules"] = "maybe"; }),
            "facts.json: generations[0].open_modules: 'maybe' is not known");
  EXPECT_EQ(fault_after([](Json& file) { file["time_limits"][2] = 60; }),
            "facts.json: time_limits[2]: is of the wrong type");
  EXPECT_EQ(fault_after([](Json& file) { file["cards"]["0x2330"] = 1; }),
            "facts.json: cards.0x2330: is of the wrong type");
  EXPECT_EQ(fault_after([](Json& file) { file["nccl"] = 1; }),
            "facts.json: nccl.minimum_version: is missing");
  EXPECT_THROW(parse_facts("{"), std::runtime_error);
}

TEST(FactsTest, MinimumDriversByCudaMajor) {
  EXPECT_EQ(minimum_driver(facts(), 11), "450.80.02");
  EXPECT_EQ(minimum_driver(facts(), 12), "525.60.13");
  EXPECT_EQ(minimum_driver(facts(), 13), "580.65.06");
  EXPECT_EQ(minimum_driver(facts(), 14), "");
  EXPECT_EQ(cuda_major(facts(), 13)->lowest_cc, 75);
  EXPECT_EQ(cuda_major(facts(), 12)->lowest_cc, 50);
}

TEST(FactsTest, DriversThatCompileAReleasesPtx) {
  EXPECT_EQ(driver_for_ptx(facts(), 13000), "580.65.06");
  EXPECT_EQ(driver_for_ptx(facts(), 12080), "570.26");
  EXPECT_EQ(driver_for_ptx(facts(), 12070), "570.26");  // there was no 12.7
  EXPECT_EQ(driver_for_ptx(facts(), 11080), "520.61.05");
  EXPECT_EQ(driver_for_ptx(facts(), 99000), "");
}

TEST(FactsTest, DriversRiseWithTheReleases) {
  const auto& releases = facts().cuda_releases;
  for (size_t i = 1; i < releases.size(); ++i) {
    EXPECT_LT(releases[i - 1].cuda, releases[i].cuda);
    EXPECT_EQ(compare_versions(releases[i - 1].driver, releases[i].driver), -1) << releases[i].cuda;
  }
  for (const CudaMajor& major : facts().cuda_majors)
    EXPECT_LE(
        compare_versions(major.minimum_driver, driver_for_ptx(facts(), major.major * 1000 + 10)), 0)
        << major.major;
}

TEST(FactsTest, BlackwellNeedsCuda12_8AndItsDriver) {
  EXPECT_EQ(first_cuda_for(facts(), 120), 12080);
  EXPECT_EQ(driver_for_ptx(facts(), first_cuda_for(facts(), 120)), "570.26");
  EXPECT_EQ(first_cuda_for(facts(), 90), 11080);
  EXPECT_EQ(first_cuda_for(facts(), 61), 0);  // older than all that matters here
}

TEST(FactsTest, CudnnReleases) {
  const std::vector<std::string> seven = {
      "graph", "ops", "cnn", "adv", "heuristic", "engines_precompiled", "engines_runtime_compiled"};
  EXPECT_EQ(cudnn_release(facts(), 91400)->sublibraries, seven);
  EXPECT_EQ(cudnn_release(facts(), 91900)->sublibraries, seven);
  EXPECT_EQ(cudnn_release(facts(), 92000)->sublibraries, seven);
  EXPECT_EQ(cudnn_release(facts(), 92101)->sublibraries.back(), "engines_tensor_ir");
  EXPECT_EQ(cudnn_release(facts(), 92500)->sublibraries.back(), "ext");
  EXPECT_EQ(cudnn_release(facts(), 8905), nullptr);

  EXPECT_EQ(cudnn_release(facts(), 91002)->lowest_cc, 50);  // the last for Maxwell to Volta
  EXPECT_EQ(cudnn_release(facts(), 91100)->lowest_cc, 75);
  EXPECT_EQ(cudnn_release(facts(), 90600)->highest_cc, 90);
  EXPECT_EQ(cudnn_release(facts(), 90700)->highest_cc, 120);
  EXPECT_EQ(cudnn_release(facts(), 91002)->cuda_majors, (std::vector{11, 12}));
  EXPECT_EQ(cudnn_release(facts(), 91700)->cuda_majors, (std::vector{12, 13}));
  for (size_t i = 1; i < facts().cudnn_releases.size(); ++i)
    EXPECT_LT(facts().cudnn_releases[i - 1].from, facts().cudnn_releases[i].from);
}

TEST(FactsTest, MachineCodeRunsOnItsMajorVersionOnly) {
  EXPECT_TRUE(sass_runs_on({80}, 80));
  EXPECT_TRUE(sass_runs_on({80}, 86));
  EXPECT_TRUE(sass_runs_on({75, 90}, 90));
  EXPECT_TRUE(sass_runs_on({120}, 121));
  EXPECT_FALSE(sass_runs_on({86}, 80));
  EXPECT_FALSE(sass_runs_on({80}, 90));
  EXPECT_FALSE(sass_runs_on({100}, 120));
  EXPECT_FALSE(sass_runs_on({}, 90));
}

TEST(FactsTest, ModulesAndDriversByGeneration) {
  EXPECT_EQ(generation_of(facts(), 0x1b06)->last_driver_branch, 580);
  EXPECT_EQ(generation_of(facts(), 0x1db4)->last_driver_branch, 580);
  EXPECT_EQ(generation_of(facts(), 0x102d)->last_driver_branch, 470);
  EXPECT_EQ(generation_of(facts(), 0x1eb8)->last_driver_branch, 0);
  EXPECT_EQ(generation_of(facts(), 0x1db4)->open_modules, OpenModules::impossible);
  EXPECT_EQ(generation_of(facts(), 0x1eb8)->open_modules, OpenModules::possible);
  EXPECT_EQ(generation_of(facts(), 0x2b85)->open_modules, OpenModules::required);
  EXPECT_EQ(generation_of(facts(), 0x2901)->first_driver_branch, 570);
}

TEST(FactsTest, PeaksFollowFromTheCard) {
  // H100 SXM: the vendor states 67 and 989 TFLOP/s at 1.83 GHz, 3.35 TB/s, PCIe 5.0 x16.
  EXPECT_NEAR(peak_fp32(facts(), 90, 132, 1980000), 66.9, 0.1);
  EXPECT_NEAR(peak_bf16(facts(), 90, 132, 1830000), 989.4, 0.5);
  EXPECT_NEAR(peak_memory(2619000, 5120), 3352, 1);
  EXPECT_NEAR(peak_link(facts(), 32, 16), 63, 0.1);
  // A100: 19.5 and 312 at 1.41 GHz, PCIe 4.0; RTX 4090: 82.6 and 165 at 2.52 GHz.
  EXPECT_NEAR(peak_fp32(facts(), 80, 108, 1410000), 19.5, 0.1);
  EXPECT_NEAR(peak_bf16(facts(), 80, 108, 1410000), 312, 0.5);
  EXPECT_NEAR(peak_link(facts(), 16, 16), 31.5, 0.1);
  EXPECT_NEAR(peak_fp32(facts(), 89, 128, 2520000), 82.6, 0.1);
  EXPECT_NEAR(peak_bf16(facts(), 89, 128, 2520000), 165.2, 0.5);
  EXPECT_EQ(peak_bf16(facts(), 75, 40, 1590000), 0);  // Turing has no bf16
  EXPECT_EQ(peak_fp32(facts(), 999, 1, 1), 0);
  EXPECT_EQ(peak_link(facts(), 7, 16), 0);
}

TEST(FactsTest, EveryArchitectureOfTheCardsHasItsPeaks) {
  for (const PciRange& range : facts().pci_ranges)
    if (range.cc >= 75) {
      EXPECT_GT(peak_fp32(facts(), range.cc, 1, 1000000), 0) << range.cc;
      EXPECT_GT(first_cuda_for(facts(), range.cc) + (range.cc == 75), 0) << range.cc;
    }
}

TEST(FactsTest, SharesAreShares) {
  for (const char* name :
       {"copy_to", "copy_from", "memory", "fp32_product", "bf16_product", "convolution"}) {
    EXPECT_GT(least_share(facts(), name), 0) << name;
    EXPECT_LT(least_share(facts(), name), 0.8) << name;
  }
  EXPECT_EQ(least_share(facts(), "no such thing"), 0);
}

TEST(FactsTest, TrainingBandsAndSteps) {
  const TrainingBand* mnist = training_band(facts(), "mnist");
  const TrainingBand* digits = training_band(facts(), "digits");
  ASSERT_TRUE(mnist && digits);
  EXPECT_GT(mnist->least_accuracy, digits->least_accuracy);
  EXPECT_LT(mnist->least_accuracy, 98.72);  // the lowest of ten seeds
  EXPECT_LT(digits->least_accuracy, 94.95);
  EXPECT_GT(mnist->greatest_loss, 0.0495);  // the highest of ten seeds
  EXPECT_GT(digits->greatest_loss, 0.184);
  EXPECT_LT(digits->greatest_loss, 2.3);  // what guessing costs
  EXPECT_EQ(training_band(facts(), "fashion"), nullptr);
  EXPECT_EQ(training_step_us(facts(), "NVIDIA H100 80GB HBM3"), 165);
  EXPECT_EQ(training_step_us(facts(), "GeForce RTX 4090"), 0);
  EXPECT_GT(facts().slow_step_factor, 1);
  EXPECT_GT(mnist->loss_tolerance, 5.8e-7);  // the largest of ten seeds
  EXPECT_GT(digits->loss_tolerance, 3.5e-3);
  EXPECT_LT(digits->loss_tolerance, 0.05);
}

TEST(FactsTest, EveryProbeHasItsTimeLimit) {
  for (const char* probe :
       {"libcuda", "nvml", "runtime", "cublas", "cudnn", "nccl", "ops", "training"})
    EXPECT_TRUE(std::any_of(facts().time_limits.begin(), facts().time_limits.end(),
                            [&](const TimeLimit& limit) { return limit.probe == probe; }))
        << probe;
  EXPECT_EQ(time_limit(facts(), "libcuda").limit, 60);
  EXPECT_EQ(time_limit(facts(), "libcuda").slow, 10);
  EXPECT_EQ(time_limit(facts(), "training").limit, 120);
  EXPECT_EQ(time_limit(facts(), "another").limit, 60);
}

TEST(FactsTest, Nccl) {
  EXPECT_EQ(facts().nccl.minimum_version, 21900);
  EXPECT_EQ(facts().nccl.docker_shm_bytes, 64u << 20);
  EXPECT_GT(facts().nccl.small_shm_bytes, facts().nccl.docker_shm_bytes);
}

}  // namespace
}  // namespace strata::test
