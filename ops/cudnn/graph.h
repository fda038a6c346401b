// cuDNN's graph API, as far as one operation on float32 tensors needs it: describe the operation,
// ask the heuristics for engines, build the first that obeys the rules into a plan, run the plan.
// Leaves out fused graphs (compiled at run time, seconds each), measuring the engines against each
// other, and plans on disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ops/settings.h"
#include "tensor/cuda/cudnn_library.h"
#include "tensor/cuda/owned.h"

namespace strata::cudnn {

// The tag by which cuDNN checks the type of an attribute's value.
template <cudnnBackendAttributeType_t tag>
using Tag = std::integral_constant<cudnnBackendAttributeType_t, tag>;
template <class T>
struct TagOf;
template <>
struct TagOf<int64_t> : Tag<CUDNN_TYPE_INT64> {};
template <>
struct TagOf<char> : Tag<CUDNN_TYPE_CHAR> {};
template <>
struct TagOf<float> : Tag<CUDNN_TYPE_FLOAT> {};
template <>
struct TagOf<void*> : Tag<CUDNN_TYPE_VOID_PTR> {};
template <>
struct TagOf<cudnnHandle_t> : Tag<CUDNN_TYPE_HANDLE> {};
template <>
struct TagOf<cudnnDataType_t> : Tag<CUDNN_TYPE_DATA_TYPE> {};
template <>
struct TagOf<cudnnConvolutionMode_t> : Tag<CUDNN_TYPE_CONVOLUTION_MODE> {};
template <>
struct TagOf<cudnnBackendHeurMode_t> : Tag<CUDNN_TYPE_HEUR_MODE> {};
template <>
struct TagOf<cudnnBackendNumericalNote_t> : Tag<CUDNN_TYPE_NUMERICAL_NOTE> {};
template <>
struct TagOf<cudnnBackendBehaviorNote_t> : Tag<CUDNN_TYPE_BEHAVIOR_NOTE> {};

/// A backend descriptor: a bag of attributes, fixed by finalize() and readable from then on. One
/// that was given to another as attribute may go: cuDNN keeps what it needs.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    return set(name, TagOf<T>::value, static_cast<int64_t>(values.size()), values.data());
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set(name, std::span<const T>(&value, 1));
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value);
  Descriptor& finalize();

  template <class T>
  T get(cudnnBackendAttributeName_t name) const {
    T value{};
    get(name, TagOf<T>::value, 1, &value);
    return value;
  }
  template <class T>
  std::vector<T> get_all(cudnnBackendAttributeName_t name) const {
    std::vector<T> values(static_cast<size_t>(get(name, TagOf<T>::value, 0, nullptr)));
    get(name, TagOf<T>::value, static_cast<int64_t>(values.size()), values.data());
    return values;
  }
  /// The same for an attribute that holds descriptors, of type `type`.
  Descriptor get(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const;
  std::vector<Descriptor> get_all(cudnnBackendAttributeName_t name,
                                  cudnnBackendDescriptorType_t type) const;

  cudnnBackendDescriptor_t handle() const { return handle_.get(); }

 private:
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag, int64_t count,
                  const void* values);
  /// Writes up to `most` elements; returns how many there are.
  int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag, int64_t most,
              void* values) const;

  cuda::Owned<cudnnBackendDescriptor_t> handle_;
};

/// A float32 tensor in cuDNN's axis order (N, C, H, W); the strides say where the elements are.
/// `uid` names it in the bindings of execute(); `alignment` in bytes is promised of its address.
Descriptor describe_tensor(int64_t uid, const std::vector<int64_t>& extents,
                           const std::vector<int64_t>& strides, int64_t alignment);

/// What plans are for: the GPU of a handle or, to plan without one, the GPU that a device-property
/// descriptor describes (cuDNN 9.11 or newer reads one from JSON). One of the two is set.
struct PlanTarget {
  cudnnHandle_t handle = nullptr;
  const Descriptor* device = nullptr;
};

/// An operation with the engine that will run it.
struct Plan {
  Descriptor executable;
  int64_t workspace_bytes;
  std::string engine;  // "engine 9 (tensor cores)", for reports
};

struct PlanRules {
  Precision precision = Precision::fp32;
  int64_t workspace_limit = int64_t{64} << 20;  // bytes
};

/// The heuristics' first engine for `operation`, engine 0 only where there is no other, that
/// - is deterministic;
/// - sums in float32: no reduced reduction, no Winograd or FFT, whose transforms round intermediate
///   values that may be far larger than the result;
/// - multiplies in float32 too: no tensor cores under fp32, which tf32 allows, and no conversion of
///   inputs below TF32's range under either;
/// - is precompiled: those compiled at run time cost up to two seconds each;
/// - needs no more scratch memory than the limit.
/// Throws `device` when there is none: with `what` (the operation, for the message), how many
/// engines were looked at and why the last was passed over.
Plan find_plan(std::string_view what, const Descriptor& operation, const PlanTarget& target,
               const PlanRules& rules);

/// A tensor's place at execution.
struct Binding {
  int64_t uid;
  void* address;
};

/// Queues the plan on the context's stream.
void execute(const Plan& plan, std::span<const Binding> bindings);

}  // namespace strata::cudnn
