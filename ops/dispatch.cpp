#include "ops/dispatch.h"

#include "ops/cpu/instructions.h"
#include "ops/onednn/library.h"
#include "ops/tuning.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/pool.h"

namespace strata {
namespace {

Settings current;
std::map<std::string, std::set<Rung>, std::less<>> used;
std::set<std::string> passed_over;

const std::optional<std::string>& why_not_loadable(Rung library) {
  if (library == Rung::onednn) return why_no_onednn();
  if constexpr (kHasCuda)
    return library == Rung::cublas ? cuda::why_no_cublaslt() : cuda::why_no_cudnn();
  static const std::optional<std::string> reason = "this build has no GPU code";
  return reason;
}

/// What the tuner compares: our own kernels may be of any build, a library says its version.
std::string version_of(std::string_view rung) {
  if (rung == name_of(Rung::cuda)) return "Strata";
  if constexpr (kHasCuda) {
    const bool cublas = rung == name_of(Rung::cublas);
    if (!why_not_loadable(cublas ? Rung::cublas : Rung::cudnn))
      return cublas ? "cuBLASLt " + cuda::loaded_cublaslt()->version
                    : "cuDNN " + cuda::loaded_cudnn()->version;
  }
  return "";  // of no entry: one that needs this library is passed over
}

/// The tuner's choice between our own kernel and the library's.
Rung choose_by_time(const LibraryRung& library, Rung shipped, const Trial& trial) {
  const std::string key = fmt::format("rung of {}, {}", trial.what(), name_of(current.precision));
  const auto named = [&](const std::string& name) {
    return name == name_of(library.rung) ? library.rung : Rung::cuda;
  };
  if (const auto known = tuner().recall(key, version_of)) return named(*known);
  if (!tuner().measuring() || why_not_loadable(library.rung)) {
    tuner().take_default(key, std::string(name_of(shipped)));
    return shipped;
  }
  const ArenaScope memory(std::make_shared<Arena>(pool_of(Device::gpu)));  // of the losers, too
  Contest contest{.key = key, .version_of = version_of};
  for (const Rung rung : {shipped, shipped == Rung::cuda ? library.rung : Rung::cuda})
    contest.candidates.push_back({std::string(name_of(rung)), [&, rung] { trial.run(rung); }});
  return named(tuner().measure(contest));
}

Rung choose_on_gpu(std::string_view op, const std::optional<LibraryRung>& library,
                   const Trial* trial) {
  switch (current.kernels) {
    case Kernels::reference:
      fail(ErrorKind::device,
           "{}: reference kernels run on the CPU only; use --kernels own or library on a GPU", op);
    case Kernels::own:
      return Rung::cuda;
    case Kernels::library:
      if (!library || !library->supports) return Rung::cuda;
      if (const auto& reason = why_not_loadable(library->rung))
        throw Error(ErrorKind::device, *reason);
      return library->rung;
    case Kernels::automatic:
      break;
  }
  // The libraries' versions read and write float32 only.
  if (!library || !library->supports || current.precision == Precision::bf16) return Rung::cuda;
  Rung shipped = Rung::cuda;
  if (library->automatic) {
    if (const auto& reason = why_not_loadable(library->rung))
      passed_over.insert(*reason);
    else
      shipped = library->rung;
  }
  return trial && !tuner().idle() ? choose_by_time(*library, shipped, *trial) : shipped;
}

Rung choose_on_cpu(const Tensor& input, const std::optional<LibraryRung>& library) {
  if (current.kernels == Kernels::reference || input.dtype() == DType::float64)
    return Rung::reference;
  if (current.kernels != Kernels::library || !library || !library->onednn) return Rung::cpu;
  if (const auto& reason = why_not_loadable(Rung::onednn)) throw Error(ErrorKind::device, *reason);
  return Rung::onednn;
}

}  // namespace

const std::optional<std::string>& why_no_onednn() {
  if constexpr (kHasOnednn) return onednn::why_not_loadable();
  static const std::optional<std::string> reason =
      "oneDNN: this program was built without it (install libdnnl-dev and build again, or use "
      "--kernels own)";
  return reason;
}

std::optional<LoadedLibrary> loaded_onednn() {
  if constexpr (kHasOnednn) return onednn::loaded_library();
  return std::nullopt;
}

const Settings& settings() {
  return current;
}
SettingsScope::SettingsScope(const Settings& settings) : previous_(current) {
  current = settings;
}
SettingsScope::~SettingsScope() {
  current = previous_;
}

std::string_view name_of(Kernels kernels) {
  constexpr std::string_view kNames[] = {"auto", "library", "own", "reference"};
  return kNames[static_cast<int>(kernels)];
}

std::string_view name_of(Precision precision) {
  constexpr std::string_view kNames[] = {"fp32", "tf32", "bf16"};
  return kNames[static_cast<int>(precision)];
}

std::string_view name_of(Rung rung) {
  constexpr std::string_view kNames[] = {"reference", "cpu", "cuda", "cudnn", "cublas", "onednn"};
  return kNames[static_cast<int>(rung)];
}

Rung choose_rung(std::string_view op, const Tensor& input, std::optional<LibraryRung> library,
                 const Trial* trial) {
  const Rung rung = input.device() == Device::cpu ? choose_on_cpu(input, library)
                                                  : choose_on_gpu(op, library, trial);
  auto found = used.find(op);
  if (found == used.end()) found = used.emplace(op, std::set<Rung>()).first;
  found->second.insert(rung);
  return rung;
}

void run_on_rung(std::string_view op, const Tensor& input, const LibraryRung& library,
                 const Trial& trial) {
  trial.run(choose_rung(op, input, library, &trial));
}

DType hidden_dtype(std::string_view op, const Tensor& input) {
  if (input.dtype() != DType::bfloat16 && current.precision != Precision::bf16)
    return input.dtype();
  check(current.precision == Precision::bf16, "{}: a bfloat16 input needs the precision bf16", op);
  check(current.kernels == Kernels::automatic || current.kernels == Kernels::own,
        "{}: activations in bfloat16 need this project's own kernels", op);
  if (input.device() == Device::cpu && instructions() < Instructions::avx512_bf16)
    fail(ErrorKind::device,
         "{}: activations in bfloat16 need a processor with AVX-512 BF16; here kernels use {}", op,
         name_of(instructions()));
  if constexpr (kHasCuda)
    if (input.device() == Device::gpu && cuda::device_info().compute_capability < 80)
      fail(ErrorKind::device,
           "{}: activations in bfloat16 need a GPU of compute capability 8.0 or newer", op);
  return DType::bfloat16;
}

const std::map<std::string, std::set<Rung>, std::less<>>& rungs_used() {
  return used;
}

const std::set<std::string>& libraries_passed_over() {
  return passed_over;
}

void check_same_device(std::string_view op, const Tensor& a, const Tensor& b) {
  check(a.device() == b.device(), "{}: one operand is on the {}, the other on the {}", op,
        a.device(), b.device());
}

void check_floating(std::string_view op, const Tensor& tensor) {
  check(tensor.dtype() != DType::bfloat16, "{}: expected float32, got {}", op, tensor.dtype());
  check(is_floating(tensor.dtype()), "{}: expected a floating tensor, got {}", op, tensor.dtype());
}

}  // namespace strata
