// What the tests of the lessons look for in their output.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace strata::test {

inline constexpr char kLevels[] = "abcdefg";

/// The line in which one_convolution reports a level; empty if there is none.
inline std::string line_of_level(const std::string& output, char letter) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(std::string{letter} + "  ")) return line;
  return {};
}

/// The number that follows `words`; NaN if there is none.
inline double number_after(const std::string& text, const std::string& words) {
  const size_t at = text.find(words);
  double number = std::numeric_limits<double>::quiet_NaN();
  if (at != std::string::npos) std::istringstream(text.substr(at + words.size())) >> number;
  return number;
}

/// Ran, with a time, and agrees with the loops.
inline testing::AssertionResult agrees(const std::string& output, char letter) {
  const std::string line = line_of_level(output, letter);
  const double error = number_after(line, "error ");
  if (error >= 0 && error <= 1e-5 && line.find(" us ") != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "level " << letter << ": '" << line << "' in\n" << output;
}

inline testing::AssertionResult has(const std::string& text, const std::string& words) {
  if (text.find(words) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << words << "' is not in:\n" << text;
}

}  // namespace strata::test
