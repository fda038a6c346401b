// What the benchmark needs of a GPU beside the framework, in terms that need no CUDA header.
// Defined in cuda/; a build without CUDA never calls it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace strata::bench::gpu {

/// Queues `work` between two events and waits: the seconds that the GPU spent on it.
double seconds_between_events(const std::function<void()>& work);
/// The best of some runs: a ceiling is what can be reached, so what slows a run does not count.
double best_seconds(const std::function<void()>& work);

size_t l2_cache_bytes();
/// Bytes read plus bytes written a second by a copy in device memory, and by one that stays in the
/// L2 cache.
double measure_copy_rate();
double measure_l2_copy_rate();
/// Of float32 multiply-adds on the ordinary cores.
double measure_fp32_flops();
/// Of one large product through cuBLASLt on random numbers; nothing where it cannot be loaded, with
/// the reason.
enum class ProductType { tf32, bf16 };
std::optional<double> measure_product_flops(ProductType type, std::string& why_not);
/// Seconds that a kernel which does nothing takes in a graph where each waits for the one before.
double measure_node_seconds();
/// Seconds that a turn of a graph's while node takes beyond the kernels in it, which are ten that
/// wait for each other; nothing where the driver cannot do such nodes, with the reason.
std::optional<double> measure_while_turn_seconds(std::string& why_not);

}  // namespace strata::bench::gpu
