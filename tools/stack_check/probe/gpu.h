// The CUDA runtime as the probes use it. gpu.cu is the real one; tests link a stand-in that
// computes on the host (tests/stack_check/fakes/fake_gpu.cpp), so that every probe runs where there
// is no GPU.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tensor/device.h"
#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe::gpu {

int runtime_version();                  // of the runtime linked into this program: 13000
std::vector<int> sass_architectures();  // that this program has machine code for: {90}
int ptx_architecture();                 // of the one kernel that the driver must compile: 75

Status driver_version(int& version);
Status device_count(int& count);
Status select(int device);

struct Properties {
  std::string name;
  int compute_capability = 0;  // 90
  int multiprocessors = 0;
  int clock_khz = 0;  // of the multiprocessors, at most
  int memory_clock_khz = 0;
  int memory_bus_bits = 0;
  size_t memory_bytes = 0;
};
Status properties(int device, Properties& properties);
/// Bytes of the selected device.
Status memory(size_t& free, size_t& total);
/// Lets the selected device reach the memory of `peer` directly; `possible` is false where the two
/// have no way to.
Status reach_peer(int peer, bool& possible);
/// From the memory of one device to that of another; waits.
Status copy_to_peer(void* to, int to_device, const void* from, int from_device, size_t bytes);

/// Device memory, or pinned host memory.
enum class Place { device, pinned };
Status allocate(void** block, size_t bytes, Place place);
Status release(void* block, Place place);
Status copy(void* to, const void* from, size_t bytes);  // any direction; waits
Status synchronize();

/// y[i] += 2 x[i] by a kernel that this program has as machine code, or as PTX only, which the
/// driver must compile. Waits.
Status saxpy(const float* x, float* y, int count);
Status saxpy_from_ptx(const float* x, float* y, int count);

/// Median seconds on the GPU of `queue`, which queues work on the default stream.
double time(const std::function<void()>& queue, int repeats);

/// Where Strata's ops are to run: Device::gpu.
Device framework_device();

}  // namespace strata::stack_probe::gpu
