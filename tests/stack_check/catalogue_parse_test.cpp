#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/stack_check/catalogue.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Json = nlohmann::json;

TEST(Fill, PutsValuesAndDefaultsIntoPlaces) {
  EXPECT_EQ(fill("driver {driver|as installed}.", {{"driver", "535.183.01"}}),
            "driver 535.183.01.");
  EXPECT_EQ(fill("driver {driver|as installed}.", {}), "driver as installed.");
  EXPECT_EQ(fill("driver {driver|as installed}.", {{"driver", ""}}), "driver as installed.");
  EXPECT_EQ(fill("{a|b|c}{d}", {{"d", "{a|x}"}}), "b|c{a|x}");
  EXPECT_EQ(fill("{name}", {}), "{name}");
}

TEST(Fill, LeavesOtherBracesAlone) {
  EXPECT_EQ(fill("awk '{print $1}' {path|FILE}", {}), "awk '{print $1}' FILE");
  EXPECT_EQ(fill("{{path|x}}", {}), "{x}");
  EXPECT_EQ(fill("{path|never closed", {}), "{path|never closed");
  EXPECT_EQ(fill("{} {|x} }{", {}), "{} {|x} }{");
  EXPECT_EQ(fill("", {}), "");
}

Json small_catalogue() {
  const Json text = {{"en", "a"}, {"zh", "甲"}};
  const Json fix = {{"text", text}, {"needs", {"root", "host"}}};
  const Json entry = {{"id", "3-STUB"},
                      {"layer", "libcuda"},
                      {"title", text},
                      {"why", text},
                      {"fixes", Json::array({fix})},
                      {"fine", text},
                      {"texts", {"stub library"}}};
  const Json ambiguity = {{"texts", {"error 34"}}, {"ids", {"3-STUB"}}, {"tell_apart", text}};
  return {{"words", {{"saw", text}}},
          {"entries", Json::array({entry})},
          {"ambiguities", Json::array({ambiguity})}};
}

/// What parse_catalogue says about small_catalogue() with the JSON patch applied.
std::string error_of(const Json& patch) {
  try {
    parse_catalogue(small_catalogue().patch(Json::array({patch})).dump());
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ParseCatalogue, ReadsEveryMember) {
  const Catalogue parsed = parse_catalogue(small_catalogue().dump());
  ASSERT_EQ(parsed.entries.size(), 1u);
  const Entry& entry = parsed.entries.front();
  EXPECT_EQ(entry.layer, Layer::libcuda);
  EXPECT_EQ(entry.title.in(Language::zh), "甲");
  ASSERT_EQ(entry.fixes.size(), 1u);
  EXPECT_TRUE(entry.fixes[0].root);
  EXPECT_FALSE(entry.fixes[0].reboot);
  EXPECT_TRUE(entry.fixes[0].on_host);
  EXPECT_EQ(parsed.ambiguities.at(0).ids, std::vector<std::string>{"3-STUB"});
  EXPECT_EQ(parsed.word("saw", Language::en), "a");
}

TEST(ParseCatalogue, NamesTheEntryAndTheMemberThatIsWrong) {
  const auto replace = [](const char* path, Json value) {
    return error_of({{"op", "replace"}, {"path", path}, {"value", value}});
  };
  const auto remove = [](const char* path) { return error_of({{"op", "remove"}, {"path", path}}); };
  EXPECT_EQ(remove("/entries/0/id"), "catalogue: entry 0: \"id\" is missing");
  EXPECT_EQ(remove("/entries/0/why"), "catalogue: 3-STUB: \"why\" is missing");
  EXPECT_EQ(remove("/entries/0/fine/zh"), "catalogue: 3-STUB: \"fine\": \"zh\" is missing");
  EXPECT_EQ(replace("/entries/0/title/en", ""), "catalogue: 3-STUB: \"title\": \"en\" is no text");
  EXPECT_EQ(replace("/entries/0/layer", "disk"), "catalogue: 3-STUB: \"layer\" is none");
  EXPECT_EQ(replace("/entries/0/fixes", Json::array()),
            "catalogue: 3-STUB: \"fixes\" are not one or two");
  EXPECT_EQ(replace("/entries/0/fixes/0/needs/0", "luck"),
            "catalogue: 3-STUB: \"fixes\": \"needs\" holds \"luck\"");
  EXPECT_EQ(replace("/entries/0/texts", "x"), "catalogue: 3-STUB: \"texts\" is no array");
  EXPECT_EQ(replace("/entries/0/texts/0", 5),
            "catalogue: 3-STUB: \"texts\" holds something that is no text");
  EXPECT_EQ(replace("/ambiguities/0/ids/0", "3-X"),
            "catalogue: ambiguity 0: there is no entry \"3-X\"");
  EXPECT_EQ(replace("/words/saw", 1), "catalogue: word \"saw\": \"en\" is missing");
  EXPECT_EQ(error_of({{"op", "copy"}, {"from", "/entries/0"}, {"path", "/entries/1"}}),
            "catalogue: 3-STUB: is there twice");
}

TEST(ParseCatalogue, RefusesWhatIsNoJsonObject) {
  for (const char* text : {"", "{", "[]", "7", "{\"entries\": 3}", "\xff\xfe"})
    EXPECT_THROW(parse_catalogue(text), std::runtime_error) << text;
}

}  // namespace
}  // namespace strata::test
