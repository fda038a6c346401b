// The functions of NCCL that the probe calls, declared here: its header is a package of its own,
// which a machine that compiles this may lack. The forms are those of every NCCL 2.
#pragma once

#include <cstddef>
#include <vector>

#include "tools/stack_check/probe/cuda/library_api.h"

namespace strata::stack_probe {

inline constexpr int kNcclFloat32 = 7;
inline constexpr int kNcclSum = 0;

using NcclCommunicator = struct NcclCommunicatorOpaque*;
using NcclGetVersion = int(int* version);
using NcclGetErrorString = const char*(int code);
using NcclCommInitAll = int(NcclCommunicator* communicators, int count, const int* devices);
using NcclAllReduce = int(const void* from, void* to, size_t count, int type, int operation,
                          NcclCommunicator communicator, void* stream);
using NcclGroup = int();

struct NcclApi {
  LibraryFunction<NcclGetVersion> get_version{"ncclGetVersion"};
  LibraryFunction<NcclGetErrorString> get_error_string{"ncclGetErrorString"};
  LibraryFunction<NcclCommInitAll> init_all{"ncclCommInitAll"};
  LibraryFunction<NcclAllReduce> all_reduce{"ncclAllReduce"};
  LibraryFunction<NcclGroup> group_start{"ncclGroupStart"};
  LibraryFunction<NcclGroup> group_end{"ncclGroupEnd"};

  bool load(LoadedLibrary& library) {
    return get_version.load(library) && get_error_string.load(library) && init_all.load(library) &&
           all_reduce.load(library) && group_start.load(library) && group_end.load(library);
  }

  /// The call of `function`, reported under its name.
  template <class Function, class... Arguments>
  bool call(Reporter& report, const Function& function, Arguments... arguments) const {
    return report.call(function.name, [&]() -> Status {
      const int code = function(arguments...);
      return code == 0 ? Status{} : failed(code);
    });
  }

 private:
  Status failed(int code) const;
};

/// The fact `sum_wrong`: elements of a sum over all GPUs that differ from the CPU's.
bool check_sum(Reporter& report, const NcclApi& nccl,
               const std::vector<NcclCommunicator>& communicators);
/// The fact `all_reduce_gb_s`, the rate of each GPU's link: of the data summed over n GPUs,
/// 2 (n - 1) / n pass over it.
void measure_sum(Reporter& report, const NcclApi& nccl,
                 const std::vector<NcclCommunicator>& communicators);

/// The call cudaSetDevice, reported.
bool select_gpu(Reporter& report, int gpu);

}  // namespace strata::stack_probe
