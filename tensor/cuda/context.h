// The GPU this process uses: whether it can be used, what it is, and the stream that all work goes
// through. Needs no CUDA header.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

struct CUstream_st;

namespace strata::cuda {

using Stream = CUstream_st*;  // cudaStream_t

/// What keeps this process from using a GPU, as one line that names the layer and says what to do;
/// nothing when a GPU can be used. Climbs driver library -> driver -> GPU -> runtime version and
/// stops at the first that fails. Never throws.
const std::optional<std::string>& why_unusable();

struct DeviceInfo {
  std::string name;            // "NVIDIA H100 80GB HBM3"
  std::string driver;          // "580.65.06", empty where the system hides it
  int driver_cuda = 0;         // the newest CUDA the driver supports, 1000 * major + 10 * minor
  int runtime_cuda = 0;        // the CUDA runtime linked into this program, likewise
  int compute_capability = 0;  // 10 * major + minor
  int multiprocessors = 0;
  int shared_bytes = 0;  // of shared memory that a block can be given
  size_t memory_bytes = 0;
};

/// Throws `device` with why_unusable() when there is no usable GPU.
const DeviceInfo& device_info();

/// The stream of this process, created on first use; never the legacy default stream, which cannot
/// be captured. All work is queued on stream(), which is the main stream except inside a branch of
/// a graph that is being recorded (branches.h). To be called for each piece of work, when it is
/// queued: it ends what stream_in_turn() remembers.
Stream main_stream();
Stream stream();
/// stream(), for a kernel that may begin before the one queued last has ended, if `overlaps`: that
/// one was queued in turn, too, with no stream() between (ops/cuda/launch.cuh).
struct StreamInTurn {
  Stream stream;
  bool overlaps;
};
StreamInTurn stream_in_turn(bool settles);
/// Whether what was queued last was queued in turn with `settles`: it writes what others read
/// early.
bool settles_last();
/// For branches.h: what stream() is from now on.
void turn_stream_to(Stream stream) noexcept;

/// Waits until all work on the main stream is done; throws what a kernel did wrong.
void synchronize();

}  // namespace strata::cuda
