// Every failure that stack_check knows, by ID, in English and Chinese: data/catalogue.json, which
// is compiled into the program.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/stack_check/layers.h"

namespace strata::stack_check {

enum class Language { en, zh };

/// What fills the places {name} of a text; a place without a value takes its default,
/// {name|default}.
using Values = std::map<std::string, std::string>;

struct Text {
  std::string en, zh;

  const std::string& in(Language language) const { return language == Language::zh ? zh : en; }
};

struct Fix {
  Text text;
  bool root = false, reboot = false, on_host = false;  // what it takes
};

struct Entry {
  std::string id;              // "3-STUB"
  std::optional<Layer> layer;  // none: may happen on any layer
  Text title;  // one line, no full stop: "the toolkit's stub was loaded as the driver's library"
  Text why;
  std::vector<Fix> fixes;          // one or two
  Text fine;                       // what need not be touched
  std::vector<std::string> texts;  // patterns of error texts that mean it, for --explain
};

/// An error text that several entries answer to, and how to tell which.
struct Ambiguity {
  std::vector<std::string> texts;
  std::vector<std::string> ids;
  Text tell_apart;
};

struct Catalogue {
  std::vector<Entry> entries;  // in the order of the layers
  std::vector<Ambiguity> ambiguities;
  std::map<std::string, Text>
      words;  // of the report itself: "saw", "why", "blocked by {layer}", ...

  /// Null for an ID that is not there.
  const Entry* find(std::string_view id) const;
  /// The word in the language; the key itself if it is not there.
  std::string word(const std::string& key, Language language, const Values& values = {}) const;
};

/// The catalogue compiled into this program.
const Catalogue& catalogue();
/// Throws std::runtime_error naming the entry and the member that is missing or wrong.
Catalogue parse_catalogue(std::string_view json);

/// `text` with its places filled.
std::string fill(std::string_view text, const Values& values);

}  // namespace strata::stack_check
