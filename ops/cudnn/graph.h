// cuDNN's graph API, as far as one operation on float32 tensors needs it: describing the operation
// and running a plan of it, which engines.h finds. Leaves out fused graphs, most of which are
// compiled at run time, seconds each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tensor/cuda/cudnn_library.h"
#include "tensor/owned.h"

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
struct TagOf<cudnnBackendKnobType_t> : Tag<CUDNN_TYPE_KNOB_TYPE> {};
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
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values);
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
  /// The first `most` of them: some attributes do not say how many they hold.
  std::vector<Descriptor> get_up_to(int64_t most, cudnnBackendAttributeName_t name,
                                    cudnnBackendDescriptorType_t type) const;

  cudnnBackendDescriptor_t handle() const { return handle_.get(); }

 private:
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag, int64_t count,
                  const void* values);
  /// Writes up to `most` elements; returns how many there are.
  int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag, int64_t most,
              void* values) const;

  Owned<cudnnBackendDescriptor_t> handle_;
};

/// A float32 tensor in cuDNN's axis order (N, C, H, W); the strides say where the elements are.
/// `uid` names it in the bindings of execute(); `alignment` in bytes is promised of its address.
Descriptor describe_tensor(int64_t uid, const std::vector<int64_t>& extents,
                           const std::vector<int64_t>& strides, int64_t alignment);

/// An operation with the engine that will run it.
struct Plan {
  Descriptor executable;
  int64_t workspace_bytes;
  std::string engine;  // with its settings: "engine 67 2:12 18:0 (tensor cores)"
  // For the x-ray.
  std::string what = {};                   // "conv2d of 256x28x28x1 by 24x5x5x1"
  double flops = 0;                        // of the operation
  std::string numerics = {};               // what the engine says of its arithmetic
  std::string chosen_by = {};              // "heuristics", "the tuner"
  std::vector<std::string> rejected = {};  // "engine 12 is nondeterministic", others likewise
};

/// A tensor's place at execution.
struct Binding {
  int64_t uid;
  void* address;
};

/// Queues the plan on the context's stream.
void execute(const Plan& plan, std::span<const Binding> bindings);

}  // namespace strata::cudnn
