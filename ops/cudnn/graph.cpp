#include "ops/cudnn/graph.h"

#include <algorithm>

#include "tensor/pool.h"
#include "tensor/tensor.h"
#include "tensor/trace.h"

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

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name,
                            const std::vector<Descriptor>& values) {
  std::vector<cudnnBackendDescriptor_t> children;
  for (const Descriptor& value : values) children.push_back(value.handle());
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(children.size()),
             children.data());
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
  return get_up_to(get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr), name, type);
}

std::vector<Descriptor> Descriptor::get_up_to(int64_t most, cudnnBackendAttributeName_t name,
                                              cudnnBackendDescriptorType_t type) const {
  std::vector<Descriptor> results;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < most; ++i) handles.push_back(results.emplace_back(type).handle());
  const int64_t filled = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, handles.data());
  results.erase(results.begin() + std::min(most, filled), results.end());
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

void execute(const Plan& plan, std::span<const Binding> bindings) {
  TraceScope trace(TraceLayer::library, "cudnnBackendExecute");
  if (trace) {
    trace->detail = plan.what;
    trace->flops = plan.flops;
    trace->notes = {{"engine", plan.engine.substr(plan.engine.find(' ') + 1)},
                    {"numerics", plan.numerics},
                    {"workspace", fmt::format("{} bytes", plan.workspace_bytes)},
                    {"chosen by", plan.chosen_by}};
    for (const std::string& rejection : plan.rejected)
      trace->notes.emplace_back("not taken", rejection);
  }
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
