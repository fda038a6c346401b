#include "examples/train_mnist/report.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "examples/train_mnist/tuning.h"
#include "ops/cpu/instructions.h"
#include "ops/dispatch.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/parallel.h"

namespace strata::train_mnist {
namespace {

using nlohmann::json;

std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "CPU";
}

std::string device_name(const Run& run) {
  if constexpr (kHasCuda)
    if (run.device == Device::gpu) return cuda::device_info().name;
  return processor_name();
}

std::map<std::string, LoadedLibrary> loaded_libraries() {
  std::map<std::string, LoadedLibrary> libraries;
  if constexpr (kHasCuda) {
    if (const auto library = cuda::loaded_cublaslt()) libraries["cuBLASLt"] = *library;
    if (const auto library = cuda::loaded_cudnn()) libraries["cuDNN"] = *library;
  }
  if (const auto library = loaded_onednn()) libraries["oneDNN"] = *library;
  return libraries;
}

/// "conv2d": "cudnn"; both rungs where an op has run on two.
std::map<std::string, std::string> rung_of_each_op() {
  std::map<std::string, std::string> rungs;
  for (const auto& [op, used] : rungs_used()) {
    std::string names;
    for (const Rung rung : used)
      names += fmt::format("{}{}", names.empty() ? "" : "+", name_of(rung));
    rungs[op] = names;
  }
  return rungs;
}

/// "cudnn: conv2d; cuda: adam_update, dense, ..."
std::string rungs_line() {
  std::map<std::string, std::string> ops_of_rung;
  for (const auto& [op, rung] : rung_of_each_op())
    ops_of_rung[rung] += (ops_of_rung[rung].empty() ? "" : ", ") + op;
  std::string line;
  for (const auto& [rung, ops] : ops_of_rung)
    line += fmt::format("{}{}: {}", line.empty() ? "" : "; ", rung, ops);
  return line;
}

void add_gpu_facts(Facts& facts) {
  const cuda::DeviceInfo& info = cuda::device_info();
  facts.emplace_back(
      "", fmt::format("compute capability {}.{}, {} multiprocessors, {:.1f} GB",
                      info.compute_capability / 10, info.compute_capability % 10,
                      info.multiprocessors, static_cast<double>(info.memory_bytes) / 1e9));
  facts.emplace_back("driver", fmt::format("{}, for CUDA up to {}",
                                           info.driver.empty() ? "of unknown version" : info.driver,
                                           cuda_version(info.driver_cuda)));
  facts.emplace_back(
      "runtime", fmt::format("CUDA {}, linked into this program", cuda_version(info.runtime_cuda)));
  const auto loaded = loaded_libraries();
  for (const char* name : {"cuBLASLt", "cuDNN"}) {
    const auto library = loaded.find(name);
    if (library == loaded.end())
      facts.emplace_back(name,
                         "not loaded: no op of this run is on it (--kernels library asks for it)");
    else
      facts.emplace_back(name,
                         fmt::format("{}  {}", library->second.version, library->second.path));
  }
  for (const std::string& reason : libraries_passed_over()) facts.emplace_back("not used", reason);
}

std::string data_line(const nn::Dataset& data) {
  return fmt::format("{}: {} + {} images of {}x{}x{}, {} classes ({})", data.name, data.train.count,
                     data.test.count, data.height, data.width, data.channels, data.classes,
                     data.source);
}

std::string_view precision_line(const Run& run) {
  switch (run.options.precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return run.device == Device::cpu ? "fp32: reduced precisions have no effect on the CPU"
                                       : "tf32 in products on tensor cores, fp32 in all others";
    case Precision::bf16:
      return run.device == Device::cpu
                 ? "bf16 for hidden activations and factors of products, fp32 in all others"
                 : "bf16 for hidden activations, tf32 in products on tensor cores, fp32 in all "
                   "others";
  }
  return {};
}

std::string step_line(const Results& results) {
  if (!results.capture) return "each kernel queued by itself (--no-graph)";
  return fmt::format("captured as a CUDA graph of {} nodes, {} steps a launch",
                     results.capture->nodes, results.capture->steps_per_launch);
}

std::string_view optimizer_name(const Options& options) {
  return options.optimizer == OptimizerKind::adam ? "adam" : "sgd";
}

std::string_view schedule_name(const Options& options) {
  constexpr std::string_view kNames[] = {"constant", "cosine", "one-cycle"};
  return kNames[static_cast<int>(options.schedule)];
}

/// By key; shipped defaults under --verbose only.
json choices_made() {
  json choices = json::object();
  for (const auto& [key, choice] : tuner().choices())
    choices[key] = {{"winner", choice.winner}, {"source", name_of(choice.source)}};
  return choices;
}

json versions(const Run& run) {
  json result = {{"strata", STRATA_VERSION}};
  if constexpr (kHasCuda) {
    if (run.device == Device::gpu) {
      const cuda::DeviceInfo& info = cuda::device_info();
      result["driver"] = info.driver;
      result["driver_cuda"] = cuda_version(info.driver_cuda);
      result["cuda_runtime"] = cuda_version(info.runtime_cuda);
    }
  }
  for (const auto& [name, library] : loaded_libraries())
    result[name] = {{"version", library.version}, {"path", library.path}};
  return result;
}

/// In seconds. Device and data are got ready side by side, the rest follows one by one.
json seconds_of_each_part(const Run& run, const Results& results) {
  return {{"device", run.device_seconds},      {"data", run.data_seconds},
          {"upload", results.upload_seconds},  {"rehearsal", results.rehearsal_seconds},
          {"training", results.train_seconds}, {"evaluation", results.evaluation_seconds}};
}

json to_json(const Run& run, const Results& results, double total_seconds) {
  const Options& options = run.options;
  const nn::Dataset& data = run.dataset;
  json report = {{"device",
                  {{"type", name_of(run.device)},
                   {"name", device_name(run)},
                   {"threads", thread_count()},
                   {"instructions", name_of(instructions())},
                   {"note", run.device_note}}},
                 {"kernels",
                  {{"choice", name_of(options.kernels)},
                   {"ops", rung_of_each_op()},
                   {"choices", choices_made()},
                   {"tuning_seconds", tuner().seconds_measuring()}}},
                 {"precision", name_of(options.precision)},
                 {"dataset",
                  {{"name", data.name},
                   {"source", data.source},
                   {"train", data.train.count},
                   {"test", data.test.count},
                   {"height", data.height},
                   {"width", data.width},
                   {"channels", data.channels},
                   {"classes", data.classes},
                   {"note", run.data_note}}},
                 {"model", model_name(options)},
                 {"optimizer", optimizer_name(options)},
                 {"schedule", schedule_name(options)},
                 {"learning_rate", run.learning_rate},
                 {"batch_size", options.batch_size},
                 {"seed", options.seed},
                 {"epochs", results.test_accuracy_per_epoch.size()},
                 {"steps", results.steps},
                 {"test_accuracy", results.test_accuracy()},
                 {"train_seconds", results.train_seconds},
                 {"total_seconds", total_seconds},
                 {"startup", seconds_of_each_part(run, results)},
                 {"graph", nullptr},
                 {"loss_per_epoch", results.loss_per_epoch},
                 {"test_accuracy_per_epoch", results.test_accuracy_per_epoch},
                 {"versions", versions(run)},
                 {"interrupted", results.interrupted},
                 {"target_accuracy", nullptr},
                 {"passed", nullptr}};
  if (results.capture)
    report["graph"] = {{"nodes", results.capture->nodes},
                       {"steps_per_launch", results.capture->steps_per_launch}};
  if (run.target) report["target_accuracy"] = *run.target;
  if (const auto outcome = passed(run, results)) report["passed"] = *outcome;
  return report;
}

}  // namespace

std::string_view model_name(const Options& options) {
  return options.model == ModelKind::lenet ? "lenet" : "mlp";
}

Facts machine_facts(const Run& run) {
  Facts facts;
  facts.emplace_back("device", fmt::format("{}: {}", name_of(run.device), device_name(run)));
  if (run.device == Device::cpu)
    facts.emplace_back("threads",
                       fmt::format("{}, instructions {}", thread_count(), name_of(instructions())));
  if (const auto library = loaded_onednn())
    facts.emplace_back("oneDNN", fmt::format("{}  {}", library->version, library->path));
  if constexpr (kHasCuda)
    if (run.device == Device::gpu) add_gpu_facts(facts);
  if (!run.device_note.empty()) facts.emplace_back("not a GPU", run.device_note);
  facts.emplace_back("kernels", fmt::format("{}; {}", name_of(run.options.kernels), rungs_line()));
  if (const std::string line = tuning_line(tuner()); !line.empty())
    facts.emplace_back("tuning", line);
  facts.emplace_back("precision", precision_line(run));
  return facts;
}

std::string training_line(const Run& run) {
  const Options& options = run.options;
  return fmt::format("{}, {}, {} learning rate of at most {}, epochs: {}, batches of {}, seed {}",
                     model_name(options), optimizer_name(options), schedule_name(options),
                     run.learning_rate, options.epochs, options.batch_size, options.seed);
}

void print_header(const Run& run, const Results& results, const std::string& layers) {
  fmt::print("Strata {}: train_mnist\n", STRATA_VERSION);
  Facts facts = machine_facts(run);
  if (run.device == Device::gpu) facts.emplace_back("step", step_line(results));
  facts.emplace_back("data", data_line(run.dataset));
  if (!run.data_note.empty()) facts.emplace_back("", run.data_note);
  facts.emplace_back("training", training_line(run));
  for (const auto& [name, fact] : facts) fmt::print("  {:<10} {}\n", name, fact);
  print_choices(run, tuner());
  fmt::print("\n{}\n", layers);
  std::fflush(stdout);
}

std::string verdict(const Run& run, const Results& results, double total_seconds) {
  std::string line = fmt::format(
      "test accuracy {:.2f}% ({} images), trained in {:.1f} s ({:.1f} s in all) on the {}",
      results.test_accuracy(), run.dataset.test.count, results.train_seconds, total_seconds,
      name_of(run.device));
  if (!run.data_note.empty()) line += fmt::format("; data: {}", run.dataset.name);
  if (!run.target) return line + ": done";
  return fmt::format("{}: {} (target {}%)", line, *passed(run, results) ? "PASS" : "FAIL",
                     *run.target);
}

std::string json_report(const Run& run, const Results& results, double total_seconds) {
  return to_json(run, results, total_seconds).dump(2) + "\n";
}

}  // namespace strata::train_mnist
