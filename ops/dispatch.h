// From an op to the kernel that runs it. One of the two seams through which GPU code joins.
//
// A rung is an implementation, named like its folder and its namespace. An op calls choose_rung()
// with what it has to offer, then STRATA_DISPATCH to the function of that rung. An op that a
// library has too calls run_on_rung(), so that `automatic` can measure which is faster
// (ops/tuning.h).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ops/op_trace.h"
#include "ops/settings.h"
#include "tensor/build_config.h"
#include "tensor/shared_library.h"
#include "tensor/tensor.h"

namespace strata {

enum class Rung { reference, cpu, cuda, cudnn, cublas, onednn };
std::string_view name_of(Rung rung);

/// The vendors' versions of an op: on a GPU that of `rung`, on the CPU oneDNN's. There is no
/// `automatic` on the CPU: our own kernels are faster and load no library.
struct LibraryRung {
  Rung rung;
  /// Whether that library takes these shapes and options; our own kernel serves where it does not.
  bool supports = true;
  /// Whether `Kernels::automatic` takes it where nothing has been measured: each op gives its
  /// reason.
  bool automatic = true;
  /// Whether oneDNN takes these shapes and options; our own kernel serves where it does not.
  bool onednn = true;
};

/// One call of an op, in a form that can be measured.
struct Trial {
  /// What its time depends on besides the precision: "relu of 589824". Asked only when needed.
  std::function<std::string()> what;
  /// Runs it on a rung. Writes results whole, so it may be repeated.
  std::function<void(Rung)> run;
};

/// The rung that runs `op` on tensors like `input` under the current settings. float64 always runs
/// on the reference. Throws `device` when settings ask for a library that cannot be loaded, or for
/// reference kernels on a GPU. Under `automatic` a library that cannot be loaded is passed over,
/// and the tuner has its say where there is a `trial`.
Rung choose_rung(std::string_view op, const Tensor& input,
                 std::optional<LibraryRung> library = std::nullopt, const Trial* trial = nullptr);

/// Runs the trial on the rung that choose_rung() names.
void run_on_rung(std::string_view op, const Tensor& input, const LibraryRung& library,
                 const Trial& trial);

/// The dtype in which `op` stores a hidden activation that it computes from `input`: bfloat16 where
/// the precision asks for it, otherwise that of `input`. Throws where settings or device have no
/// kernels for bfloat16, and for a bfloat16 input in another precision.
DType hidden_dtype(std::string_view op, const Tensor& input);

/// Which rungs have run each op since the start of the process, for headers and reports.
const std::map<std::string, std::set<Rung>, std::less<>>& rungs_used();

/// Tries to load oneDNN; nothing when it works, otherwise the reason as one line.
const std::optional<std::string>& why_no_onednn();
/// oneDNN, if this process has loaded it already.
std::optional<LoadedLibrary> loaded_onednn();

/// Why `automatic` did without a library that it would have taken, one line a library.
const std::set<std::string>& libraries_passed_over();

/// Throws unless both are on one device; `op` names the caller.
void check_same_device(std::string_view op, const Tensor& a, const Tensor& b);
/// Throws unless the tensor is float32 or float64.
void check_floating(std::string_view op, const Tensor& tensor);

}  // namespace strata

/// Calls `function` of the namespace of `rung`. A build without CUDA drops the GPU's branch, one
/// without oneDNN its own, so that function needs no definition.
#define STRATA_DISPATCH(rung, function, ...)                  \
  do {                                                        \
    switch (rung) {                                           \
      case ::strata::Rung::reference:                         \
        STRATA_CALL_KERNELS(reference, function, __VA_ARGS__) \
        break;                                                \
      case ::strata::Rung::cpu:                               \
        STRATA_CALL_KERNELS(cpu, function, __VA_ARGS__)       \
        break;                                                \
      default:                                                \
        STRATA_CALL_ON_GPU(cuda, function, __VA_ARGS__)       \
    }                                                         \
  } while (false)

/// The same for an op that oneDNN and `library` (cudnn or cublas) also have.
#define STRATA_DISPATCH_WITH(library, rung, function, ...) \
  do {                                                     \
    if (rung == ::strata::Rung::library) {                 \
      STRATA_CALL_ON_GPU(library, function, __VA_ARGS__)   \
    } else if (rung == ::strata::Rung::onednn) {           \
      STRATA_CALL_ONEDNN(function, __VA_ARGS__)            \
    } else {                                               \
      STRATA_DISPATCH(rung, function, __VA_ARGS__);        \
    }                                                      \
  } while (false)

/// One rung's function, seen by the x-ray, which looks at the arguments too: they are evaluated
/// twice. What an op that exists on the GPU only calls by itself.
#define STRATA_CALL_ON_GPU(rung, function, ...) \
  if constexpr (kHasCuda) STRATA_CALL_KERNELS(rung, function, __VA_ARGS__)

#define STRATA_CALL_ONEDNN(function, ...) \
  if constexpr (kHasOnednn) STRATA_CALL_KERNELS(onednn, function, __VA_ARGS__)

#define STRATA_CALL_KERNELS(rung, function, ...)                                         \
  {                                                                                      \
    const ::strata::OpTrace trace(#rung "::" #function, std::source_location::current(), \
                                  __VA_ARGS__);                                          \
    rung::function(__VA_ARGS__);                                                         \
  }
