// A fake libnccl.so.2, which sums over GPUs whose memory is the host's. An old copy lacks
// ncclCommRegister.
#include <cstddef>
#include <vector>

#include "tests/stack_check/fakes/fake.h"
#include "tests/stack_check/fakes/fake_gpu.h"

#pragma weak fake_gpu_spend

namespace {

using namespace strata::fakes;

constexpr double kBytesPerSecond = 300e9;  // of one GPU's links
// Sums above this size are for speed: nobody looks at what they give.
constexpr size_t kLargest = 2000000;

struct Sum {
  const float* from;
  float* to;
  size_t count;
};

std::vector<Sum>& queued() {
  static std::vector<Sum> sums;
  return sums;
}

void make_sums() {
  std::vector<Sum>& sums = queued();
  if (!sums.empty() && fake_gpu_spend)
    fake_gpu_spend(sums[0].count * sizeof(float) / kBytesPerSecond * fake_slowness("all_reduce"));
  if (!sums.empty() && sums[0].count > kLargest) return sums.clear();
  std::vector<float> total(sums.empty() ? 0 : sums[0].count);
  for (const Sum& sum : sums)
    for (size_t i = 0; i < total.size(); ++i) total[i] += sum.from[i];
  if (!total.empty() && fake_wrong("ncclAllReduce")) total.back() += 1;
  for (const Sum& sum : sums)
    for (size_t i = 0; i < total.size(); ++i) sum.to[i] = total[i];
  sums.clear();
}

}  // namespace

extern "C" {

int ncclGetVersion(int* version) {
  *version = static_cast<int>(fake_number("FAKE_NCCL_VERSION", 22809));
  return fake_answer("ncclGetVersion");
}

const char* ncclGetErrorString(int code) {
  return code == 2 ? "unhandled system error (run with NCCL_DEBUG=INFO for details)"
                   : "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
}

int ncclCommInitAll(void** communicators, int count, const int*) {
  for (int i = 0; i < count; ++i) communicators[i] = communicators;
  return fake_answer("ncclCommInitAll");
}

int ncclGroupStart() {
  return fake_answer("ncclGroupStart");
}

int ncclAllReduce(const void* from, void* to, size_t count, int, int, void*, void*) {
  queued().push_back({static_cast<const float*>(from), static_cast<float*>(to), count});
  return fake_answer("ncclAllReduce");
}

int ncclGroupEnd() {
  if (const int code = fake_answer("ncclGroupEnd")) return code;
  make_sums();
  return 0;
}

#if !FAKE_OLD
int ncclCommRegister(void*, void*, size_t, void**) {
  return fake_answer("ncclCommRegister");
}
#endif

}  // extern "C"
