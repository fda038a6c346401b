// libFuzzer's entry; tests/fuzz/run compiles it once per target, with TARGET as its name.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  strata::fuzz::TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
