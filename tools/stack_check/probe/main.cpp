// stack_probe LAYER [--quick]: makes the calls of one layer and reports them on descriptor 3.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "tensor/build_config.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

using Probe = void (*)(Reporter&, const ProbeOptions&);

[[maybe_unused]] void probe_nothing(Reporter& report, const ProbeOptions&) {
  report.facts({{"gpu_code", false}});
}

std::map<std::string_view, Probe> all_probes() {
  std::map<std::string_view, Probe> probes = {{"libcuda", probe_libcuda},
                                              {"nvml", probe_nvml},
                                              {"ops", probe_ops},
                                              {"training", probe_training}};
  if constexpr (kHasCuda) {
    probes.insert({{"runtime", probe_runtime},
                   {"cublas", probe_cublas},
                   {"cudnn", probe_cudnn},
                   {"nccl", probe_nccl}});
  } else {
    for (const char* layer : {"runtime", "cublas", "cudnn", "nccl"})
      probes.emplace(layer, probe_nothing);
  }
  return probes;
}

int wrong_usage(const std::string& what) {
  fmt::print(stderr, "stack_probe: {}\nusage: stack_probe LAYER [--quick]\n", what);
  return 2;
}

/// A descriptor that a library opens must not become the one that reports are written to.
void reserve_report_descriptor() {
  if (fcntl(kReportDescriptor, F_GETFD) >= 0) return;
  const int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere < 0 || nowhere == kReportDescriptor) return;
  dup2(nowhere, kReportDescriptor);
  close(nowhere);
}

int run(int count, char** arguments) {
  const auto probes = all_probes();
  Probe probe = nullptr;
  ProbeOptions options;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    const auto found = probes.find(argument);
    if (argument == "--quick") {
      options.quick = true;
    } else if (found == probes.end()) {
      const char* kind = argument.starts_with('-') ? "flag" : "layer";
      return wrong_usage(fmt::format("'{}' is no {}", argument, kind));
    } else if (probe) {
      return wrong_usage(fmt::format("'{}' is one layer too many", argument));
    } else {
      probe = found->second;
    }
  }
  if (!probe) return wrong_usage("LAYER is missing");
  reserve_report_descriptor();
  signal(SIGPIPE, SIG_IGN);  // whether or not anybody reads, the probe runs to its end
  Reporter report;
  probe(report, options);
  return 0;
}

}  // namespace
}  // namespace strata::stack_probe

int main(int count, char** arguments) {
  return strata::stack_probe::run(count, arguments);
}
