// Counter-based random numbers, the same bits on CPU and GPU.
//
// A number is a pure function of (seed, stream, index): nothing is carried from one draw to the
// next, so threads, devices and the order of drawing change nothing, and a backward pass draws the
// forward pass's numbers again instead of storing them.
// Philox 4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011, section 3.3; constants from its table 2.
#pragma once

#include <cstdint>

#include "tensor/host_device.h"

namespace strata {

struct Philox4 {
  uint32_t word[4];
};

/// Ten rounds over the 128-bit counter (index, stream) with the 64-bit key `seed`.
STRATA_HOST_DEVICE inline Philox4 philox(uint64_t seed, uint64_t stream, uint64_t index) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  Philox4 counter{{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                   static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)}};
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter.word[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter.word[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0,
                static_cast<uint32_t>(product1),
                static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1,
                static_cast<uint32_t>(product0)}};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

/// The `index`-th 32-bit word of a stream: four consecutive indices share one Philox block.
STRATA_HOST_DEVICE inline uint32_t random_word(uint64_t seed, uint64_t stream, uint64_t index) {
  return philox(seed, stream, index / 4).word[index % 4];
}

/// Uniform in [0, 1): the upper 24 bits, which a float holds exactly.
STRATA_HOST_DEVICE inline float random_uniform(uint64_t seed, uint64_t stream, uint64_t index) {
  return static_cast<float>(random_word(seed, stream, index) >> 8) * 0x1p-24f;
}

/// The smallest h >= 1 with 2^(2h) >= count.
STRATA_HOST_DEVICE inline int permutation_half_bits(uint32_t count) {
  int half_bits = 1;
  while (half_bits < 16 && (uint64_t{1} << (2 * half_bits)) < count) ++half_bits;
  return half_bits;
}

/// Position `index` of a random permutation of [0, count), without sorting or memory: a four-round
/// Feistel network over the next even power of two, walked until it falls inside the range (cycle
/// walking: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, section 3).
/// `half_bits` are permutation_half_bits(count), for whoever draws often.
STRATA_HOST_DEVICE inline uint32_t random_permutation(uint64_t seed, uint64_t stream,
                                                      uint32_t index, uint32_t count,
                                                      int half_bits) {
  const uint32_t mask = (1u << half_bits) - 1;
  do {
    uint32_t left = index >> half_bits, right = index & mask;
    for (uint32_t round = 0; round < 4; ++round) {
      const uint32_t mixed = philox(seed, stream, (uint64_t{round} << 32) | right).word[0] & mask;
      const uint32_t next = left ^ mixed;
      left = right;
      right = next;
    }
    index = (left << half_bits) | right;
  } while (index >= count);
  return index;
}
STRATA_HOST_DEVICE inline uint32_t random_permutation(uint64_t seed, uint64_t stream,
                                                      uint32_t index, uint32_t count) {
  return random_permutation(seed, stream, index, count, permutation_half_bits(count));
}

}  // namespace strata
