// read_report() on lines that a damaged probe may write.
#include <gtest/gtest.h>

#include "tools/stack_check/child.h"

namespace strata::test {
namespace {

using stack_check::ProbeResult;

ProbeResult read(const std::string& lines) {
  ProbeResult result;
  stack_check::read_report(lines, result);
  return result;
}

std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(ReportTest, IgnoresWhatIsNoReport) {
  for (const std::string line :
       {"", "nonsense", "{", "{\"call\": \"a\"", "[]", "null", "1e999", "{\"call\": \"\xff\"}",
        "{\"facts\": [1]}", "{\"facts\": 1}", "{\"code\": 1}", "{\"other\": 1}",
        "{\"facts\": {\"a\": \"\xc3\x28\"}}"}) {
    const ProbeResult result = read(line + "\n{\"facts\": {\"b\": 1}}\n");
    EXPECT_TRUE(result.calls.empty()) << line;
    EXPECT_EQ(result.facts.dump(), "{\"b\":1}") << line;
  }
}

TEST(ReportTest, TakesWrongTypesForNone) {
  const ProbeResult result =
      read("{\"call\": 5, \"gpu\": \"x\"}\n{\"code\": 1, \"name\": [], \"words\": null}\n");
  ASSERT_EQ(result.calls.size(), 1u);
  EXPECT_EQ(result.calls[0].name, "");
  EXPECT_FALSE(result.calls[0].gpu);
  EXPECT_EQ(result.calls[0].code, 1);
}

TEST(ReportTest, TakesNoCodeThatIsNoInt) {
  for (const char* code : {"4294967296", "18446744073709551615", "-2147483649", "0.0", "\"0\""}) {
    const ProbeResult result = read(std::string("{\"call\": \"a\"}\n{\"code\": ") + code + "}\n");
    ASSERT_EQ(result.calls.size(), 1u);
    EXPECT_FALSE(result.calls[0].code) << code;
  }
}

TEST(ReportTest, ASecondCodeChangesNothing) {
  const ProbeResult result = read("{\"call\": \"a\"}\n{\"code\": 7}\n{\"code\": 0}\n");
  EXPECT_EQ(result.calls.at(0).code, 7);
}

TEST(ReportTest, KeepsTenThousandCalls) {
  std::string lines;
  for (int i = 0; i < 10001; ++i)
    lines += "{\"call\": \"a\"}\n{\"code\": " + std::to_string(i) + "}\n";
  const ProbeResult result = read(lines);
  ASSERT_EQ(result.calls.size(), 10000u);
  EXPECT_EQ(result.calls.back().code, 9999);
}

TEST(ReportTest, IgnoresWhatNestsDeep) {
  for (const size_t depth : {63u, 100000u, 2000000u}) {
    const ProbeResult result =
        read("{\"facts\": {\"deep\": " + nested(depth) + "}}\n{\"facts\": {\"b\": 1}}\n");
    EXPECT_FALSE(result.facts.contains("deep")) << depth;
    EXPECT_EQ(result.facts["b"], 1);
  }
  EXPECT_TRUE(read("{\"facts\": {\"deep\": " + nested(62) + "}}").facts.contains("deep"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"facts\":";
  EXPECT_TRUE(read(objects + "1" + std::string(100000, '}')).facts.empty());
}

TEST(ReportTest, BracketsInTextsAreNoNesting) {
  const std::string brackets(1000, '[');
  const ProbeResult result = read("{\"facts\": {\"a\": \"\\\\\\\"" + brackets + "\"}}");
  EXPECT_EQ(result.facts["a"], "\\\"" + brackets);
}

TEST(ReportTest, KeepsANulInAText) {
  const ProbeResult result =
      read("{\"call\": \"a\\u0000b\"}\n{\"facts\": {\"c\": \"d\\u0000e\"}}\n");
  ASSERT_EQ(result.calls.size(), 1u);
  EXPECT_EQ(result.calls[0].name, std::string("a\0b", 3));
  EXPECT_EQ(result.facts["c"], std::string("d\0e", 3));
  EXPECT_TRUE(read(std::string("{\"call\": \"a\0b\"}\n", 16)).calls.empty());
}

}  // namespace
}  // namespace strata::test
