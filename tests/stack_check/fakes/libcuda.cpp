// A driver library whose GPUs are host memory, and whose every call answers as it is told (fake.h).
// Real CUDA does not run on it: the runtime asks for tables that are not documented.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/stack_check/fakes/card.h"
#include "tests/stack_check/fakes/fake.h"
#include "tools/stack_check/probe/driver_api.h"

namespace {

using namespace strata::fakes;
using namespace strata::stack_probe::driver;

constexpr Result kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kBusy = 46;
constexpr Result kNoDevice = 100, kInvalidDevice = 101, kNoContext = 201;
constexpr int kProhibited = 2;
constexpr int kNoCard = -1;

std::vector<int> cards;  // that cuInit found; a Device is an index
bool initialized = false;
Device current = kNoCard;

/// The scripted answer, or what a call on this device must return.
Result answer(const char* function, Device device) {
  const Result scripted = fake_answer(function, device);
  if (scripted != 0) return scripted;
  if (!initialized) return kNotInitialized;
  return device >= 0 && device < static_cast<int>(cards.size()) ? 0 : kInvalidDevice;
}

Result answer_in_context(const char* function) {
  const Result scripted = fake_answer(function, current);
  return scripted != 0 ? scripted : current == kNoCard ? kNoContext : 0;
}

Result find_text(const char* function, Result result, const char* no_device, const char* busy,
                 const char** text) {
  const Result scripted = fake_answer(function);
  *text = result == kNoDevice ? no_device : result == kBusy ? busy : nullptr;
  return scripted != 0 ? scripted : *text ? 0 : kInvalidValue;
}

}  // namespace

extern "C" {

Result cuGetErrorName(Result result, const char** name) {
  return find_text("cuGetErrorName", result, "CUDA_ERROR_NO_DEVICE",
                   "CUDA_ERROR_DEVICE_UNAVAILABLE", name);
}

Result cuGetErrorString(Result result, const char** words) {
  return find_text("cuGetErrorString", result, "no CUDA-capable device is detected",
                   "CUDA-capable device(s) is/are busy or unavailable", words);
}

Result cuDriverGetVersion(int* version) {
  *version = fake_driver_cuda();
  return fake_answer("cuDriverGetVersion");
}

Result cuInit(unsigned) {
  const Result scripted = fake_answer("cuInit");
  if (scripted != 0) return scripted;
  cards = fake_visible_cards();
  initialized = !cards.empty();
  return initialized ? 0 : kNoDevice;
}

Result cuDeviceGetCount(int* count) {
  *count = static_cast<int>(cards.size());
  const Result scripted = fake_answer("cuDeviceGetCount");
  return scripted != 0 ? scripted : initialized ? 0 : kNotInitialized;
}

Result cuDeviceGet(Device* device, int index) {
  *device = index;
  return answer("cuDeviceGet", index);
}

Result cuDeviceGetName(char* text, int size, Device device) {
  std::snprintf(text, static_cast<size_t>(size), "%s", fake_card().name.c_str());
  return answer("cuDeviceGetName", device);
}

Result cuDeviceGetUuid(Uuid* uuid, Device device) {
  const Result result = answer("cuDeviceGetUuid", device);
  for (int place = 0; result == 0 && place < 16; ++place)
    uuid->bytes[place] = fake_uuid_byte(cards[static_cast<size_t>(device)], place);
  return result;
}

Result cuDeviceGetUuid_v2(Uuid* uuid, Device device) {
  const Result result = cuDeviceGetUuid(uuid, device);
  if (fake_number("FAKE_MIG", 0) != 0) uuid->bytes[0] = 0xaa;  // the instance has its own
  return result;
}

Result cuDeviceGetPCIBusId(char* text, int size, Device device) {
  const Result result = answer("cuDeviceGetPCIBusId", device);
  if (result == 0)
    std::snprintf(text, static_cast<size_t>(size), "0000:%02X:00.0",
                  fake_bus(cards[static_cast<size_t>(device)]));
  return result;
}

Result cuDeviceGetAttribute(int* value, int attribute, Device device) {
  const Card card = fake_card();
  switch (attribute) {
    case kClockKhz:
      *value = card.clock_khz;
      break;
    case kMultiprocessors:
      *value = card.multiprocessors;
      break;
    case kComputeMode:
      *value = card.compute_mode;
      break;
    case kMemoryClockKhz:
      *value = card.memory_clock_khz;
      break;
    case kMemoryBusBits:
      *value = card.bus_bits;
      break;
    case kMajor:
      *value = card.compute_capability / 10;
      break;
    case kMinor:
      *value = card.compute_capability % 10;
      break;
    default:
      return kInvalidValue;
  }
  return answer("cuDeviceGetAttribute", device);
}

Result cuDeviceTotalMem_v2(size_t* bytes, Device device) {
  *bytes = fake_card().memory;
  return answer("cuDeviceTotalMem", device);
}

Result cuDevicePrimaryCtxRetain(Context* context, Device device) {
  *context = reinterpret_cast<Context>(static_cast<size_t>(device) + 1);
  const Result result = answer("cuDevicePrimaryCtxRetain", device);
  return result == 0 && fake_card().compute_mode == kProhibited ? kBusy : result;
}

Result cuDevicePrimaryCtxRelease_v2(Device device) {
  current = kNoCard;
  return answer("cuDevicePrimaryCtxRelease", device);
}

Result cuCtxSetCurrent(Context context) {
  current = static_cast<Device>(reinterpret_cast<size_t>(context)) - 1;
  return answer("cuCtxSetCurrent", current);
}

Result cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  const Card card = fake_card();
  *free_bytes = card.free_memory;
  *total = card.memory;
  return answer_in_context("cuMemGetInfo");
}

Result cuMemAlloc_v2(Pointer* block, size_t bytes) {
  const Result result = answer_in_context("cuMemAlloc");
  if (result != 0) return result;
  void* memory = bytes <= fake_card().free_memory ? std::malloc(bytes) : nullptr;
  *block = reinterpret_cast<Pointer>(memory);
  return memory ? 0 : kOutOfMemory;
}

Result cuMemFree_v2(Pointer block) {
  const Result result = answer_in_context("cuMemFree");
  if (result == 0) std::free(reinterpret_cast<void*>(block));
  return result;
}

Result cuMemcpyHtoD_v2(Pointer to, const void* from, size_t bytes) {
  const Result result = answer_in_context("cuMemcpyHtoD");
  if (result == 0) std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return result;
}

Result cuMemcpyDtoH_v2(void* to, Pointer from, size_t bytes) {
  const Result result = answer_in_context("cuMemcpyDtoH");
  if (result != 0) return result;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  if (bytes > 0 && fake_wrong("cuMemcpyDtoH")) static_cast<unsigned char*>(to)[bytes / 2] ^= 1;
  return 0;
}
}
