// Layer 17: GPUs that work together, where there are two or more.
#include <fmt/format.h>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

std::string shm_text(const Access& access) {
  return access.shm_bytes ? fmt::format("{} MiB", *access.shm_bytes >> 20) : "no /dev/shm";
}

std::string nccl_text(double version) {
  const int number = int_of(version);
  return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
}

void blame_hang(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  const bool without = evidence.nccl_without_p2p && evidence.nccl_without_p2p->finished() &&
                       !evidence.nccl_without_p2p->first_failure();
  judgement.fail("7-HANG",
                 fmt::format("the sum over all GPUs did not end in {:.0f} s; with "
                             "NCCL_P2P_DISABLE=1 it {}",
                             probe.seconds, without ? "does" : "does not either"),
                 {{"seconds", fmt::format("{:.0f}", probe.seconds)}});
}

void blame_call(const Call& call, const Evidence& evidence, Judgement& judgement) {
  const Access& access = evidence.machine.access;
  const bool small =
      (access.shm_bytes && *access.shm_bytes <= evidence.facts.nccl.docker_shm_bytes) ||
      !access.shm_writable;
  if (call.name.starts_with("dlopen(")) {
    const bool symbol = call.words.find("undefined symbol") != std::string::npos;
    if (symbol)
      judgement.fail("7-NCCLMIX", fmt::format("{}: {}", call.name, call.words));
    else {  // Strata trains on one GPU: others need it
      judgement.note("7-MISSING", fmt::format("{}: {}", call.name, call.words),
                     {{"library", "libnccl.so.2"}});
      judgement.row.status = Status::skipped;
      judgement.row.text = "no_nccl";
    }
  } else if (call.name.starts_with("nccl") && call.code == 2 && small) {
    judgement.fail("7-SHM", fmt::format("{}; /dev/shm: {}", call.to_string(), shm_text(access)),
                   {{"shm", shm_text(access)}});
  } else if (!call.name.starts_with("cuda") || !blame_cuda_code(call, evidence, judgement)) {
    judgement.fail("ANY-ERROR", call.to_string(), {{"call", call.name}, {"error", call.words}});
  }
}

bool judge_version(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  const double version = number_of(probe.facts, "version");
  std::vector<std::string> paths;
  for (const json& library : list_of(probe.facts, "libraries"))
    paths.push_back(text_of(library, "target"));
  const bool old = !flag_of(probe.facts, "has_register", true) ||
                   (version > 0 && version < evidence.facts.nccl.minimum_version);
  if (!old && paths.size() < 2) return false;
  const std::string path = paths.empty() ? "libnccl.so.2" : paths.front();
  judgement.fail(
      "7-NCCLMIX",
      fmt::format("ncclGetVersion = {:.0f}, {}; {}", version,
                  flag_of(probe.facts, "has_register", true) ? "ncclCommRegister is there"
                                                             : "no ncclCommRegister",
                  joined(paths)),
      {{"path", path},
       {"folder", folder_of(path)},
       {"version", nccl_text(version)},
       {"built", nccl_text(evidence.facts.nccl.minimum_version)}});
  return true;
}

void judge_results(const ProbeResult& probe, Judgement& judgement) {
  if (const double wrong = number_of(probe.facts, "peer_copy_wrong"); wrong > 0)
    judgement.fail("7-P2PBAD", fmt::format("GPU 0 to 1 and back: {:.0f} elements wrong", wrong),
                   {{"measured", fmt::format("{:.0f}", wrong)}});
  else if (const double sums = number_of(probe.facts, "sum_wrong"); sums > 0)
    judgement.fail("7-P2PBAD", fmt::format("ncclAllReduce: {:.0f} elements wrong", sums),
                   {{"measured", fmt::format("{:.0f}", sums)}});
}

}  // namespace

Judgement judge_nccl(const Evidence& evidence) {
  Judgement judgement(Layer::nccl);
  const auto found = evidence.probes.find(Layer::nccl);
  if (found == evidence.probes.end() || found->second.empty()) return judgement;
  const ProbeResult& probe = found->second.front();
  judgement.row.seconds = probe.seconds;
  for (const json& library : list_of(probe.facts, "libraries")) {
    judgement.row.libraries.push_back(describe(library, evidence));
    if (judgement.row.libraries.back().version.empty())
      judgement.row.libraries.back().version = nccl_text(number_of(probe.facts, "version"));
  }
  if (probe.end == ProbeResult::End::timed_out) {
    blame_hang(probe, evidence, judgement);
    return judgement;
  }
  if (blame_end(probe, evidence, judgement) || judge_version(probe, evidence, judgement))
    return judgement;
  judge_results(probe, judgement);
  if (const Call* call = probe.first_failure(); call && !judgement.failed())
    blame_call(*call, evidence, judgement);
  if (judgement.failed()) return judgement;
  const Access& access = evidence.machine.access;
  if (access.shm_bytes && *access.shm_bytes < evidence.facts.nccl.small_shm_bytes)
    judgement.warn("7-SHM", "/dev/shm: " + shm_text(access), {{"shm", shm_text(access)}});
  Cell cell;
  measure("all_reduce", number_of(probe.facts, "all_reduce_gb_s"), "GB/s", 0, evidence, cell,
          judgement);
  judgement.row.cells.push_back(cell);
  if (const double version = number_of(probe.facts, "version"); version > 0)
    judgement.row.text = {"cell_nccl",
                          {{"version", nccl_text(version)},
                           {"what", fmt::format("{:.0f}", number_of(probe.facts, "gpus"))}}};
  return judgement;
}

}  // namespace strata::stack_check
