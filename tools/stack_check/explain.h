// --explain: from an ID, or an error text pasted from anywhere, to cause and fix.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/stack_check/catalogue.h"

namespace strata::stack_check {

struct Explanation {
  std::vector<const Entry*> entries;     // the most likely first; empty: nothing is known
  const Ambiguity* ambiguity = nullptr;  // set when the text alone does not decide
};

/// `question` is an ID in any case, or text that contains an error message; of texts that match,
/// the most specific pattern wins. Never throws, whatever the text.
Explanation explain(const Catalogue& catalogue, std::string_view question);

/// Whether `text` contains `pattern`, in which * stands for anything within 200 characters; case,
/// quotes' kinds and runs of white space do not matter, and a number of the pattern is a whole
/// number of the text.
bool contains_pattern(std::string_view text, std::string_view pattern);

/// The explanation as lines for a terminal.
std::string to_text(const Explanation& explanation, const Catalogue& catalogue, Language language);

}  // namespace strata::stack_check
