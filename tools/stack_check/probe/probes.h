// The probes, one per layer from libcuda on: each makes the calls of its layer for real and reports
// what they returned. None judges, none throws for what a library does; the next layer's probe is
// another process. The facts that each reports are listed in probe/README.md.
#pragma once

#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe {

struct ProbeOptions {
  bool quick = false;  // measure nothing
};

void probe_libcuda(Reporter& report, const ProbeOptions& options);
void probe_nvml(Reporter& report, const ProbeOptions& options);
void probe_runtime(Reporter& report, const ProbeOptions& options);
void probe_cublas(Reporter& report, const ProbeOptions& options);
void probe_cudnn(Reporter& report, const ProbeOptions& options);
void probe_nccl(Reporter& report, const ProbeOptions& options);
void probe_ops(Reporter& report, const ProbeOptions& options);
void probe_training(Reporter& report, const ProbeOptions& options);

}  // namespace strata::stack_probe
