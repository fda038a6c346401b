// Running a probe: in a child process, under a time limit, whatever it does.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::stack_check {

/// One call that a probe made of a library.
struct Call {
  std::string name;         // "cuInit"
  std::optional<int> gpu;   // if it concerns one of several
  std::optional<int> code;  // none: it never returned
  std::string code_name;    // "CUDA_ERROR_NO_DEVICE"
  std::string words;        // what the library or the loader says

  /// "cuInit = 100 (CUDA_ERROR_NO_DEVICE): no CUDA-capable device is detected"
  std::string to_string() const;
};

struct ProbeResult {
  enum class End { finished, crashed, timed_out, not_started };

  End end = End::not_started;
  int signal = 0;     // that ended it
  int exit_code = 0;  // if it ended by itself
  double seconds = 0;
  std::vector<Call> calls;  // in order
  nlohmann::json facts = nlohmann::json::object();
  std::string output;  // the end of what it printed

  /// The first call of this name that failed or did not return, of this GPU if one is given.
  const Call* failed(std::string_view name) const;
  /// The first of all calls that failed or did not return.
  const Call* first_failure() const;
  bool finished() const { return end == End::finished && exit_code == 0; }
};

struct ChildOptions {
  double timeout_seconds = 60;
  std::map<std::string, std::optional<std::string>> environment = {};  // none: unset
};

/// Runs `program` with `arguments` and reads its report (probe/reporter.h) from file descriptor 3.
/// When this returns, the child and whatever it started are gone, but for a process that the kernel
/// cannot end; children from before are left alone. Of a report the first 4 MiB are read, of the
/// output the last 8 KiB kept. Never throws for what the child does; `not_started` if there is no
/// such program.
ProbeResult run_probe(const std::string& program, const std::vector<std::string>& arguments,
                      const ChildOptions& options);

/// Adds a probe's report, one JSON object a line, to `result`; lines that are none, or nest
/// deeper than 64 brackets, are ignored.
void read_report(std::string_view lines, ProbeResult& result);

}  // namespace strata::stack_check
