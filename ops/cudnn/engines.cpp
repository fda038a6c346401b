#include "ops/cudnn/engines.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "tensor/error.h"

namespace strata::cudnn {
namespace {

constexpr std::string_view kTensorCores = " (tensor cores)";

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

// An engine's number and settings, which cuDNN calls knobs: type and value.
struct EngineName {
  int64_t index = 0;
  std::vector<std::pair<int64_t, int64_t>> knobs;
};

Descriptor configuration_of(const EngineName& name, const Descriptor& graph,
                            const PlanTarget& target) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, name.index);
  if (target.device) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, *target.device);
  engine.finalize();
  std::vector<Descriptor> knobs;
  for (const auto& [type, value] : name.knobs) {
    knobs.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, static_cast<cudnnBackendKnobType_t>(type))
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value)
        .finalize();
  }
  Descriptor configuration(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  configuration.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty()) configuration.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs);
  configuration.finalize();
  return configuration;
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
    name_ = fmt::format("engine {}", index_);
    for (const Descriptor& knob :
         configuration.get_up_to(CUDNN_KNOB_TYPE_COUNTS, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                 CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR))
      name_ += fmt::format(
          " {}:{}",
          static_cast<int>(knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE)),
          knob.get<int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
    if (has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) name_ += kTensorCores;
  }

  /// Engine 0 takes nearly every operation and is a plain loop: on an H100 it needs 1,341 us for
  /// the weight gradient of lenet's second convolution at batch 256, where engine 1 needs 229 us,
  /// and the heuristics list it first.
  bool is_last_resort() const { return index_ == 0; }

  /// Why it may not be taken; nothing when it may.
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

  int64_t index() const { return index_; }
  const std::string& name() const { return name_; }

  /// Its numerical notes in words.
  std::string numerics() const {
    constexpr std::pair<cudnnBackendNumericalNote_t, std::string_view> kWords[] = {
        {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, "tensor cores"},
        {CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, "inputs converted down"},
        {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, "sums in less precision"},
        {CUDNN_NUMERICAL_NOTE_FFT, "FFT"},
        {CUDNN_NUMERICAL_NOTE_WINOGRAD, "Winograd"},
        {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, "nondeterministic"}};
    std::string text;
    for (const auto& [note, words] : kWords)
      if (has(note)) text += fmt::format("{}{}", text.empty() ? "" : ", ", words);
    return text.empty() ? "float32, deterministic" : text;
  }

 private:
  bool has(cudnnBackendNumericalNote_t note) const {
    return std::ranges::count(numerical_, note) > 0;
  }

  int64_t index_;
  std::string name_;
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
  return {.executable = std::move(plan),
          .workspace_bytes = workspace,
          .engine = engine.name(),
          .numerics = engine.numerics()};
}

// The plan of one configuration, or why it is passed over.
struct Attempt {
  std::optional<Plan> plan;
  std::string rejection;
};

Attempt attempt(const Descriptor& configuration, const Engine& engine, const PlanTarget& target,
                const PlanRules& rules) {
  if (const auto objection = engine.objection(rules.precision))
    return {std::nullopt, fmt::format("{} {}", engine.name(), *objection)};
  if (rules.refused == engine.index())
    return {std::nullopt, fmt::format("{} is not trusted", engine.name())};
  try {
    Plan plan = build_plan(configuration, engine, target);
    if (plan.workspace_bytes <= rules.workspace_limit) return {std::move(plan), ""};
    return {std::nullopt,
            fmt::format("{} wants {} bytes of workspace", engine.name(), plan.workspace_bytes)};
  } catch (const Error& error) {
    return {std::nullopt, error.what()};
  }
}

std::optional<Plan> plan_of(const EngineName& name, const Descriptor& graph,
                            const PlanTarget& target, const PlanRules& rules) {
  try {
    const Descriptor configuration = configuration_of(name, graph, target);
    return attempt(configuration, Engine(configuration), target, rules).plan;
  } catch (const Error&) {  // this cuDNN has no such engine for the operation
    return std::nullopt;
  }
}

// Collects plans in the order of preference until there are enough.
class Search {
 public:
  Search(const PlanTarget& target, const PlanRules& rules, size_t most)
      : target_(target), rules_(rules), most_(most) {}

  bool done() const { return plans_.size() >= most_; }
  void take(Plan plan) {
    seen_.insert(plan.engine);
    plans_.push_back(std::move(plan));
  }

  void ask_heuristics(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
    try {
      for (const Descriptor& configuration : configurations(graph, mode, target_))
        done() ? pass_over(Engine(configuration)) : consider(configuration);
    } catch (const Error& error) {  // this mode does not know the operation
      rejections_.push_back(error.what());
    }
  }

  std::vector<Plan> finish(std::string_view what) {
    if (last_resort_ && !done()) take(std::move(*last_resort_));
    if (plans_.empty())
      fail(ErrorKind::device,
           "cuDNN: no engine for {} at {} ({} looked at, the last: {}); use --kernels own", what,
           name_of(rules_.precision), offered_,
           rejections_.empty() ? "the heuristics offer none" : rejections_.back());
    for (Plan& plan : plans_) plan.rejected = rejections_;
    return std::move(plans_);
  }

 private:
  /// One that comes too late: it is listed for the x-ray.
  void pass_over(const Engine& engine) {
    if (!seen_.insert(engine.name()).second) return;
    const auto objection = engine.objection(rules_.precision);
    rejections_.push_back(
        fmt::format("{} {}", engine.name(), objection.value_or("is behind in cuDNN's order")));
  }

  void consider(const Descriptor& configuration) {
    // The settings of one engine that heuristics put first differ little: others get their chance.
    constexpr int kMostOfAnEngine = 4;
    ++offered_;
    const Engine engine(configuration);
    if (!seen_.insert(engine.name()).second || of_engine_[engine.index()] == kMostOfAnEngine)
      return;
    Attempt result = attempt(configuration, engine, target_, rules_);
    if (!result.plan) {
      rejections_.push_back(std::move(result.rejection));
      return;
    }
    ++of_engine_[engine.index()];
    if (!engine.is_last_resort()) {
      take(std::move(*result.plan));
    } else if (!last_resort_) {
      rejections_.push_back(engine.name() + " is a plain loop, kept as the last resort");
      last_resort_ = std::move(result.plan);
    }
  }

  const PlanTarget& target_;
  const PlanRules& rules_;
  size_t most_;
  std::vector<Plan> plans_;
  std::optional<Plan> last_resort_;
  std::set<std::string> seen_;
  std::map<int64_t, int> of_engine_;
  int offered_ = 0;
  std::vector<std::string> rejections_;  // of engines looked at, in order
};

// "engine 67 2:12 18:0 (tensor cores)"
std::optional<EngineName> parse_engine(std::string_view text) {
  constexpr std::string_view kEngine = "engine ";
  if (!text.starts_with(kEngine)) return std::nullopt;
  text.remove_prefix(kEngine.size());
  if (text.ends_with(kTensorCores)) text.remove_suffix(kTensorCores.size());
  const char *at = text.data(), *end = text.data() + text.size();
  const auto number = [&](int64_t& value) {
    const auto [stop, error] = std::from_chars(at, end, value);
    at = stop;
    return error == std::errc() && value >= 0;
  };
  const auto skip = [&](char separator) { return at != end && *at++ == separator; };
  EngineName name;
  if (!number(name.index)) return std::nullopt;
  while (at != end) {
    auto& [type, value] = name.knobs.emplace_back();
    if (!skip(' ') || !number(type) || !skip(':') || !number(value)) return std::nullopt;
    if (type >= CUDNN_KNOB_TYPE_COUNTS) return std::nullopt;
  }
  return name;
}

}  // namespace

std::vector<Plan> find_plans(std::string_view what, const Descriptor& operation,
                             const PlanTarget& target, const PlanRules& rules, size_t most) {
  const Descriptor graph = make_graph(operation, target);
  Search search(target, rules, most);
  // A is quick and knows the shapes best; B and the fallback list widen the choice.
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK})
    if (!search.done()) search.ask_heuristics(graph, mode);
  return search.finish(what);
}

Plan find_plan(std::string_view what, const Descriptor& operation, const PlanTarget& target,
               const PlanRules& rules) {
  return std::move(find_plans(what, operation, target, rules, 1).front());
}

std::optional<Plan> restore_plan(std::string_view engine, const Descriptor& operation,
                                 const PlanTarget& target, const PlanRules& rules) {
  const auto name = parse_engine(engine);
  if (!name) return std::nullopt;
  return plan_of(*name, make_graph(operation, target), target, rules);
}

}  // namespace strata::cudnn
