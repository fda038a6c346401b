// Runs one of the project's programs as a user would, and collects what it said.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace strata::test {

struct ProgramOptions {
  /// Added to or replacing the environment.
  std::map<std::string, std::string> environment = {};
  /// SIGINT is sent once standard output holds this text; empty: never.
  std::string interrupt_after = {};
};

struct ProgramResult {
  int exit_code = -1;  // 128 + n after signal n
  std::string output;  // standard output
  std::string errors;  // standard error
};

/// `file` with its arguments, in the current folder, without standard input.
ProgramResult run_program(const std::string& file, const std::vector<std::string>& arguments,
                          const ProgramOptions& options = {});

}  // namespace strata::test
