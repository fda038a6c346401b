// Layer 15: cuBLAS and the cuBLASLt that it binds to.
#include <fmt/format.h>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-5;  // relative; a float32 sum of 53 products, in another order

void blame_open(const Call& call, Judgement& judgement) {
  const std::string saw = fmt::format("{}: {}", call.name, call.words);
  const std::string library = call.name.substr(7, call.name.size() - 8);
  const bool mixed = call.words.find("undefined symbol") != std::string::npos ||
                     call.words.find("version `") != std::string::npos;
  judgement.fail(mixed ? "5-LTMIX" : "5-MISSING", saw, {{"library", library}});
}

void blame_call(const Call& call, const ProbeResult& probe, const Evidence& evidence,
                Judgement& judgement) {
  const bool allocation = call.name == "cublasCreate_v2" && (call.code == 1 || call.code == 3);
  const double free = number_of(probe.facts, "memory_free", 1e12);
  if (call.name.starts_with("dlopen("))
    blame_open(call, judgement);
  else if (call.name.starts_with("dlsym("))
    judgement.fail("5-LTMIX", call.to_string());
  else if (allocation && free < (512 << 20))
    blame_memory(call.to_string(), evidence, judgement);
  else if (allocation)
    judgement.fail("5-INIT", call.to_string(),
                   {{"code", std::to_string(*call.code)},
                    {"free", fmt::format("{:.0f} MiB", free / (1 << 20))}});
  else if (!call.name.starts_with("cuda") || !blame_cuda_code(call, evidence, judgement))
    judgement.fail("ANY-ERROR", call.to_string(), {{"call", call.name}, {"error", call.words}});
}

/// Both from one folder: they are one product, and only their own copies fit together.
void judge_folders(const ProbeResult& probe, Judgement& judgement) {
  std::string cublas, lt;
  for (const json& library : list_of(probe.facts, "libraries")) {
    const std::string name = text_of(library, "name");
    (name.starts_with("libcublasLt") ? lt : cublas) = text_of(library, "target");
  }
  if (cublas.empty() || lt.empty() || folder_of(cublas) == folder_of(lt)) return;
  judgement.warn("5-LTMIX", fmt::format("{}, {}", cublas, lt),
                 {{"path", cublas}, {"folder", folder_of(cublas)}, {"other", lt}});
}

void judge_version(const ProbeResult& probe, Judgement& judgement) {
  const int version = int_of(probe.facts, "version");
  const int built = int_of(probe.facts, "built");
  if (version == 0 || version / 100 >= built / 100) return;
  std::string path;
  for (const json& library : list_of(probe.facts, "libraries"))
    if (!text_of(library, "name").starts_with("libcublasLt")) path = text_of(library, "target");
  const auto text = [](int number) {
    return fmt::format("{}.{}", number / 10000, number / 100 % 100);
  };
  judgement.warn("5-OLD",
                 fmt::format("cublasGetProperty: {}, built with {}; {}", version, built, path),
                 {{"version", text(version)},
                  {"built", text(built)},
                  {"path", path},
                  {"folder", folder_of(path)}});
}

void judge_gpu(const ProbeResult& probe, size_t gpu, const Evidence& evidence, Cell& cell,
               Judgement& judgement) {
  if (blame_end(probe, evidence, judgement)) return;
  if (const Call* call = probe.first_failure())
    return blame_call(*call, probe, evidence, judgement);
  if (const double error = number_of(probe.facts, "product_error", 1); error > kTolerance)
    return judgement.fail("ANY-WRONG", fmt::format("cublasSgemm: relative error {:.2g}", error),
                          {{"what", "cublasSgemm"},
                           {"gpu", text_of(gpu_facts(evidence, gpu), "name")},
                           {"measured", fmt::format("{:.2g}", error)},
                           {"expected", fmt::format("{:.0e}", kTolerance)}});
  judge_folders(probe, judgement);
  judge_version(probe, judgement);
  const json& card = gpu_facts(evidence, gpu);
  const int cc = int_of(card, "cc");
  const int multiprocessors = int_of(card, "multiprocessors");
  const int clock = int_of(card, "clock_khz");
  measure("fp32_product", number_of(probe.facts, "fp32_tflops"), "TFLOP/s",
          peak_fp32(evidence.facts, cc, multiprocessors, clock), evidence, cell, judgement);
  measure("bf16_product", number_of(probe.facts, "bf16_tflops"), "TFLOP/s",
          peak_bf16(evidence.facts, cc, multiprocessors, clock), evidence, cell, judgement);
  cell.text = "cell_cublas";
}

}  // namespace

Judgement judge_cublas(const Evidence& evidence) {
  Judgement judgement =
      judge_each(Layer::cublas, evidence,
                 [&](const ProbeResult& probe, size_t gpu, Cell& cell, Judgement& judgement) {
                   judge_gpu(probe, gpu, evidence, cell, judgement);
                 });
  if (const auto found = evidence.probes.find(Layer::cublas); found != evidence.probes.end())
    for (const json& library : list_of(found->second.front().facts, "libraries"))
      judgement.row.libraries.push_back(describe(library, evidence));
  return judgement;
}

}  // namespace strata::stack_check
