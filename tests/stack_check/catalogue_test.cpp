#include "tools/stack_check/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/stack_check/data/data.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Json = nlohmann::json;

const std::vector<std::string> kIds = {
    "0-NOGPU",   "0-NOUVEAU",  "0-VFIO",     "0-LOST",    "0-BAR",      "0-POWER",    "1-NOMOD",
    "1-DKMS",    "1-SECBOOT",  "1-MISMATCH", "1-GSP",     "1-LEGACY",   "1-NEEDOPEN", "1-GSPFW",
    "1-UVM",     "1-SUSPEND",  "1-HMM",      "1-FABRIC",  "1-ECC",      "2-PERM",     "2-NOPASS",
    "2-HOSTLIB", "2-CAPS",     "2-CGROUP",   "2-REQUIRE", "2-WSL",      "3-NOLIB",    "3-STUB",
    "3-BADFILE", "3-COMPAT",   "3-HIDDEN",   "3-MIG",     "3-BUSY",     "3-OOM",      "4-NOCUDART",
    "4-OLDDRV",  "4-NOKERNEL", "4-PTX",      "4-NOJIT",   "4-CONFUSED", "5-INIT",     "5-LTMIX",
    "6-MISSING", "6-SUBLIB",   "6-MIX",      "6-OLD",     "6-ARCH",     "6-NVRTC",    "7-SHM",
    "7-HANG",    "7-P2PBAD",   "7-NCCLMIX",  "8-CPU",     "9-TRAIN"};

const std::vector<std::string> kMoreIds = {
    "ANY-CRASH", "ANY-HANG", "ANY-ERROR", "ANY-WRONG", "ANY-SLOW", "0-PCIE",   "1-XID",
    "1-HOT",     "2-NODES",  "3-SHARED",  "5-MISSING", "5-OLD",    "7-MISSING"};

const std::set<std::string> kPlaces = {
    "gpu",     "driver",   "needed",        "driver_cuda", "runtime",  "cuda",  "library",
    "path",    "other",    "folder",        "version",     "built",    "code",  "call",
    "cc",      "pids",     "architectures", "variable",    "meaning",  "free",  "total",
    "kernel",  "bound",    "nodes",         "container",   "shm",      "fault", "signal",
    "seconds", "expected", "measured",      "what",        "layer",    "error", "width",
    "xid",     "reasons",  "width_max",     "command",     "max_cudnn"};

struct Place {
  std::string name, preset;
};

/// The places {name|preset} and {name} of a text.
std::vector<Place> places(const std::string& text) {
  std::vector<Place> found;
  for (size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1)) {
    const std::string place = text.substr(open + 1, text.find('}', open) - open - 1);
    const size_t bar = std::min(place.find('|'), place.size());
    const std::string name = place.substr(0, bar);
    if (!name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == name.npos)
      found.push_back({name, bar < place.size() ? place.substr(bar + 1) : ""});
  }
  return found;
}

std::set<std::string> names(const std::string& text) {
  std::set<std::string> found;
  for (const Place& place : places(text)) found.insert(place.name);
  return found;
}

/// The first byte in UTF-8 of U+4000 to U+9FFF.
bool has_chinese(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0xe4 && byte <= 0xe9;
  });
}

std::vector<Text> texts_of(const Entry& entry) {
  std::vector<Text> texts = {entry.title, entry.why, entry.fine};
  for (const Fix& fix : entry.fixes) texts.push_back(fix.text);
  return texts;
}

/// The text within `...`: commands, which are the same in every language.
std::vector<std::string> commands(const std::string& text) {
  std::vector<std::string> found;
  for (size_t open = text.find('`'); open != std::string::npos; open = text.find('`', open + 1)) {
    const size_t close = text.find('`', open + 1);
    if (close == std::string::npos) break;
    const std::string command = text.substr(open + 1, close - open - 1);
    if (!has_chinese(command)) found.push_back(command);
    open = close;
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(Catalogue, HoldsEveryFailure) {
  std::vector<std::string> expected = kIds;
  expected.insert(expected.end(), kMoreIds.begin(), kMoreIds.end());
  ASSERT_EQ(kIds.size(), 54u);
  for (const std::string& id : expected) EXPECT_NE(catalogue().find(id), nullptr) << id;
  EXPECT_EQ(catalogue().entries.size(), expected.size());
  EXPECT_EQ(catalogue().find("9-NONE"), nullptr);
}

TEST(Catalogue, EveryIdStartsWithItsLayer) {
  for (const Entry& entry : catalogue().entries) {
    if (entry.id.starts_with("ANY-")) {
      EXPECT_FALSE(entry.layer) << entry.id;
    } else {
      ASSERT_TRUE(entry.layer) << entry.id;
      EXPECT_EQ(static_cast<int>(*entry.layer), 10 + entry.id.front() - '0') << entry.id;
    }
  }
}

TEST(Catalogue, EntriesStandInTheOrderOfTheLayers) {
  int last = 0;
  for (const Entry& entry : catalogue().entries) {
    const int layer = entry.layer ? static_cast<int>(*entry.layer) : 20;
    EXPECT_GE(layer, last) << entry.id;
    last = layer;
  }
}

TEST(Catalogue, EveryTextIsThereInBothLanguages) {
  for (const Entry& entry : catalogue().entries) {
    EXPECT_GE(entry.fixes.size(), 1u) << entry.id;
    EXPECT_LE(entry.fixes.size(), 2u) << entry.id;
    EXPECT_GE(entry.texts.size(), 2u) << entry.id;
    EXPECT_FALSE(entry.title.en.ends_with('.')) << entry.id;
    EXPECT_FALSE(entry.title.zh.ends_with("。")) << entry.id;
    for (const Text& text : texts_of(entry)) {
      EXPECT_FALSE(text.en.empty()) << entry.id;
      EXPECT_TRUE(has_chinese(text.zh)) << entry.id << ": " << text.zh;
      EXPECT_FALSE(has_chinese(text.en)) << entry.id << ": " << text.en;
    }
  }
  for (const Ambiguity& ambiguity : catalogue().ambiguities) {
    EXPECT_FALSE(has_chinese(ambiguity.tell_apart.en));
    EXPECT_TRUE(has_chinese(ambiguity.tell_apart.zh)) << ambiguity.tell_apart.zh;
  }
}

TEST(Catalogue, LanguagesHaveTheSamePlaces) {
  for (const Entry& entry : catalogue().entries)
    for (const Text& text : texts_of(entry)) EXPECT_EQ(names(text.en), names(text.zh)) << entry.id;
  for (const auto& [key, word] : catalogue().words)
    EXPECT_EQ(names(word.en), names(word.zh)) << key;
}

TEST(Catalogue, LanguagesNameTheSameCommands) {
  for (const Entry& entry : catalogue().entries)
    for (const Text& text : texts_of(entry)) {
      if (commands(text.zh).size() == commands(text.en).size()) {
        EXPECT_EQ(commands(text.en), commands(text.zh)) << entry.id;
      }
      EXPECT_EQ(std::count(text.en.begin(), text.en.end(), '`'),
                std::count(text.zh.begin(), text.zh.end(), '`'))
          << entry.id << ": " << text.zh;
    }
}

TEST(Catalogue, EveryPlaceIsKnownAndHasADefault) {
  for (const Entry& entry : catalogue().entries)
    for (const Text& text : texts_of(entry))
      for (const std::string& language : {text.en, text.zh}) {
        for (const Place& place : places(language)) {
          EXPECT_TRUE(kPlaces.contains(place.name)) << entry.id << ": " << place.name;
          EXPECT_FALSE(place.preset.empty()) << entry.id << ": " << place.name;
        }
        EXPECT_EQ(fill(language, {}).find('{'), std::string::npos) << fill(language, {});
      }
}

TEST(Catalogue, FixesThatNeedRootOrARebootSaySo) {
  for (const Entry& entry : catalogue().entries)
    for (const Fix& fix : entry.fixes) {
      if (fix.text.en.find("BIOS") != std::string::npos) {
        EXPECT_TRUE(fix.reboot) << entry.id << ": " << fix.text.en;
      }
      for (const char* command : {"`sudo modprobe", "`sudo mokutil", "`sudo systemctl"})
        if (fix.text.en.find(command) != std::string::npos) {
          EXPECT_TRUE(fix.root && fix.on_host) << entry.id << ": " << fix.text.en;
        }
      if (fix.text.en.ends_with("and reboot.")) {
        EXPECT_TRUE(fix.reboot) << entry.id << ": " << fix.text.en;
      }
    }
}

TEST(Catalogue, PatternsAreSpecificAndTellEntriesApart) {
  std::map<std::string, std::string> owner;
  for (const Entry& entry : catalogue().entries)
    for (const std::string& pattern : entry.texts) {
      EXPECT_GE(pattern.size() - std::count(pattern.begin(), pattern.end(), '*'), 6u) << pattern;
      EXPECT_TRUE(owner.emplace(pattern, entry.id).second)
          << pattern << ": " << entry.id << " and " << owner[pattern];
    }
}

TEST(Catalogue, AmbiguitiesNameSeveralEntriesAndHowToTell) {
  EXPECT_GE(catalogue().ambiguities.size(), 10u);
  for (const Ambiguity& ambiguity : catalogue().ambiguities) {
    ASSERT_FALSE(ambiguity.texts.empty());
    EXPECT_GE(ambiguity.ids.size(), 2u) << ambiguity.texts.front();
    for (const std::string& id : ambiguity.ids) {
      EXPECT_NE(catalogue().find(id), nullptr) << id;
      EXPECT_NE(ambiguity.tell_apart.en.find(id), std::string::npos) << ambiguity.tell_apart.en;
      EXPECT_NE(ambiguity.tell_apart.zh.find(id), std::string::npos) << ambiguity.tell_apart.zh;
    }
  }
}

TEST(Catalogue, HasTheWordsOfTheReport) {
  for (const char* key :
       {"ok", "warn", "fail", "unknown", "blocked", "skipped", "saw", "why", "fix", "fine",
        "needs_root", "needs_reboot", "needs_host", "three_numbers"}) {
    ASSERT_TRUE(catalogue().words.contains(key)) << key;
    EXPECT_NE(catalogue().word(key, Language::en), catalogue().word(key, Language::zh)) << key;
  }
  for (const Layer layer : kLayers)
    EXPECT_TRUE(catalogue().words.contains("layer_" + std::string(name_of(layer))));
  EXPECT_EQ(catalogue().word("blocked_by", Language::en, {{"layer", "runtime"}}),
            "blocked by runtime");
  EXPECT_EQ(catalogue().word("blocked_by", Language::zh, {{"layer", "runtime"}}),
            "受 runtime 层阻塞");
  EXPECT_EQ(catalogue().word("no such word", Language::zh), "no such word");
}

TEST(Catalogue, FileHasADate) {
  const std::string date = Json::parse(k_catalogue_json).at("date");
  ASSERT_EQ(date.size(), 10u) << date;
  for (size_t i = 0; i < date.size(); ++i)
    EXPECT_TRUE(i == 4 || i == 7 ? date[i] == '-' : date[i] >= '0' && date[i] <= '9') << date;
}

}  // namespace
}  // namespace strata::test
