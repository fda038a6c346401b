// What stack_check knows of versions and cards: data/facts.json, which is compiled into the program
// and carries its date. Numbers are written as the libraries write them: CUDA 13.0 is 13000,
// compute capability 9.0 is 90, cuDNN 9.19.0 is 91900.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::stack_check {

struct CudaMajor {
  int major = 0;
  std::string minimum_driver;         // of Linux, for every release of the major version
  int lowest_cc = 0, highest_cc = 0;  // that its last toolkit makes machine code for
};

struct CudaRelease {
  int cuda = 0;
  std::string driver;  // came with it: the first that compiles the PTX of its compiler
};

struct Architecture {
  int cc = 0;
  int first_cuda = 0;  // whose compiler knows it
};

struct CudnnRelease {
  int from = 0;  // and all later versions up to the next entry
  std::vector<int> cuda_majors;
  int lowest_cc = 0, highest_cc = 0;
  std::vector<std::string> sublibraries;  // "graph": libcudnn_graph.so.9 belongs to it
};

/// Whether the kernel modules with open sources drive a generation of cards.
enum class OpenModules { impossible, possible, required };

struct Generation {
  std::string name;  // "Hopper"
  OpenModules open_modules = OpenModules::possible;
  int first_driver_branch = 0, last_driver_branch = 0;  // 0: no limit that matters today
};

struct PciRange {
  uint16_t first = 0, last = 0;  // device ids, both in it
  std::string generation;
  int cc = 0;
};

/// Of one multiprocessor; 0: it has no such unit, or not known.
struct FlopPerClock {
  int cc = 0;
  double fp32 = 0, bf16 = 0;
};

struct PcieSpeed {
  double gt_s = 0;  // as sysfs names a link's speed
  double gb_s = 0;  // of data, one lane, one direction
};

/// The mean of a training step that was measured on a card.
struct TrainingStep {
  std::string card;  // a part of the device's name
  double step_us = 0;
};

/// What a healthy training from seed 1 keeps.
struct TrainingBand {
  std::string data;           // "mnist", "digits"
  double least_accuracy = 0;  // percent
  double greatest_loss = 0;   // mean of the last 20 steps
  double loss_tolerance = 0;  // relative, of the first ten losses against the CPU's
};

struct TimeLimit {
  std::string probe;
  double limit = 0;  // seconds until it is killed
  double slow = 0;   // seconds that are worth a warning; 0: none
};

struct NcclFacts {
  int minimum_version = 0;
  uint64_t small_shm_bytes = 0;   // less is worth a warning
  uint64_t docker_shm_bytes = 0;  // what a container gets that asks for nothing
};

struct Facts {
  std::string date;  // "2026-11-23"
  std::vector<CudaMajor> cuda_majors;
  std::vector<CudaRelease> cuda_releases;  // ascending
  std::vector<Architecture> architectures;
  std::vector<CudnnRelease> cudnn_releases;  // ascending
  std::vector<Generation> generations;       // oldest first
  std::vector<PciRange> pci_ranges;          // none overlaps another
  std::map<uint16_t, std::string> cards;     // names by device id
  std::vector<FlopPerClock> flop_per_clock;
  std::vector<PcieSpeed> pcie_speeds;
  std::map<std::string, double> least_shares;  // by the name of the measurement
  std::vector<TrainingStep> training_steps;
  double slow_step_factor = 0;  // a step that takes longer than this many times is slow
  std::vector<TrainingBand> training;
  std::vector<TimeLimit> time_limits;
  NcclFacts nccl;
};

/// The facts compiled into this program.
const Facts& facts();
/// Throws std::runtime_error naming the member that is missing or wrong.
Facts parse_facts(std::string_view json);

// Queries; each gives null, an empty text or 0 for what the facts do not hold.

const CudaMajor* cuda_major(const Facts& facts, int major);
/// The oldest Linux driver that runs programs of any CUDA 13.x, for 13.
std::string minimum_driver(const Facts& facts, int major);
/// The driver that came with CUDA 13010 (or the next release there is): the oldest that compiles
/// PTX of that release's compiler.
std::string driver_for_ptx(const Facts& facts, int cuda);
/// The first CUDA release whose compiler and libraries know cards of a compute capability.
int first_cuda_for(const Facts& facts, int cc);
const CudnnRelease* cudnn_release(const Facts& facts, int version);

const PciRange* pci_range(const Facts& facts, uint16_t device_id);
const Generation* generation_of(const Facts& facts, uint16_t device_id);
std::string card_name(const Facts& facts, uint16_t device_id);

/// Whether one of the architectures that a program has machine code for runs on a card: the same
/// major version and no newer minor one.
bool sass_runs_on(const std::vector<int>& architectures, int cc);

/// Peaks in TFLOP/s of a card at its highest clock.
double peak_fp32(const Facts& facts, int cc, int multiprocessors, int clock_khz);
double peak_bf16(const Facts& facts, int cc, int multiprocessors, int clock_khz);
/// GB/s of memory that moves data on both edges of its clock.
double peak_memory(int memory_clock_khz, int bus_bits);
/// GB/s in one direction of a PCIe link, its speed in GT/s per lane.
double peak_link(const Facts& facts, double gt_s, int lanes);

double least_share(const Facts& facts, const std::string& measurement);
/// Microseconds of a training step on a card of this name.
double training_step_us(const Facts& facts, std::string_view device_name);
const TrainingBand* training_band(const Facts& facts, std::string_view data);
/// 60 seconds for a probe that the facts do not name.
TimeLimit time_limit(const Facts& facts, std::string_view probe);

}  // namespace strata::stack_check
