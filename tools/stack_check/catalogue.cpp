#include "tools/stack_check/catalogue.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/stack_check/data/data.h"

namespace strata::stack_check {
namespace {

using Json = nlohmann::json;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw std::runtime_error("catalogue: " + where + ": " + what);
}

const Json& member(const Json& object, const char* name, const std::string& where) {
  if (!object.is_object() || !object.contains(name))
    fail(where, std::string("\"") + name + "\" is missing");
  return object.at(name);
}

const Json& array_member(const Json& object, const char* name, const std::string& where) {
  const Json& array = member(object, name, where);
  if (!array.is_array()) fail(where, std::string("\"") + name + "\" is no array");
  return array;
}

std::string string_member(const Json& object, const char* name, const std::string& where) {
  const Json& value = member(object, name, where);
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    fail(where, std::string("\"") + name + "\" is no text");
  return value.get<std::string>();
}

Text parse_text(const Json& json, const std::string& where) {
  return {string_member(json, "en", where), string_member(json, "zh", where)};
}

Text text_member(const Json& object, const char* name, const std::string& where) {
  return parse_text(member(object, name, where), where + ": \"" + name + "\"");
}

std::vector<std::string> strings_member(const Json& object, const char* name,
                                        const std::string& where) {
  std::vector<std::string> strings;
  for (const Json& item : array_member(object, name, where)) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty())
      fail(where, std::string("\"") + name + "\" holds something that is no text");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

Fix parse_fix(const Json& json, const std::string& where) {
  Fix fix{text_member(json, "text", where)};
  for (const std::string& need : strings_member(json, "needs", where)) {
    if (need == "root")
      fix.root = true;
    else if (need == "reboot")
      fix.reboot = true;
    else if (need == "host")
      fix.on_host = true;
    else
      fail(where, "\"needs\" holds \"" + need + "\"");
  }
  return fix;
}

Entry parse_entry(const Json& json, size_t index) {
  Entry entry;
  entry.id = string_member(json, "id", "entry " + std::to_string(index));
  const std::string& where = entry.id;
  if (!member(json, "layer", where).is_null()) {
    entry.layer = parse_layer(string_member(json, "layer", where));
    if (!entry.layer) fail(where, "\"layer\" is none");
  }
  entry.title = text_member(json, "title", where);
  entry.why = text_member(json, "why", where);
  for (const Json& fix : array_member(json, "fixes", where))
    entry.fixes.push_back(parse_fix(fix, where + ": \"fixes\""));
  if (entry.fixes.empty() || entry.fixes.size() > 2) fail(where, "\"fixes\" are not one or two");
  entry.fine = text_member(json, "fine", where);
  entry.texts = strings_member(json, "texts", where);
  return entry;
}

Ambiguity parse_ambiguity(const Json& json, size_t index, const Catalogue& catalogue) {
  const std::string where = "ambiguity " + std::to_string(index);
  Ambiguity ambiguity{strings_member(json, "texts", where), strings_member(json, "ids", where),
                      text_member(json, "tell_apart", where)};
  for (const std::string& id : ambiguity.ids)
    if (!catalogue.find(id)) fail(where, "there is no entry \"" + id + "\"");
  return ambiguity;
}

Json parse_json(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    fail("file", error.what());
  }
}

bool is_place_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

}  // namespace

const Entry* Catalogue::find(std::string_view id) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& entry) { return entry.id == id; });
  return found == entries.end() ? nullptr : &*found;
}

std::string Catalogue::word(const std::string& key, Language language, const Values& values) const {
  const auto found = words.find(key);
  return found == words.end() ? key : fill(found->second.in(language), values);
}

const Catalogue& catalogue() {
  static const Catalogue parsed = parse_catalogue(k_catalogue_json);
  return parsed;
}

Catalogue parse_catalogue(std::string_view text) {
  const Json json = parse_json(text);
  Catalogue catalogue;
  for (const Json& entry : array_member(json, "entries", "file")) {
    Entry parsed = parse_entry(entry, catalogue.entries.size());
    if (catalogue.find(parsed.id)) fail(parsed.id, "is there twice");
    catalogue.entries.push_back(std::move(parsed));
  }
  for (const Json& ambiguity : array_member(json, "ambiguities", "file"))
    catalogue.ambiguities.push_back(
        parse_ambiguity(ambiguity, catalogue.ambiguities.size(), catalogue));
  const Json& words = member(json, "words", "file");
  for (const auto& [key, word] : words.items())
    catalogue.words[key] = parse_text(word, "word \"" + key + "\"");
  return catalogue;
}

std::string fill(std::string_view text, const Values& values) {
  std::string filled;
  while (!text.empty()) {
    const size_t open = std::min(text.find('{'), text.size());
    filled += text.substr(0, open);
    text.remove_prefix(open);
    const size_t close = text.find('}');
    if (close == std::string_view::npos) return filled.append(text);
    const std::string_view place = text.substr(1, close - 1);
    const size_t bar = std::min(place.find('|'), place.size());
    const std::string_view name = place.substr(0, bar);
    if (!is_place_name(name)) {  // a brace of a command
      filled += '{';
      text.remove_prefix(1);
      continue;
    }
    const auto value = values.find(std::string(name));
    if (value != values.end() && !value->second.empty())
      filled += value->second;
    else
      filled += bar < place.size() ? place.substr(bar + 1) : text.substr(0, close + 1);
    text.remove_prefix(close + 1);
  }
  return filled;
}

}  // namespace strata::stack_check
