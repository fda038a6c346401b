#include "ops/onednn/primitive.h"

#include "tensor/pool.h"
#include "tensor/tensor.h"
#include "tensor/trace.h"

namespace strata::onednn {
namespace {

constexpr int64_t kAlignment = 64;

Owned<dnnl_memory_t> make_memory(LayoutView layout) {
  dnnl_memory_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_memory_create(&created, layout, engine(), DNNL_MEMORY_NONE));
  return {created, [](dnnl_memory_t handle) noexcept { library().dnnl_memory_destroy(handle); }};
}

Owned<dnnl_primitive_t> make_primitive(const Description& description) {
  dnnl_primitive_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_primitive_create(&created, description.get()));
  return {created,
          [](dnnl_primitive_t handle) noexcept { library().dnnl_primitive_destroy(handle); }};
}

std::string implementation_of(const Description& description) {
  const char* name = nullptr;
  STRATA_ONEDNN(
      library().dnnl_primitive_desc_query(description.get(), dnnl_query_impl_info_str, 0, &name));
  return name;
}

void place(const Owned<dnnl_memory_t>& memory, const void* address) {
  STRATA_ONEDNN(library().dnnl_memory_set_data_handle(memory.get(), const_cast<void*>(address)));
}

}  // namespace

Primitive::Primitive(std::string what, double flops, Description description,
                     const std::vector<Argument>& arguments)
    : what_(std::move(what)),
      how_(implementation_of(description)),
      flops_(flops),
      description_(std::move(description)),
      handle_(make_primitive(description_)) {
  for (const auto& [number, layout, written] : arguments) {
    const LayoutView inside = layout_of(number);
    Slot slot{.number = number, .written = written, .outside = {}, .inside = {}};
    slot.outside = make_memory(layout.exists() ? layout.get() : inside);
    if (layout.exists() && !library().dnnl_memory_desc_equal(layout.get(), inside)) {
      const Description reorder =
          written ? describe_reorder(inside, layout.get()) : describe_reorder(layout.get(), inside);
      slot.inside = make_memory(inside);
      slot.inside_at = reserve(bytes(number));
      slot.reorder = make_primitive(reorder);
      slot.how = implementation_of(reorder);
    }
    slots_.push_back(std::move(slot));
  }
  scratchpad_ = make_memory(layout_of(DNNL_ARG_SCRATCHPAD));
  scratchpad_at_ = reserve(bytes(DNNL_ARG_SCRATCHPAD));
}

LayoutView Primitive::layout_of(int number) const {
  return library().dnnl_primitive_desc_query_md(description_.get(), dnnl_query_exec_arg_md, number);
}

int64_t Primitive::bytes(int number) const {
  return static_cast<int64_t>(library().dnnl_memory_desc_get_size(layout_of(number)));
}

int64_t Primitive::reserve(int64_t bytes) {
  const int64_t at = scratch_bytes_;
  scratch_bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return at;
}

void Primitive::run(std::initializer_list<const void*> addresses) {
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor scratch = Tensor::empty({scratch_bytes_}, DType::uint8, Device::cpu);
  uint8_t* const memory = scratch.data<uint8_t>();
  place(scratchpad_, memory + scratchpad_at_);
  std::vector<dnnl_exec_arg_t> arguments{{DNNL_ARG_SCRATCHPAD, scratchpad_.get()}};
  auto address = addresses.begin();
  for (const Slot& slot : slots_) {
    place(slot.outside, *address++);
    if (slot.inside) place(slot.inside, memory + slot.inside_at);
    if (slot.inside && !slot.written) reorder(slot);
    arguments.push_back({slot.number, slot.inside ? slot.inside.get() : slot.outside.get()});
  }
  execute(handle_.get(), arguments, flops_, what_, how_);
  for (const Slot& slot : slots_)
    if (slot.inside && slot.written) reorder(slot);
}

void Primitive::reorder(const Slot& slot) const {
  const Memory &from = slot.written ? slot.inside : slot.outside,
               &to = slot.written ? slot.outside : slot.inside;
  execute(slot.reorder.get(), {{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}}, /*flops=*/0,
          "reorder for " + what_, slot.how);
}

void Primitive::execute(dnnl_primitive_t handle, const std::vector<dnnl_exec_arg_t>& arguments,
                        double flops, std::string_view what, std::string_view how) const {
  TraceScope trace(TraceLayer::library, "dnnl_primitive_execute");
  if (trace) {
    trace->detail = what;
    trace->flops = flops;
    trace->notes = {{"implementation", std::string(how)},
                    {"workspace", fmt::format("{} bytes", scratch_bytes_)}};
  }
  STRATA_ONEDNN(library().dnnl_primitive_execute(
      handle, stream(), static_cast<int>(arguments.size()), arguments.data()));
  STRATA_ONEDNN(library().dnnl_stream_wait(stream()));
}

Layout image_layout(int64_t batch, int64_t height, int64_t width, int64_t channels) {
  return {{batch, channels, height, width},
          {height * width * channels, 1, width * channels, channels}};
}

Layout matrix_layout(int64_t rows, int64_t columns, bool transposed) {
  return transposed ? Layout({rows, columns}, {1, rows}) : Layout({rows, columns}, {columns, 1});
}

Layout vector_layout(int64_t size) {
  return {{size}, {1}};
}

}  // namespace strata::onednn
