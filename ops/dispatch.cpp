#include "ops/dispatch.h"

#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"

namespace strata {
namespace {

Settings current;
std::map<std::string, std::set<Rung>, std::less<>> used;
std::set<std::string> passed_over;

const std::optional<std::string>& why_not_loadable(Rung library) {
  if constexpr (kHasCuda)
    return library == Rung::cublas ? cuda::why_no_cublaslt() : cuda::why_no_cudnn();
  static const std::optional<std::string> reason = "this build has no GPU code";
  return reason;
}

Rung choose_on_gpu(std::string_view op, const std::optional<LibraryRung>& library) {
  switch (current.kernels) {
    case Kernels::reference:
      fail(ErrorKind::device,
           "{}: reference kernels run on the CPU only; use --kernels own or library on a GPU", op);
    case Kernels::own: return Rung::cuda;
    case Kernels::library:
      if (!library || !library->supports) return Rung::cuda;
      if (const auto& reason = why_not_loadable(library->rung))
        throw Error(ErrorKind::device, *reason);
      return library->rung;
    case Kernels::automatic: break;
  }
  if (!library || !library->supports || !library->automatic) return Rung::cuda;
  if (const auto& reason = why_not_loadable(library->rung)) {
    passed_over.insert(*reason);
    return Rung::cuda;
  }
  return library->rung;
}

}  // namespace

const Settings& settings() { return current; }
SettingsScope::SettingsScope(const Settings& settings) : previous_(current) { current = settings; }
SettingsScope::~SettingsScope() { current = previous_; }

std::string_view name_of(Kernels kernels) {
  constexpr std::string_view kNames[] = {"auto", "library", "own", "reference"};
  return kNames[static_cast<int>(kernels)];
}

std::string_view name_of(Precision precision) {
  constexpr std::string_view kNames[] = {"fp32", "tf32", "bf16"};
  return kNames[static_cast<int>(precision)];
}

std::string_view name_of(Rung rung) {
  constexpr std::string_view kNames[] = {"reference", "cpu", "cuda", "cudnn", "cublas"};
  return kNames[static_cast<int>(rung)];
}

Rung choose_rung(std::string_view op, const Tensor& input, std::optional<LibraryRung> library) {
  const bool plain = input.device() == Device::cpu && (current.kernels == Kernels::reference ||
                                                       input.dtype() == DType::float64);
  const Rung rung = plain                           ? Rung::reference
                    : input.device() == Device::cpu ? Rung::cpu
                                                    : choose_on_gpu(op, library);
  auto found = used.find(op);
  if (found == used.end()) found = used.emplace(op, std::set<Rung>()).first;
  found->second.insert(rung);
  return rung;
}

DType hidden_dtype(std::string_view op, const Tensor& input) {
  if (input.dtype() != DType::bfloat16 && current.precision != Precision::bf16)
    return input.dtype();
  check(input.device() == Device::gpu &&
            (current.kernels == Kernels::automatic || current.kernels == Kernels::own),
        "{}: activations in bfloat16 need this project's own kernels on a GPU", op);
  if constexpr (kHasCuda)
    if (cuda::device_info().compute_capability < 80)
      fail(ErrorKind::device,
           "{}: activations in bfloat16 need a GPU of compute capability 8.0 or newer", op);
  return DType::bfloat16;
}

const std::map<std::string, std::set<Rung>, std::less<>>& rungs_used() { return used; }

const std::set<std::string>& libraries_passed_over() { return passed_over; }

void check_same_device(std::string_view op, const Tensor& a, const Tensor& b) {
  check(a.device() == b.device(), "{}: one operand is on the {}, the other on the {}", op,
        a.device(), b.device());
}

void check_floating(std::string_view op, const Tensor& tensor) {
  check(tensor.dtype() != DType::bfloat16, "{}: expected float32, got {}", op, tensor.dtype());
  check(is_floating(tensor.dtype()), "{}: expected a floating tensor, got {}", op, tensor.dtype());
}

}  // namespace strata
