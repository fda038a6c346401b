#include "tools/stack_check/system/library_search.h"

#include <gtest/gtest.h>

#include "tests/stack_check/fake_machine.h"
#include "tests/stack_check/small_files.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::string kName = "libcuda.so.1";

/// A machine with the folders a, b, c, d, each with a copy of its own, and places that lead
/// nowhere.
class LibrarySearchTest : public testing::Test {
 protected:
  LibrarySearchTest() {
    for (const char* folder : {"a", "b", "c", "d"}) machine_.file(in(folder), folder);
    places_.cache = path("cache");
    places_.default_folders = {};
  }
  static std::string in(const std::string& folder) { return "/" + folder + "/" + kName; }
  std::string path(const std::string& file) const { return machine_.place("/" + file).string(); }

  /// "reason folder" of each candidate.
  std::vector<std::string> found() const {
    std::vector<std::string> result;
    for (const LibraryCandidate& it : find_library(kName, places_))
      result.push_back(it.reason + " " +
                       std::filesystem::path(it.path).parent_path().filename().string());
    return result;
  }
  void write_program(const std::string& search_path, int64_t tag) {
    machine_.file("/program", SmallElf("program", search_path, tag).bytes());
    places_.program = path("program");
  }

  FakeMachine machine_;
  SearchPlaces places_;
};
using Found = std::vector<std::string>;

TEST_F(LibrarySearchTest, TheOrderOfTheLoader) {
  places_.ld_library_path = path("b");
  write_program(path("a"), DT_RUNPATH);
  machine_.file("/cache", small_cache({{kName, path("c/" + kName)}, {"libx.so", path("x")}}));
  places_.default_folders = {path("d")};
  EXPECT_EQ(found(), (Found{"by_ld_library_path b", "by_runpath a", "by_cache c", "by_default d"}));
  write_program(path("a"), DT_RPATH);
  EXPECT_EQ(found(), (Found{"by_runpath a", "by_ld_library_path b", "by_cache c", "by_default d"}));
}

TEST_F(LibrarySearchTest, ListsOfFolders) {
  places_.ld_library_path = path("nowhere") + ":" + path("b") + ";" + path("a") + "/:" + path("b");
  EXPECT_EQ(found(), (Found{"by_ld_library_path b", "by_ld_library_path a"}));
  places_.ld_library_path = "";
  EXPECT_EQ(found(), Found{});
}

TEST_F(LibrarySearchTest, AnEmptyFolderIsTheCurrentOne) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(path("a"));
  places_.ld_library_path = path("b") + ":";
  const auto candidates = find_library(kName, places_);
  std::filesystem::current_path(before);
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_EQ(candidates[1].path, "./" + kName);
  EXPECT_EQ(candidates[1].target, std::filesystem::canonical(path("a/" + kName)).string());
}

TEST_F(LibrarySearchTest, OriginIsTheFolderOfTheProgram) {
  write_program("$ORIGIN/c:${ORIGIN}/d", DT_RUNPATH);
  EXPECT_EQ(found(), (Found{"by_runpath c", "by_runpath d"}));
}

TEST_F(LibrarySearchTest, OneEntryForARealFile) {
  machine_.link("/linked", "a").link("/e/" + kName, "../a/" + kName);
  places_.default_folders = {path("linked"), path("e"), path("a"), path("b")};
  EXPECT_EQ(found(), (Found{"by_default linked", "by_default b"}));
}

TEST_F(LibrarySearchTest, ALinkThatLeadsNowhereIsNamed) {
  machine_.link("/e/" + kName, "libcuda.so.580.159.04").link("/linked", "e");
  places_.default_folders = {path("e"), path("linked"), path("a")};
  const auto candidates = find_library(kName, places_);
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_EQ(candidates[0].path, path("e/" + kName));
  EXPECT_EQ(candidates[0].target, "");
  EXPECT_NE(candidates[1].target, "");
}

TEST_F(LibrarySearchTest, APathIsNotSearched) {
  places_.default_folders = {path("")};
  EXPECT_TRUE(find_library("a/" + kName, places_).empty());
  EXPECT_TRUE(find_library("", places_).empty());
}

TEST(LoaderCacheTest, EntriesForThisProcessor) {
  const std::string bytes = small_cache({{"libcuda.so.1", "/lib/libcuda.so.1"},
                                         {"libcuda.so.1", "/lib32/libcuda.so.1", 0x0003},
                                         {"libcuda.so.1", "/libx32/libcuda.so.1", 0x0803},
                                         {"libz.so.1", "/lib/libz.so.1"}});
  const Pairs expected = {{"libcuda.so.1", "/lib/libcuda.so.1"}, {"libz.so.1", "/lib/libz.so.1"}};
  EXPECT_EQ(parse_loader_cache(bytes), expected);
}

TEST(LoaderCacheTest, BehindAPartInTheOldFormat) {
  const std::string cache = small_cache({{"libz.so.1", "/lib/libz.so.1"}});
  const std::string old = std::string("ld.so-1.7.0\0", 12) + std::string("\1\0\0\0", 4) +
                          std::string(12, 'x') + std::string(4, '\0');
  EXPECT_EQ(parse_loader_cache(old + cache), (Pairs{{"libz.so.1", "/lib/libz.so.1"}}));
  EXPECT_EQ(parse_loader_cache(old), Pairs{});
}

TEST(LoaderCacheTest, OtherFilesHaveNone) {
  const std::string bytes = small_cache({{"libz.so.1", "/lib/libz.so.1"}});
  EXPECT_EQ(parse_loader_cache(""), Pairs{});
  EXPECT_EQ(parse_loader_cache("glibc-ld.so.cache1.0" + bytes.substr(20)), Pairs{});
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(parse_loader_cache(bytes.substr(0, size)), Pairs{}) << size;
}

TEST(LoaderCacheTest, NamesThatShareTextDoNotGrowWithoutBound) {
  std::string bytes = small_cache(std::vector<CacheEntry>(100'000, {"a", "b"}));
  const std::string far = std::string(4000, 'n') + '\0';
  const uint32_t start = static_cast<uint32_t>(bytes.size());
  for (size_t entry = 48; entry < 48 + 24 * 100'000; entry += 24) {
    std::memcpy(bytes.data() + entry + 4, &start, sizeof start);
    std::memcpy(bytes.data() + entry + 8, &start, sizeof start);
  }
  EXPECT_LT(parse_loader_cache(bytes + far).size(), 10'000u);
}

}  // namespace
}  // namespace strata::test
