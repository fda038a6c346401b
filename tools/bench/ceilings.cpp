#include "tools/bench/ceilings.h"

#include "tensor/build_config.h"
#include "tensor/parallel.h"
#include "tools/bench/cpu.h"
#include "tools/bench/gpu.h"

namespace strata::bench {

namespace {

/// A figure that this machine may not be able to give, with the reason.
template <class Measure, class... Arguments>
std::optional<double> attempt(Ceilings& ceilings, const char* name, const Measure& measure,
                              Arguments... arguments) {
  std::string why_not;
  const std::optional<double> value = measure(arguments..., why_not);
  if (!value) ceilings.missing[name] = why_not;
  return value;
}

Ceilings measure_cpu_rates() {
  const cpu::CacheSizes caches = cpu::cache_sizes();
  Ceilings ceilings{.threads = thread_count()};
  ceilings.instructions = cpu::multiply_add_instructions();
  ceilings.l2_bytes = caches.l2 * static_cast<size_t>(ceilings.threads);  // each core has its own
  ceilings.l3_bytes = caches.l3;
  ceilings.copy_rate = cpu::measure_copy_rate(caches);
  ceilings.l3_copy_rate =
      attempt(ceilings, "l3_copy_bytes_per_second", cpu::measure_l3_copy_rate, caches);
  ceilings.l2_copy_rate =
      attempt(ceilings, "l2_copy_bytes_per_second", cpu::measure_l2_copy_rate, caches);
  ceilings.fp32_flops = cpu::measure_fp32_flops();
  ceilings.tf32_flops = ceilings.fp32_flops;  // which the CPU computes in float32
  ceilings.bf16_flops = attempt(ceilings, "bf16_flops", cpu::measure_bf16_flops);
  return ceilings;
}

}  // namespace

Ceilings measure_rates(Device device) {
  if (device == Device::cpu) return measure_cpu_rates();
  Ceilings ceilings;
  if constexpr (kHasCuda) {
    ceilings.l2_bytes = gpu::l2_cache_bytes();
    ceilings.copy_rate = gpu::measure_copy_rate();
    ceilings.l2_copy_rate = gpu::measure_l2_copy_rate();
    ceilings.fp32_flops = gpu::measure_fp32_flops();
    ceilings.node_seconds = gpu::measure_node_seconds();
    ceilings.tf32_flops =
        attempt(ceilings, "tf32_flops", gpu::measure_product_flops, gpu::ProductType::tf32);
    ceilings.bf16_flops =
        attempt(ceilings, "bf16_flops", gpu::measure_product_flops, gpu::ProductType::bf16);
  }
  return ceilings;
}

Ceilings measure_ceilings(Device device) {
  Ceilings ceilings = measure_rates(device);
  if (device == Device::cpu) ceilings.parallel_seconds = cpu::measure_parallel_seconds();
  if constexpr (kHasCuda)
    if (device == Device::gpu)
      ceilings.while_turn_seconds =
          attempt(ceilings, "while_turn_seconds", gpu::measure_while_turn_seconds);
  return ceilings;
}

}  // namespace strata::bench
