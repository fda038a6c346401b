// Runs the probe over the stand-ins for the stack's libraries (fakes/fake.h) and reads its report.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace strata::test {

struct ReportedCall {
  std::string name;
  std::optional<int> gpu;
  std::optional<int> code;  // none: it never returned
  std::string code_name, words;
};

struct ProbeRun {
  int exit_code = -1;  // 124 after the time limit, 128 + n after signal n
  std::vector<ReportedCall> calls;
  nlohmann::json facts = nlohmann::json::object();
  std::string errors;

  /// The last call of this name; null if it was not made.
  const ReportedCall* last(const std::string& name) const;
  /// The code of the last call of this name; -1 if it was not made or did not return.
  int code(const std::string& name) const;
};

struct ProbeRunOptions {
  /// CUDA_VISIBLE_DEVICES is unset unless it is here; LD_LIBRARY_PATH is the folder of the
  /// stand-ins.
  std::map<std::string, std::string> environment = {};
  std::vector<std::string> flags = {"--quick"};
  int timeout_seconds = 60;
};

ProbeRun run_fake_probe(const std::string& layer, const ProbeRunOptions& options = {});

}  // namespace strata::test
