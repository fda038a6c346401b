#include <gtest/gtest.h>

#include <algorithm>

#include "tests/stack_check/pasted_texts.h"
#include "tools/stack_check/explain.h"

namespace strata::test {
namespace {

using namespace stack_check;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

class ExplainTexts : public testing::TestWithParam<Pasted> {};

TEST_P(ExplainTexts, NamesTheCause) {
  const std::vector<std::string> expected = split(GetParam().ids);
  for (const std::string& noise :
       {std::string(), std::string("2026-01-07 INFO epoch 3 step 35\n")}) {
    const Explanation found = explain(catalogue(), noise + GetParam().text + "\n" + noise);
    ASSERT_FALSE(found.entries.empty()) << GetParam().text;
    EXPECT_EQ(found.ambiguity != nullptr, expected.size() > 1) << GetParam().text;
    EXPECT_EQ(found.entries.front()->id, expected.front()) << GetParam().text;
    for (const std::string& id : expected)
      EXPECT_TRUE(std::any_of(found.entries.begin(), found.entries.end(),
                              [&](const Entry* entry) { return entry->id == id; }))
          << id << " for: " << GetParam().text;
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, ExplainTexts, testing::ValuesIn(kPasted));

}  // namespace
}  // namespace strata::test
