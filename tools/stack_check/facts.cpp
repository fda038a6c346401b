#include "tools/stack_check/facts.h"

#include <algorithm>
#include <cmath>

namespace strata::stack_check {
namespace {

/// The first entry for which `matches` holds; null if there is none.
template <class Entry, class Predicate>
const Entry* find(const std::vector<Entry>& entries, Predicate matches) {
  const auto found = std::find_if(entries.begin(), entries.end(), matches);
  return found == entries.end() ? nullptr : &*found;
}

const FlopPerClock* flop_per_clock(const Facts& facts, int cc) {
  return find(facts.flop_per_clock, [&](const FlopPerClock& entry) { return entry.cc == cc; });
}

double teraflops(double per_clock, int multiprocessors, int clock_khz) {
  return per_clock * multiprocessors * clock_khz * 1e3 / 1e12;
}

}  // namespace

const CudaMajor* cuda_major(const Facts& facts, int major) {
  return find(facts.cuda_majors, [&](const CudaMajor& entry) { return entry.major == major; });
}

std::string minimum_driver(const Facts& facts, int major) {
  const CudaMajor* entry = cuda_major(facts, major);
  return entry ? entry->minimum_driver : "";
}

std::string driver_for_ptx(const Facts& facts, int cuda) {
  const CudaRelease* release =
      find(facts.cuda_releases, [&](const CudaRelease& entry) { return entry.cuda >= cuda; });
  return release ? release->driver : "";
}

int first_cuda_for(const Facts& facts, int cc) {
  const Architecture* entry =
      find(facts.architectures, [&](const Architecture& known) { return known.cc == cc; });
  return entry ? entry->first_cuda : 0;
}

const CudnnRelease* cudnn_release(const Facts& facts, int version) {
  const CudnnRelease* last = nullptr;
  for (const CudnnRelease& release : facts.cudnn_releases)
    if (release.from <= version) last = &release;
  return last;
}

const PciRange* pci_range(const Facts& facts, uint16_t device_id) {
  return find(facts.pci_ranges, [&](const PciRange& range) {
    return range.first <= device_id && device_id <= range.last;
  });
}

const Generation* generation_of(const Facts& facts, uint16_t device_id) {
  const PciRange* range = pci_range(facts, device_id);
  if (!range) return nullptr;
  return find(facts.generations,
              [&](const Generation& entry) { return entry.name == range->generation; });
}

std::string card_name(const Facts& facts, uint16_t device_id) {
  const auto found = facts.cards.find(device_id);
  return found == facts.cards.end() ? "" : found->second;
}

bool sass_runs_on(const std::vector<int>& architectures, int cc) {
  return std::any_of(architectures.begin(), architectures.end(),
                     [&](int built) { return built / 10 == cc / 10 && built % 10 <= cc % 10; });
}

double peak_fp32(const Facts& facts, int cc, int multiprocessors, int clock_khz) {
  const FlopPerClock* entry = flop_per_clock(facts, cc);
  return entry ? teraflops(entry->fp32, multiprocessors, clock_khz) : 0;
}

double peak_bf16(const Facts& facts, int cc, int multiprocessors, int clock_khz) {
  const FlopPerClock* entry = flop_per_clock(facts, cc);
  return entry ? teraflops(entry->bf16, multiprocessors, clock_khz) : 0;
}

double peak_memory(int memory_clock_khz, int bus_bits) {
  return 2.0 * memory_clock_khz * 1e3 * bus_bits / 8 / 1e9;
}

double peak_link(const Facts& facts, double gt_s, int lanes) {
  const PcieSpeed* speed = find(facts.pcie_speeds, [&](const PcieSpeed& entry) {
    return std::fabs(entry.gt_s - gt_s) < 0.1;
  });
  return speed ? speed->gb_s * lanes : 0;
}

double least_share(const Facts& facts, const std::string& measurement) {
  const auto found = facts.least_shares.find(measurement);
  return found == facts.least_shares.end() ? 0 : found->second;
}

double training_step_us(const Facts& facts, std::string_view device_name) {
  const TrainingStep* step = find(facts.training_steps, [&](const TrainingStep& entry) {
    return device_name.find(entry.card) != std::string_view::npos;
  });
  return step ? step->step_us : 0;
}

const TrainingBand* training_band(const Facts& facts, std::string_view data) {
  return find(facts.training, [&](const TrainingBand& band) { return band.data == data; });
}

TimeLimit time_limit(const Facts& facts, std::string_view probe) {
  const TimeLimit* entry =
      find(facts.time_limits, [&](const TimeLimit& limit) { return limit.probe == probe; });
  return entry ? *entry : TimeLimit{.probe = std::string(probe), .limit = 60};
}

}  // namespace strata::stack_check
