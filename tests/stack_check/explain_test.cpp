#include "tools/stack_check/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace strata::test {
namespace {

using namespace stack_check;

std::vector<std::string> ids(const Explanation& explanation) {
  std::vector<std::string> found;
  for (const Entry* entry : explanation.entries) found.push_back(entry->id);
  return found;
}

std::vector<std::string> ids(std::string_view question) {
  return ids(explain(catalogue(), question));
}

TEST(ContainsPattern, IgnoresCaseWhiteSpaceAndKindsOfQuotes) {
  EXPECT_TRUE(
      contains_pattern("Error: CUDA  driver\n\tis a STUB library!", "cuda driver is a stub"));
  EXPECT_TRUE(
      contains_pattern("insert \xe2\x80\x98nvidia\xe2\x80\x99: Key", "insert 'nvidia': key"));
  EXPECT_TRUE(contains_pattern("insert \"nvidia\"", "insert `nvidia`"));
  EXPECT_TRUE(contains_pattern("no\xc2\xa0\xc2\xa0kernel image", "no kernel image"));
  EXPECT_FALSE(contains_pattern("CUDA driver is a stu", "cuda driver is a stub"));
  EXPECT_FALSE(contains_pattern("", "a"));
  EXPECT_FALSE(contains_pattern("a", ""));
}

TEST(ContainsPattern, StarSpansAtMostTwoHundredCharacters) {
  EXPECT_TRUE(contains_pattern("libcudnn.so.9: cannot open", "libcudnn*: cannot open"));
  EXPECT_TRUE(contains_pattern("ab", "a*b"));
  EXPECT_TRUE(contains_pattern("a" + std::string(200, 'x') + "b", "a*b"));
  EXPECT_FALSE(contains_pattern("a" + std::string(201, 'x') + "b", "a*b"));
  EXPECT_FALSE(contains_pattern("b then a", "a*b"));
  EXPECT_TRUE(contains_pattern("one two three", "*one*three*"));
}

TEST(ContainsPattern, TriesEveryPlaceOfAPiece) {
  const std::string far(150, '.');
  EXPECT_TRUE(contains_pattern("a" + far + "a" + far + "b", "a*b"));
  const std::string near(90, '.');
  EXPECT_TRUE(contains_pattern("a" + near + "b" + near + "b" + far + "c", "a*b*c"));
  EXPECT_FALSE(contains_pattern("a" + far + "b" + far + far + "b" + far + "c", "a*b*c"));
  EXPECT_FALSE(contains_pattern("aa", "aa*a"));
}

TEST(ContainsPattern, ANumberIsAWholeNumber) {
  EXPECT_TRUE(contains_pattern("cudaGetDeviceCount returned 35\n->", "returned 35"));
  EXPECT_FALSE(contains_pattern("cudaGetDeviceCount returned 350", "returned 35"));
  EXPECT_FALSE(contains_pattern("code 135", "35"));
  EXPECT_TRUE(contains_pattern("libcudnn.so.8.9", "libcudnn.so.8"));
  EXPECT_FALSE(contains_pattern("Xid 179, Xid 793", "Xid*79"));
}

TEST(ContainsPattern, IsQuickOnHostileText) {
  const std::string text(4 << 20, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(contains_pattern(text, "aaaaaaaa*aaaaaaaa*aaaaaaaa*aaaaaaaab"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Explain, KnowsEveryIdInAnyCase) {
  for (const Entry& entry : catalogue().entries) {
    std::string lower = entry.id;
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(ids(entry.id), std::vector<std::string>{entry.id});
    EXPECT_EQ(ids("  " + lower + "\n"), std::vector<std::string>{entry.id});
    EXPECT_EQ(ids("BROKEN: some layer  [" + entry.id + "]\n  saw    cuInit = 100"),
              std::vector<std::string>{entry.id});
  }
}

/// A text that a * may stand for.
std::string without_stars(std::string pattern) {
  for (size_t star; (star = pattern.find('*')) != std::string::npos;)
    pattern.replace(star, 1, "7x");
  return pattern;
}

TEST(Explain, EveryPatternLeadsToItsEntry) {
  for (const Entry& entry : catalogue().entries) {
    bool first = false;
    for (const std::string& pattern : entry.texts) {
      const auto found = ids("2026-03-01 ERROR: " + without_stars(pattern) + " (see log)");
      EXPECT_NE(std::find(found.begin(), found.end(), entry.id), found.end())
          << entry.id << ": " << pattern;
      first = first || (!found.empty() && found.front() == entry.id);
    }
    EXPECT_TRUE(first) << entry.id;
  }
}

TEST(Explain, EveryAmbiguousPatternLeadsToItsCauses) {
  for (const Ambiguity& ambiguity : catalogue().ambiguities)
    for (const std::string& pattern : ambiguity.texts) {
      const Explanation found = explain(catalogue(), "! " + without_stars(pattern) + " !");
      ASSERT_EQ(found.ambiguity, &ambiguity) << pattern;
      EXPECT_EQ(found.entries.size(), ambiguity.ids.size());
    }
}

TEST(Explain, KnowsNothingOfOtherTexts) {
  for (const char* text :
       {"", " ", "hello", "ImportError: No module named 'numpy'", "35", "999", "*", "cuda",
        "E: Unable to locate package foo", "Connection refused", "3-", "libcuda.so.1"}) {
    const Explanation found = explain(catalogue(), text);
    EXPECT_TRUE(found.entries.empty()) << text;
    EXPECT_NE(to_text(found, catalogue(), Language::en).find("bug report"), std::string::npos);
    EXPECT_NE(to_text(found, catalogue(), Language::zh).find("报告问题"), std::string::npos);
  }
}

TEST(Explain, NamesBothCausesOfErrorThirtyFive) {
  const Explanation found =
      explain(catalogue(), "CUDA driver version is insufficient for CUDA runtime version");
  ASSERT_NE(found.ambiguity, nullptr);
  EXPECT_EQ(ids(found), (std::vector<std::string>{"3-NOLIB", "2-NOPASS", "4-OLDDRV"}));
  for (const Language language : {Language::en, Language::zh}) {
    const std::string text = to_text(found, catalogue(), language);
    for (const char* part : {"3-NOLIB", "2-NOPASS", "4-OLDDRV", "libcuda.so.1", "nvidia-smi",
                             "cuDriverGetVersion", "580.65.06"})
      EXPECT_NE(text.find(part), std::string::npos) << part << " in:\n" << text;
    EXPECT_LT(text.find(catalogue().word("tell_apart", language)), text.find("3-NOLIB"));
  }
}

TEST(Explain, PutsFirstWhatTheTextSpeaksFor) {
  EXPECT_EQ(ids("CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE\nuncompressed by apt\n"
                "NVRM: API mismatch: the client has the version 550.90")
                .front(),
            "1-MISMATCH");
}

TEST(Explain, ListsWhatElseTheTextFits) {
  const Explanation found = explain(
      catalogue(),
      "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open "
      "shared object file: No such file or directory\nCould not load dynamic library "
      "'libcudnn.so.8'; dlerror: libcudnn.so.8: cannot open shared object file");
  const auto all = ids(found);
  EXPECT_NE(std::find(all.begin(), all.end(), "4-NOCUDART"), all.end());
  EXPECT_NE(std::find(all.begin(), all.end(), "6-MISSING"), all.end());
  const std::string text = to_text(found, catalogue(), Language::en);
  EXPECT_LT(text.find("The text also fits"), text.rfind(all[1]));
}

TEST(ExplainText, ShowsIdLayerCauseNumberedFixesAndTheirNeeds) {
  const std::string text = to_text(explain(catalogue(), "4-olddrv"), catalogue(), Language::en);
  EXPECT_TRUE(text.starts_with("4-OLDDRV  layer 14 runtime: ")) << text;
  EXPECT_NE(text.find("\n  why   The driver (`nvidia-smi` shows its version) serves CUDA"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  fix   1) Install NVIDIA driver 580.65.06"), std::string::npos) << text;
  EXPECT_NE(text.find("and reboot.   [root, reboot, on the host, not in a container]\n"),
            std::string::npos);
  EXPECT_NE(text.find("\n        2) Or use a program"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  fine  "), std::string::npos) << text;
}

TEST(ExplainText, IsChineseOnDemand) {
  const std::string text = to_text(explain(catalogue(), "3-stub"), catalogue(), Language::zh);
  EXPECT_TRUE(text.starts_with("3-STUB  第 13 层 libcuda：驱动库\n")) << text;
  EXPECT_NE(text.find("\n  原因  "), std::string::npos) << text;
  EXPECT_NE(text.find("\n  解决  1) 从 LD_LIBRARY_PATH 中去掉"), std::string::npos) << text;
  EXPECT_NE(text.find("[需要 root]"), std::string::npos) << text;
}

TEST(ExplainText, LeavesNoPlaceOpen) {
  for (const Entry& entry : catalogue().entries)
    for (const Language language : {Language::en, Language::zh}) {
      const std::string text = to_text(explain(catalogue(), entry.id), catalogue(), language);
      EXPECT_EQ(text.find_first_of("{}"), std::string::npos) << text;
    }
}

TEST(Explain, SurvivesRandomBytes) {
  std::mt19937 random(7);
  const std::string alphabet = "*{}[]'\"\\ \n\t0123-_.:abcuCUDNVRTX\xe2\x80\x98\xff\xc2\xa0";
  for (int round = 0; round < 200; ++round) {
    std::string text(random() % 3000, '\0');
    for (char& c : text)
      c = round % 2 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    const Explanation found = explain(catalogue(), text);
    EXPECT_FALSE(to_text(found, catalogue(), Language::zh).empty());
    EXPECT_FALSE(contains_pattern(text, "a pattern that random text never holds"));
  }
}

TEST(Explain, LooksAtTheStartOfAHugeText) {
  const std::string noise(8 << 20, 'c');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(ids("CUDA driver is a stub library " + noise).front(), "3-STUB");
  EXPECT_TRUE(ids(noise).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace strata::test
