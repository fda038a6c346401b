// Everything that a check has seen, before anybody judges it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/stack_check/child.h"
#include "tools/stack_check/facts.h"
#include "tools/stack_check/layers.h"
#include "tools/stack_check/system/elf.h"
#include "tools/stack_check/system/library_search.h"
#include "tools/stack_check/system/machine.h"

namespace strata::stack_check {

/// A library's file that the loader would take, looked at before anything loads it.
struct InspectedFile {
  LibraryCandidate candidate;
  ElfFile elf;
};

/// What the surroundings of the process say.
struct Surroundings {
  std::optional<std::string> visible_devices;      // CUDA_VISIBLE_DEVICES
  std::optional<std::string> driver_capabilities;  // NVIDIA_DRIVER_CAPABILITIES
  std::string ld_library_path;
  std::optional<uint64_t> address_space_limit;  // bytes, of ulimit -v; none: no limit
  std::string toolkit_cuda;                     // "13.0", of the toolkit on this machine
  std::string toolkit_path;
};

struct Evidence {
  const Facts& facts;
  Machine machine;
  Surroundings surroundings;
  std::map<std::string, std::vector<InspectedFile>> files;  // by soname, in the loader's order
  std::vector<std::string> stub_folders;  // on LD_LIBRARY_PATH, with a stub libcuda
  std::vector<int> holders;               // pids that hold a device node

  ProbeResult libcuda;
  std::optional<ProbeResult> libcuda_of_all;  // without CUDA_VISIBLE_DEVICES, if it hides something
  ProbeResult nvml;
  /// From runtime on: one per GPU, or one where a layer is about all of them.
  std::map<Layer, std::vector<ProbeResult>> probes;
  std::optional<ProbeResult> nccl_without_p2p;

  int gpu_count() const;  // that libcuda showed
  /// The files of a library; none if it was not looked for.
  const std::vector<InspectedFile>& files_of(const std::string& soname) const;
};

}  // namespace strata::stack_check
