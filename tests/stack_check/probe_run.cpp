#include "tests/stack_check/probe_run.h"

#include <fmt/format.h>

#include <fstream>

#include "tests/support/idx_files.h"
#include "tests/support/program.h"

namespace strata::test {
namespace {

using nlohmann::json;

void read_line(const json& line, ProbeRun& run) {
  if (line.contains("call")) {
    ReportedCall call;
    call.name = line["call"];
    if (line.contains("gpu")) call.gpu = line["gpu"].get<int>();
    run.calls.push_back(call);
  } else if (line.contains("code") && !run.calls.empty()) {
    ReportedCall& call = run.calls.back();
    call.code = line["code"].get<int>();
    call.code_name = line["name"];
    call.words = line["words"];
  } else if (line.contains("facts")) {
    run.facts.merge_patch(line["facts"]);
  }
}

}  // namespace

const ReportedCall* ProbeRun::last(const std::string& name) const {
  const ReportedCall* found = nullptr;
  for (const ReportedCall& call : calls)
    if (call.name == name) found = &call;
  return found;
}

int ProbeRun::code(const std::string& name) const {
  const ReportedCall* call = last(name);
  return call ? call->code.value_or(-1) : -1;
}

ProbeRun run_fake_probe(const std::string& layer, const ProbeRunOptions& options) {
  const TemporaryFolder folder;
  const std::string report = folder.path() / "report";
  ProgramOptions program{.environment = options.environment};
  program.environment.try_emplace("LD_LIBRARY_PATH", FAKES);
  std::string command = fmt::format("exec timeout -s KILL {} ", options.timeout_seconds);
  if (!options.environment.contains("CUDA_VISIBLE_DEVICES"))
    command += "env -u CUDA_VISIBLE_DEVICES ";
  command += fmt::format("'{}' {}", HIDDEN_PROBE, layer);
  for (const std::string& flag : options.flags) command += " " + flag;
  const ProgramResult result =
      run_program("/bin/sh", {"-c", fmt::format("{} 3>'{}'", command, report)}, program);
  ProbeRun run;
  run.exit_code = result.exit_code;
  run.errors = result.errors;
  std::ifstream lines(report);
  for (std::string line; std::getline(lines, line);) {
    const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) read_line(parsed, run);
  }
  return run;
}

}  // namespace strata::test
