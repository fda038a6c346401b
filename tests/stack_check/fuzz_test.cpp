// The fuzz targets on a fixed set of inputs: sound files, and each of them cut, with bits turned
// over, with parts repeated and overwritten. A target aborts when a parser contradicts itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/fuzz/targets.h"
#include "tests/stack_check/small_files.h"
#include "tools/stack_check/data/data.h"

namespace strata::test {
namespace {

using Target = void (*)(std::string_view);

/// The same on every machine, unlike the standard's distributions.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : bits_(seed) {}

  std::string noise(size_t limit) {
    std::string bytes(below(limit), '\0');
    for (char& byte : bytes) byte = static_cast<char>(below(256));
    return bytes;
  }
  std::string mutated(std::string bytes) {
    for (size_t change = 1 + below(4); change > 0 && !bytes.empty(); --change) change_once(bytes);
    return bytes;
  }

 private:
  size_t below(size_t limit) { return bits_() % limit; }
  void change_once(std::string& bytes) {
    const size_t at = below(bytes.size());
    const size_t count = 1 + below(std::min<size_t>(bytes.size() - at, 16));
    switch (below(5)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.insert(below(bytes.size()), bytes.substr(at, count));
        break;
      case 3:
        bytes.erase(at, count);
        break;
      case 4:
        bytes.replace(at, count, count, "\xff\0 9\n,"[below(6)]);
        break;
    }
  }

  std::mt19937 bits_;
};

void feed(Target target, const std::vector<std::string>& samples, int inputs = 3000) {
  Mutator mutator(1);
  target("");
  for (const std::string& sample : samples) target(sample);
  for (int i = 0; i < inputs; ++i) {
    target(mutator.noise(200));
    target(mutator.mutated(samples[static_cast<size_t>(i) % samples.size()]));
  }
}

/// The samples of tests/fuzz/samples whose names begin so.
std::vector<std::string> samples(const std::string& prefix) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/samples"))
    if (entry.path().filename().string().starts_with(prefix)) {
      std::ifstream file(entry.path());
      found.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(FuzzTest, Anonymous) {
  feed(fuzz::anonymous,
       {"dlopen(/opt/x/libcuda.so.1): GPU-1346b89f-3b8c, /dev/nvidia0, a: /b c/d"});
}

TEST(FuzzTest, Catalogue) {
  ASSERT_FALSE(samples("catalogue").empty());
  feed(fuzz::catalogue, samples("catalogue"));
}

TEST(FuzzTest, Explain) {
  feed(fuzz::explain,
       {"CUDA driver version is insufficient for CUDA runtime version", "[3-STUB] * of 35"}, 300);
}

TEST(FuzzTest, Facts) {
  feed(fuzz::facts, {stack_check::k_facts_json}, 300);
}

/// Numbers that no int holds, which a judge must not cast.
TEST(FuzzTest, ProbeReport) {
  ASSERT_GE(samples("probe_report").size(), 9u);
  std::vector<std::string> reports = samples("probe_report");
  for (const char* number : {"1e300", "-1e300", "18446744073709551615", "-2147483648", "0.5"}) {
    std::string line;
    for (const char* key : {"count", "cc", "version", "built", "max_device", "runtime_cuda",
                            "driver_cuda", "clock_khz", "multiprocessors", "memory_free"})
      line += std::string(line.empty() ? "" : ",") + '"' + key + "\":" + number;
    reports.push_back("@{\"facts\":{" + line + ",\"device\":{" + line + "},\"gpus\":[{" + line +
                      "}]}}\n");
  }
  feed(fuzz::probe_report, reports, 200);
}

TEST(FuzzTest, Elf) {
  feed(fuzz::elf, {SmallElf("libcuda.so.1", "$ORIGIN").bytes(), "INPUT(libx.so)"});
}

TEST(FuzzTest, LoaderCache) {
  const std::string cache = small_cache({{"libcuda.so.1", "/lib/libcuda.so.1"}, {"b", "c"}});
  feed(fuzz::loader_cache,
       {cache, std::string("ld.so-1.7.0\0\0\0\0\0", 16) + cache, "/lib/libcuda.so.580.159.04"});
}

TEST(FuzzTest, KernelLog) {
  feed(fuzz::kernel_log,
       {"4,871,563988,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1\\x0aNVRM: more\n KEY=value\n",
        "Jul  1 10:00:00 h kernel: [   12.5] NVRM: a\n[   12.5] NVRM: b\nx systemd-sleep[1]: y\n"});
}

TEST(FuzzTest, PciIds) {
  feed(fuzz::pci_ids, {"0x10de\n", "32.0 GT/s PCIe\n", "16\n"});
}

TEST(FuzzTest, ProcTexts) {
  feed(fuzz::proc_texts,
       {"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\n",
        "Linux version 6.8.0-41-generic (buildd@x)\n", "PRETTY_NAME=\"Debian GNU/Linux 12\"\n",
        "nv.c:7:5: error: x\nmake[1]: *** [all] Error 2\n", "0::/kubepods.slice/pod1\n",
        std::string("\6\0\0\0\1", 5)});
}

TEST(FuzzTest, RootPaths) {
  feed(fuzz::root_paths, {"a\n/etc\nb\na/../b\nc\n../../..\nd\n/d\n"});
}

TEST(FuzzTest, Versions) {
  feed(fuzz::versions, {"580.159.04\n580.65.06", "0,1,GPU-1346b89f-3b8c,MIG-GPU-13/1/0,-1"});
}

}  // namespace
}  // namespace strata::test
