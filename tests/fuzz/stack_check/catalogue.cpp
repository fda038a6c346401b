#include "tools/stack_check/catalogue.h"

#include <stdexcept>

#include "tests/fuzz/targets.h"

namespace strata::fuzz {

void catalogue(std::string_view input) {
  using namespace stack_check;
  Catalogue parsed;
  try {
    parsed = parse_catalogue(input);
  } catch (const std::runtime_error&) {
    return;
  }
  for (const Entry& entry : parsed.entries) {
    require(parsed.find(entry.id) == &entry);
    require(!entry.fixes.empty() && entry.fixes.size() <= 2);
    for (const Text* text : {&entry.title, &entry.why, &entry.fine}) {
      require(!text->en.empty() && !text->zh.empty());
      fill(text->en, {{"path", "{path}"}});  // a value with a place of its own must not recurse
    }
  }
  for (const Ambiguity& ambiguity : parsed.ambiguities)
    for (const std::string& id : ambiguity.ids) require(parsed.find(id) != nullptr);
  for (const auto& [key, text] : parsed.words) parsed.word(key, Language::zh, {{"gpu", "0"}});
}

}  // namespace strata::fuzz
