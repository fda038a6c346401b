#include "ops/cudnn/graph.h"

#include <algorithm>
#include <optional>

#include "tensor/pool.h"
#include "tensor/tensor.h"

namespace strata::cudnn {

using cuda::cudnn_library;

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t created = nullptr;
  STRATA_CUDNN(cudnn_library().cudnnBackendCreateDescriptor(type, &created));
  handle_ = {created, [](cudnnBackendDescriptor_t handle) noexcept {
               cudnn_library().cudnnBackendDestroyDescriptor(handle);
             }};
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  const cudnnBackendDescriptor_t child = value.handle();
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &child);
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag,
                            int64_t count, const void* values) {
  STRATA_CUDNN(cudnn_library().cudnnBackendSetAttribute(handle(), name, tag, count, values));
  return *this;
}

Descriptor& Descriptor::finalize() {
  STRATA_CUDNN(cudnn_library().cudnnBackendFinalize(handle()));
  return *this;
}

int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t tag,
                        int64_t most, void* values) const {
  int64_t count = 0;
  STRATA_CUDNN(cudnn_library().cudnnBackendGetAttribute(handle(), name, tag, most, &count, values));
  return count;
}

Descriptor Descriptor::get(cudnnBackendAttributeName_t name,
                           cudnnBackendDescriptorType_t type) const {
  Descriptor result(type);  // cuDNN fills descriptors that the caller has made
  cudnnBackendDescriptor_t child = result.handle();
  get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &child);
  return result;
}

std::vector<Descriptor> Descriptor::get_all(cudnnBackendAttributeName_t name,
                                            cudnnBackendDescriptorType_t type) const {
  const int64_t count = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<Descriptor> results;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < count; ++i) handles.push_back(results.emplace_back(type).handle());
  const int64_t filled = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, handles.data());
  results.erase(results.begin() + std::min(count, filled), results.end());
  return results;
}

Descriptor describe_tensor(int64_t uid, const std::vector<int64_t>& extents,
                           const std::vector<int64_t>& strides, int64_t alignment) {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span(extents))
      .set(CUDNN_ATTR_TENSOR_STRIDES, std::span(strides))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment)
      .finalize();
  return tensor;
}

namespace {

Descriptor make_graph(const Descriptor& operation, const PlanTarget& target) {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  if (target.handle) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, target.handle);
  graph.finalize();
  return graph;
}

std::vector<Descriptor> configurations(const Descriptor& graph, cudnnBackendHeurMode_t mode,
                                       const PlanTarget& target) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (target.device) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.device);
  heuristics.finalize();
  return heuristics.get_all(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

// What an engine says about itself.
class Engine {
 public:
  explicit Engine(const Descriptor& configuration) {
    const Descriptor engine =
        configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    index_ = engine.get<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
    numerical_ = engine.get_all<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
    behavior_ = engine.get_all<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE);
  }

  /// Engine 0 takes nearly every operation and is a plain loop: on an H100 it needs 1,341 us for
  /// the weight gradient of lenet's second convolution at batch 256, where engine 1 needs 229 us,
  /// and the heuristics list it first.
  bool is_last_resort() const { return index_ == 0; }

  /// Why find_plan() may not take it; nothing when it may.
  std::optional<std::string_view> objection(Precision precision) const {
    if (has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return "is nondeterministic";
    if (has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)) return "converts its inputs down";
    if (std::ranges::count(behavior_, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION))
      return "is compiled at run time";
    if (precision == Precision::fp32 && has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE))
      return "uses tensor cores";
    if (has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return "reduces in less precision";
    if (has(CUDNN_NUMERICAL_NOTE_WINOGRAD) || has(CUDNN_NUMERICAL_NOTE_FFT))
      return "rounds in a transform";
    return std::nullopt;
  }

  std::string name() const {
    return fmt::format("engine {}{}", index_,
                       has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ? " (tensor cores)" : "");
  }

 private:
  bool has(cudnnBackendNumericalNote_t note) const {
    return std::ranges::count(numerical_, note) > 0;
  }

  int64_t index_;
  std::vector<cudnnBackendNumericalNote_t> numerical_;
  std::vector<cudnnBackendBehaviorNote_t> behavior_;
};

Plan build_plan(const Descriptor& configuration, const Engine& engine, const PlanTarget& target) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  if (target.handle) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  if (target.device) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.device);
  plan.finalize();
  const auto workspace = plan.get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  return {std::move(plan), workspace, engine.name()};
}

// The plan of one configuration, or why it is passed over.
struct Attempt {
  std::optional<Plan> plan;
  std::string rejection;
  bool last_resort = false;
};

Attempt attempt(const Descriptor& configuration, const PlanTarget& target, const PlanRules& rules) {
  const Engine engine(configuration);
  if (const auto objection = engine.objection(rules.precision))
    return {std::nullopt, fmt::format("{} {}", engine.name(), *objection)};
  try {
    Plan plan = build_plan(configuration, engine, target);
    if (plan.workspace_bytes <= rules.workspace_limit)
      return {std::move(plan), "", engine.is_last_resort()};
    return {std::nullopt,
            fmt::format("{} wants {} bytes of workspace", engine.name(), plan.workspace_bytes)};
  } catch (const Error& error) {
    return {std::nullopt, error.what()};
  }
}

}  // namespace

Plan find_plan(std::string_view what, const Descriptor& operation, const PlanTarget& target,
               const PlanRules& rules) {
  const Descriptor graph = make_graph(operation, target);
  int offered = 0;
  std::string rejection = "the heuristics offer none";
  std::optional<Plan> last_resort;
  // A is quick and knows the shapes best; B and the fallback list widen the choice.
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    try {
      for (const Descriptor& configuration : configurations(graph, mode, target)) {
        ++offered;
        Attempt result = attempt(configuration, target, rules);
        if (result.plan && !result.last_resort) return std::move(*result.plan);
        if (result.plan && !last_resort) last_resort = std::move(result.plan);
        rejection = std::move(result.rejection);
      }
    } catch (const Error& error) {  // this mode does not know the operation
      rejection = error.what();
    }
  }
  if (last_resort) return std::move(*last_resort);
  fail(ErrorKind::device,
       "cuDNN: no engine for {} at {} ({} looked at, the last: {}); use --kernels own", what,
       name_of(rules.precision), offered, rejection);
}

void execute(const Plan& plan, std::span<const Binding> bindings) {
  std::vector<int64_t> uids;
  std::vector<void*> addresses;
  for (const Binding& binding : bindings) {
    uids.push_back(binding.uid);
    addresses.push_back(binding.address);
  }
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor workspace = Tensor::empty({plan.workspace_bytes}, DType::uint8, Device::gpu);
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const int64_t>(uids))
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(addresses))
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, static_cast<void*>(workspace.data<uint8_t>()))
      .finalize();
  STRATA_CUDNN(cudnn_library().cudnnBackendExecute(cuda::cudnn_handle(), plan.executable.handle(),
                                                   pack.handle()));
}

}  // namespace strata::cudnn
