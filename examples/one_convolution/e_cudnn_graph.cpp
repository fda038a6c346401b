// (e) The convolution through cuDNN's graph API, which replaces (d): one describes operations as a
// graph, here of one node, and cuDNN offers engines: its ways to compute that graph on this GPU.
#include "examples/one_convolution/cudnn_graph_description.h"
#include "examples/one_convolution/level.h"
#include "tensor/tensor.h"

namespace strata::one_convolution {
namespace {

/// Whether an engine has nothing to note about its numbers (tensor cores, a transform, sums in
/// changing order), but for how it treats a NaN.
bool is_plain(const Descriptor& configuration) {
  const Descriptor engine =
      configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  for (const auto note :
       engine.get_all<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE))
    if (note != CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP) return false;
  return true;
}

/// Step 6: a plan is an engine with its settings, made ready. The first that can be had is taken;
/// it need not be the fastest, and the framework chooses with more care (ops/cudnn/engines.h).
Descriptor make_plan(const Descriptor& heuristics, cudnnHandle_t handle) {
  for (const Descriptor& configuration :
       heuristics.get_all(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
    if (!is_plain(configuration)) continue;
    try {
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration)
          .set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle)
          .finalize();
      return plan;
    } catch (const Error&) {  // an offer is no promise: the next one
    }
  }
  fail(ErrorKind::device, "cuDNN: no engine for this convolution in plain float32");
}

Result run(const Problem& problem, Device) {
  const Tensor x = Tensor::from(problem.image, {kImageSize}, Device::gpu);
  const Tensor w = Tensor::from(problem.filter, {kFilterSize}, Device::gpu);
  const Tensor y = Tensor::empty({kOutputSize}, DType::float32, Device::gpu);
  const cudnnHandle_t handle = cuda::cudnn_handle();

  const Descriptor graph = describe_graph(handle);             // steps 1 to 4
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);  // step 5: a guess at the best
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_HEUR_MODE_A)
      .finalize();
  const Descriptor plan = make_plan(heuristics, handle);
  const auto bytes = plan.get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  const Tensor workspace = Tensor::empty({bytes}, DType::uint8, Device::gpu);
  const std::vector<int64_t> names = {'x', 'w', 'y'};
  const std::vector<void*> addresses = {x.data<float>(), w.data<float>(), y.data<float>()};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);  // step 7: where each tensor is
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span(names))
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span(addresses))
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, static_cast<void*>(workspace.data<uint8_t>()))
      .finalize();
  Result result;
  result.microseconds = median_microseconds([&] {
    STRATA_CUDNN(cuda::cudnn_library().cudnnBackendExecute(handle, plan.handle(), pack.handle()));
    wait_for(Device::gpu);
  });
  result.output = y.to_vector<float>();
  result.note = fmt::format("workspace of {} bytes", bytes);
  return result;
}

}  // namespace

const Level kCudnnGraph = {
    Needs::cudnn, run,
    R"(   Adds the graph: cuDNN sees every operation before it chooses, and may fuse several into one
   kernel. The price is a language of descriptors, and a choice of engines that differ in speed,
   in exactness and in whether two runs give the same bits.
)"};

}  // namespace strata::one_convolution
