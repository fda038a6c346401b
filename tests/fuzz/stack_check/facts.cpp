#include "tools/stack_check/facts.h"

#include <stdexcept>

#include "tests/fuzz/targets.h"

namespace strata::fuzz {

void facts(std::string_view input) {
  using namespace stack_check;
  Facts parsed;
  try {
    parsed = parse_facts(input);
  } catch (const std::runtime_error&) {
    return;
  }
  for (const int cc : {0, 75, 90, 121}) {
    peak_fp32(parsed, cc, 132, 1980000);
    peak_bf16(parsed, cc, 132, 1980000);
    first_cuda_for(parsed, cc);
  }
  peak_link(parsed, 32, 16);
  for (const uint16_t id : {0, 0x2330, 0xffff}) {
    const PciRange* range = pci_range(parsed, id);
    require(!range || (range->first <= id && id <= range->last));
    generation_of(parsed, id);
    card_name(parsed, id);
  }
  minimum_driver(parsed, 13);
  driver_for_ptx(parsed, 13010);
  cudnn_release(parsed, 91900);
  training_step_us(parsed, "NVIDIA H100 80GB HBM3");
  training_band(parsed, "digits");
  time_limit(parsed, "cudnn");
}

}  // namespace strata::fuzz
