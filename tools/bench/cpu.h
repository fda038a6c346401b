// What the benchmark needs of the CPU's ceilings. Defined in cpu/.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace strata::bench::cpu {

/// Of the first core's data caches, the second level and the last; 0 where Linux does not say.
struct CacheSizes {
  size_t l2 = 0, l3 = 0;
};
CacheSizes cache_sizes();

/// The vector instructions that the multiply-adds below are made of: the best that there are,
/// whatever the kernels were told to use.
std::string_view multiply_add_instructions();
/// FLOP a second on all threads, in registers: of float32 multiply-adds, and of products of
/// bfloat16 pairs added to float32, where the processor has them.
double measure_fp32_flops();
std::optional<double> measure_bf16_flops(std::string& why_not);

/// Bytes read plus bytes written a second by copies of all threads: from memory to memory, within
/// the last cache, and within each core's second-level cache.
double measure_copy_rate(const CacheSizes& caches);
std::optional<double> measure_l3_copy_rate(const CacheSizes& caches, std::string& why_not);
std::optional<double> measure_l2_copy_rate(const CacheSizes& caches, std::string& why_not);

/// From start to end of a parallel_for that all threads come to and have nothing to do in.
double measure_parallel_seconds();

}  // namespace strata::bench::cpu
