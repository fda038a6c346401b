// The report for people and for programs.
#pragma once

#include <string>

#include "tools/stack_check/report.h"

namespace strata::stack_check {

/// A phrase in a language; a value that starts with @ is itself a key of the catalogue's words.
std::string say(const Phrase& phrase, Language language);
/// A text of the catalogue with a finding's values in it.
std::string say(const Text& text, const Finding& finding, Language language);

/// The report as lines for a terminal, the verdict last.
std::string to_text(const Report& report, Language language);

/// The report as JSON, in English, by the schema in tools/stack_check/README.md.
std::string to_json(const Report& report, int exit_code);

}  // namespace strata::stack_check
