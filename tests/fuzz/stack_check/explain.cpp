#include "tools/stack_check/explain.h"

#include "tests/fuzz/targets.h"

namespace strata::fuzz {

void explain(std::string_view input) {
  using namespace stack_check;
  const Explanation explanation = stack_check::explain(stack_check::catalogue(), input);
  for (const Entry* entry : explanation.entries) require(entry != nullptr);
  require(!explanation.ambiguity || explanation.entries.size() > 1);
  for (const Language language : {Language::en, Language::zh})
    require(!to_text(explanation, stack_check::catalogue(), language).empty());
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string_view pattern = input.substr(0, line);
  if (contains_pattern(input.substr(line), pattern)) require(!pattern.empty());
}

}  // namespace strata::fuzz
