// Runs stack_check as a user does.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace strata::test {

using Arguments = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

inline ProgramResult check(const Arguments& arguments, Environment environment = {}) {
  environment.try_emplace("LC_ALL", "C");
  return run_program(STACK_CHECK, arguments, {.environment = environment});
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline bool has_chinese(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0xE4 && byte <= 0xE9;
  });
}

}  // namespace strata::test
