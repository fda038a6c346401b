// The part of gpu.h that is about memory and other GPUs, on the host.
#include <cstring>

#include "tests/stack_check/fakes/card.h"
#include "tests/stack_check/fakes/fake.h"
#include "tools/stack_check/probe/gpu.h"

namespace strata::stack_probe::gpu {
namespace {

using namespace strata::fakes;

Status answer(const char* function) {
  const int code = fake_answer(function);
  return code == 0 ? Status{} : Status{code, "cudaErrorUnknown", "unknown error"};
}

}  // namespace

Status memory(size_t& free, size_t& total) {
  free = fake_card().free_memory;
  total = fake_card().memory;
  return answer("cudaMemGetInfo");
}

/// FAKE_PEER_ACCESS=0: the GPUs cannot reach each other.
Status reach_peer(int, bool& possible) {
  possible = fake_number("FAKE_PEER_ACCESS", 1) != 0;
  return answer("cudaDeviceEnablePeerAccess");
}

Status copy_to_peer(void* to, int to_device, const void* from, int, size_t bytes) {
  std::memcpy(to, from, bytes);
  const size_t place = sizeof(float) * to_device;  // another one on the way back
  if (fake_wrong("cudaMemcpyPeer")) static_cast<char*>(to)[place] ^= 1;
  return answer("cudaMemcpyPeer");
}

}  // namespace strata::stack_probe::gpu
