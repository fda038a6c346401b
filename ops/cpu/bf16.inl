using Words = Vector<uint32_t, kLanes>;
using Halves = Vector<uint16_t, kLanes>;

inline Halves load_halves(const BFloat16* from) {
  return load<kLanes>(&from->bits);
}

void widen(const Widening& work) {
  int64_t i = 0;
  for (; i + kLanes <= work.count; i += kLanes)
    store(reinterpret_cast<uint32_t*>(work.to + i),
          __builtin_convertvector(load_halves(work.from + i), Words) << 16);
  for (; i < work.count; ++i) work.to[i] = static_cast<float>(work.from[i]);
}

// As BFloat16::nearest.
void narrow(const Narrowing& work) {
  int64_t i = 0;
  for (; i + kLanes <= work.count; i += kLanes) {
    const auto number = load<kLanes>(work.from + i);
    const Words bits = load<kLanes>(reinterpret_cast<const uint32_t*>(work.from + i));
    const Words nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    const Words chosen = number == number ? nearest : (bits >> 16 | 0x40);
    store(&work.to[i].bits, __builtin_convertvector(chosen, Halves));
  }
  for (; i < work.count; ++i) work.to[i] = BFloat16::nearest(work.from[i]);
}

void pair_rows(const Pairing& work) {
  int64_t i = 0;
  for (; i + kLanes <= work.count; i += kLanes) {
    Words pairs = __builtin_convertvector(load_halves(work.first + i), Words);
    if (work.second)
      pairs |= __builtin_convertvector(load_halves(work.second + i), Words) << 16;
    store(work.to + i, pairs);
  }
  for (; i < work.count; ++i)
    work.to[i] = work.first[i].bits | (work.second ? uint32_t{work.second[i].bits} << 16 : 0);
}
