// What the judges of several layers share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/stack_check/judge/judge.h"
#include "tools/stack_check/judge/reading.h"

namespace strata::stack_check {

std::string cuda_text(double version);   // 13010 -> "13.1"
std::string cudnn_text(double version);  // 91900 -> "9.19.0", 8905 -> "8.9.5"
std::string cc_text(double cc);          // 90 -> "9.0"
std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ");
std::string folder_of(const std::string& path);
std::string lower(std::string text);

/// The library that a probe described, with the reason why the loader took it and its other copies.
Library describe(const nlohmann::json& library, const Evidence& evidence);

/// Adds what ended the probe, if it did not end well: 3-BADFILE where a file it opened is damaged,
/// otherwise ANY-CRASH, ANY-HANG, or ANY-ERROR where it ended by itself too early. True if
/// something was added.
bool blame_end(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement);

/// Adds the finding for a CUDA error code that means the same wherever it shows up: memory, ECC, a
/// busy device, no code for the card, ... False for a code that it does not know.
bool blame_cuda_code(const Call& call, const Evidence& evidence, Judgement& judgement);

/// 3-OOM with the free memory, the limits and the holders that are known.
void blame_memory(const std::string& saw, const Evidence& evidence, Judgement& judgement);

/// Adds a measurement, and ANY-SLOW where it is below what a healthy card never falls below.
void measure(const std::string& name, double value, const std::string& unit, double expected,
             const Evidence& evidence, Cell& cell, Judgement& judgement);

/// Whether the path is one of a cuda-compat package: .../compat/..., .../cuda-compat/...
bool is_compat(const std::string& path);

/// The driver is there, but got no further than the cards.
bool fails_at_the_card(const Evidence& evidence);

/// The kernel log's first line with these words, in any case, about this card if several are there.
std::string log_line(const Evidence& evidence, std::string_view words, const PciGpu* gpu = nullptr);

/// The facts of libcuda about a GPU; an empty object if there are none.
const nlohmann::json& gpu_facts(const Evidence& evidence, size_t gpu);
/// The column's row of a per-GPU layer: runs `judge_one(probe, cell)` for each GPU, and sums up.
template <class Function>
Judgement judge_each(Layer layer, const Evidence& evidence, Function&& judge_one) {
  Judgement judgement(layer);
  const auto found = evidence.probes.find(layer);
  if (found == evidence.probes.end()) return judgement;
  for (size_t gpu = 0; gpu < found->second.size(); ++gpu) {
    if (found->second.size() > 1) judgement.gpu = static_cast<int>(gpu);
    Cell cell;
    const size_t before = judgement.findings.size();
    judge_one(found->second[gpu], gpu, cell, judgement);
    for (size_t i = before; i < judgement.findings.size(); ++i) {
      if (judgement.findings[i].severity == Severity::fail) cell.status = Status::fail;
      if (judgement.findings[i].severity == Severity::warn && cell.status == Status::ok)
        cell.status = Status::warn;
    }
    judgement.row.seconds += found->second[gpu].seconds;
    judgement.row.cells.push_back(std::move(cell));
  }
  judgement.gpu.reset();
  if (!judgement.row.cells.empty()) judgement.row.text = judgement.row.cells.front().text;
  return judgement;
}

}  // namespace strata::stack_check
