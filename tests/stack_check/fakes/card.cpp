#include "tests/stack_check/fakes/card.h"

#include <algorithm>
#include <cstdlib>

#include "tests/stack_check/fakes/fake.h"
#include "tools/stack_check/probe/uuid_text.h"

namespace strata::fakes {
namespace {

constexpr int kNone = -1;

int fake_int(const char* variable, int fallback) {
  return static_cast<int>(fake_number(variable, fallback));
}

/// The card that an entry of CUDA_VISIBLE_DEVICES names.
int card_of(const std::string& entry, int count) {
  if (entry.starts_with("GPU-")) {
    for (int index = 0; index < count; ++index)
      if (fake_uuid(index).starts_with(entry)) return index;
    return kNone;
  }
  char* end = nullptr;
  const long index = std::strtol(entry.c_str(), &end, 10);
  return *end == '\0' && index >= 0 && index < count ? static_cast<int>(index) : kNone;
}

}  // namespace

Card fake_card() {
  return {.name = fake_text("FAKE_NAME", "NVIDIA H100 80GB HBM3"),
          .compute_capability = fake_int("FAKE_CC", 90),
          .multiprocessors = fake_int("FAKE_MULTIPROCESSORS", 132),
          .clock_khz = 1000 * fake_int("FAKE_CLOCK_MAX_MHZ", 1980),
          .memory_clock_khz = 1000 * fake_int("FAKE_MEMORY_CLOCK_MHZ", 2619),
          .bus_bits = fake_int("FAKE_BUS_BITS", 5120),
          .memory = static_cast<unsigned long long>(fake_number("FAKE_MEMORY_MB", 80000)) << 20,
          .free_memory = static_cast<unsigned long long>(fake_number("FAKE_FREE_MB", 79000)) << 20,
          .compute_mode = fake_int("FAKE_COMPUTE_MODE", 0)};
}

int fake_driver_cuda() {
  return fake_int("FAKE_DRIVER_CUDA", 13000);
}

unsigned char fake_uuid_byte(int index, int place) {
  return static_cast<unsigned char>(place == 0 ? 0xf1 : place == 15 ? index : 0x10 * place);
}

std::string fake_uuid(int index) {
  unsigned char bytes[16];
  for (int place = 0; place < 16; ++place) bytes[place] = fake_uuid_byte(index, place);
  return stack_probe::uuid_text("GPU", bytes);
}

int fake_bus(int index) {
  return 0x3b + index;
}

std::vector<int> fake_visible_cards() {
  const int count = fake_int("FAKE_GPUS", 1);
  std::vector<int> cards;
  if (!std::getenv("CUDA_VISIBLE_DEVICES")) {
    for (int index = 0; index < count; ++index) cards.push_back(index);
    return cards;
  }
  for (const std::string& entry : fake_split(fake_text("CUDA_VISIBLE_DEVICES", ""), ',')) {
    const int card = card_of(entry, count);
    if (card == kNone) break;
    if (std::find(cards.begin(), cards.end(), card) != cards.end()) return {};
    cards.push_back(card);
  }
  return cards;
}

}  // namespace strata::fakes
