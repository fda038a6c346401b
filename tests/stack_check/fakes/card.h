// The cards that the stand-ins play, and which of them a process sees. An H100 unless FAKE_... say
// otherwise.
#pragma once

#include <string>
#include <vector>

namespace strata::fakes {

struct Card {
  std::string name;                // FAKE_NAME
  int compute_capability;          // FAKE_CC
  int multiprocessors;             // FAKE_MULTIPROCESSORS
  int clock_khz;                   // FAKE_CLOCK_MAX_MHZ
  int memory_clock_khz;            // FAKE_MEMORY_CLOCK_MHZ
  int bus_bits;                    // FAKE_BUS_BITS
  unsigned long long memory;       // FAKE_MEMORY_MB
  unsigned long long free_memory;  // FAKE_FREE_MB
  int compute_mode;                // FAKE_COMPUTE_MODE
};
Card fake_card();

int fake_driver_cuda();  // FAKE_DRIVER_CUDA, 13000

/// Byte `place` of the UUID of card `index`.
unsigned char fake_uuid_byte(int index, int place);
/// "GPU-f1000000-...".
std::string fake_uuid(int index);
/// "0000:3b:00.0" for the first.
int fake_bus(int index);

/// The FAKE_GPUS cards that CUDA_VISIBLE_DEVICES leaves, in its order, as the driver reads it: by
/// index or by the start of a UUID; the first that is not there hides itself and all after it, one
/// that comes twice hides all.
std::vector<int> fake_visible_cards();

}  // namespace strata::fakes
