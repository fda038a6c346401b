// Forward and the gradient of the input are one kernel: a 3 x 3 convolution, over the image with
// the filters as they are, or over the unpooled gradient with the filters turned around. A block
// keeps all filters in shared memory and walks over the batch: it loads an image or two, each warp
// then computes some quads (ops/cuda/patch_product.cuh), and pools them, or stores them as they
// are.
//
// Nothing the size of the convolution's output is written or read: at LeNet's second stage a block
// moves 14 KB in and 4 KB out for 1.4 MFLOP an image.
#include "ops/cuda/conv_stage.h"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/many_channels_passes.cuh"
#include "ops/cuda/tensor_cores.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda::many_channels {
namespace {

constexpr int kWarps = kStageThreads / 32;
constexpr int kBlocksPerMultiprocessor = 2;

// A block of eight warps; a warp's item is Product::kQuads quads by Product::kChannels channels.
template <class Product, class Pass>
__global__ void __launch_bounds__(kStageThreads, kBlocksPerMultiprocessor)
    conv_stage_kernel(BlockPlan plan, SharedImage tile, Filters filters, Pass pass) {
  extern __shared__ float4 shared[];
  float* shared_filters = reinterpret_cast<float*>(shared);
  float* bias = shared_filters + Product::filter_floats(plan.depth, plan.results);
  float* pixels = bias + plan.results;
  if (!filters.settled) take_turn();
  Product::template load_filters<Pass::kBackwards, kStageThreads>(filters, shared_filters);
  pass.prepare(plan, pixels, bias);
  if (filters.settled) take_turn();
  const int chunks = (plan.results + Product::kChannels - 1) / Product::kChannels;

  for (int first = blockIdx.x * plan.images; first < plan.batch; first += gridDim.x * plan.images) {
    const bool is_last = first + gridDim.x * plan.images >= plan.batch;
    if (is_last && !Pass::kBackwards) pass_turn();
    const int images = min(plan.images, plan.batch - first);
    const int quads = images * plan.quads();
    const int groups = (quads + Product::kQuads - 1) / Product::kQuads;
    pass.template load<Product>(plan, first, images, pixels);
    __syncthreads();
    for (int item = threadIdx.x / 32; item < groups * chunks; item += kWarps) {
      const int chunk = item / groups, first_quad = (item - chunk * groups) * Product::kQuads;
      // Lanes past the last quad compute it again: a warp's product needs all lanes.
      const Place place = place_of(plan, min(first_quad + Product::quad(), quads - 1));
      const float* corner = pixels + place.image * plan.image_floats() + 2 * place.row * tile.row +
                            2 * place.column * tile.pitch;
      Product product;
      product.template run<Pass::kBackwards>(corner, tile, filters, shared_filters, chunk);
      const int channel = chunk * Product::kChannels + Product::result_channel();
      if (channel >= plan.results) continue;
#pragma unroll
      for (int i = 0; i < Product::kResults; ++i) {
        const int quad = first_quad + Product::result_quad(i);
        if (quad >= quads) continue;
        float values[4][Product::kRun];
        product.get(i, values);
        const Place result = place_of(plan, quad);
        pass.store(plan, first + result.image, result, channel, values, bias);
      }
    }
    if (is_last && Pass::kBackwards) pass_turn();
    __syncthreads();  // before the images are overwritten
  }
}

/// Two images a block save a part of the last warp's idle lanes and halve the loads of filters, but
/// only when every multiprocessor has work anyway.
int images_per_block(int64_t batch) {
  return batch > int64_t{2} * kBlocksPerMultiprocessor * device_info().multiprocessors ? 2 : 1;
}

BlockPlan plan_of(int64_t batch, int images, int64_t quad_rows, int64_t quad_columns, int64_t depth,
                  int64_t results) {
  const auto rows = static_cast<int>(quad_rows), columns = static_cast<int>(quad_columns);
  return {.batch = static_cast<int>(batch),
          .images = images,
          .quad_rows = rows,
          .quad_columns = columns,
          .depth = static_cast<int>(depth),
          .results = static_cast<int>(results),
          .rows = 2 * rows + 2,
          .columns = 2 * columns + 2,
          .by_quads = FastDivide(quad_rows * quad_columns),
          .by_columns = FastDivide(quad_columns)};
}

BlockPlan forward_plan(const ConvStageGeometry& geometry, int images) {
  const Conv2dGeometry& g = geometry.convolution;
  return plan_of(g.batch, images, geometry.pooled_height, geometry.pooled_width, g.in_channels,
                 g.out_channels);
}

BlockPlan grad_input_plan(const ConvStageGeometry& geometry, int images) {
  const Conv2dGeometry& g = geometry.convolution;
  return plan_of(g.batch, images, (g.height.input + 1) / 2, (g.width.input + 1) / 2, g.out_channels,
                 g.in_channels);
}

size_t shared_limit() {
  return static_cast<size_t>(device_info().shared_bytes);
}

template <class Product, class Pass>
void launch(const char* name, BlockPlan plan, const Pass& pass, const Tensor& weight,
            bool settled) {
  const auto kernel = conv_stage_kernel<Product, Pass>;
  static const bool allowed = [&] {
    STRATA_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     device_info().shared_bytes));
    return true;
  }();
  (void)allowed;
  if (plan.shared_bytes<Product>() > shared_limit()) plan.images = 1;
  const auto channels = static_cast<int>(weight.extent(3));
  const Filters filters{.data = weight.data<float>(),
                        .channels = channels,
                        .depth = plan.depth,
                        .results = plan.results,
                        .by_depth_tiles = FastDivide(plan.depth / 8),
                        .settled = settled};
  const int blocks = (plan.batch + plan.images - 1) / plan.images;
  const int resident = kBlocksPerMultiprocessor * device_info().multiprocessors;
  const auto grid = static_cast<unsigned>(std::min(blocks, resident));
  const size_t bytes = shared_bytes_apart(plan.shared_bytes<Product>(), grid);
  launch_in_turn(name, kernel, {grid, kStageThreads, bytes}, plan, plan.image(), filters, pass);
}

template <template <class> class Pass, class T>
void run(const char* name, const BlockPlan& plan, const Pass<T>& pass, const Tensor& weight,
         bool settled) {
  if constexpr (std::is_same_v<T, float>)
    if (!use_tensor_cores()) return launch<ScalarProduct>(name, plan, pass, weight, settled);
  if (plan.results <= TensorCoreProduct<1>::kChannels)
    launch<TensorCoreProduct<1>>(name, plan, pass, weight, settled);
  else
    launch<TensorCoreProduct<2>>(name, plan, pass, weight, settled);
}

bool fits(const BlockPlan& plan) {
  return std::max(plan.shared_bytes<ScalarProduct>(), plan.shared_bytes<TensorCoreProduct<2>>()) <=
         shared_limit();
}

template <class T>
void run_forward(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
                 const Tensor& bias, Tensor& output, Tensor& winners) {
  const ops::WindowAxis &h = geometry.convolution.height, &w = geometry.convolution.width;
  const BlockPlan plan = forward_plan(geometry, images_per_block(geometry.convolution.batch));
  const Forward<T> pass{.input = input.data<T>(),
                        .bias = bias.defined() ? bias.data<float>() : nullptr,
                        .output = output.data<T>(),
                        .winners = winners.defined() ? winners.data<uint8_t>() : nullptr,
                        .height = static_cast<int>(h.input),
                        .width = static_cast<int>(w.input),
                        .pad_top = static_cast<int>(h.pad_before),
                        .pad_left = static_cast<int>(w.pad_before),
                        .whole = h.pad_before == 0 && w.pad_before == 0 && plan.rows == h.input &&
                                 plan.columns == w.input,
                        .by_rows = FastDivide(plan.rows),
                        .by_columns = FastDivide(plan.columns),
                        .by_vectors = FastDivide(plan.depth / 4)};
  run("conv2d_relu_max_pool", plan, pass, weight,
      is_settled(weight) && (!bias.defined() || is_settled(bias)));
}

template <class T>
void run_grad_input(const ConvStageGeometry& geometry, const Tensor& weight, const Tensor& winners,
                    const Tensor& grad_output, Tensor& grad_input) {
  const ops::WindowAxis &h = geometry.convolution.height, &w = geometry.convolution.width;
  const BlockPlan plan = grad_input_plan(geometry, images_per_block(geometry.convolution.batch));
  const GradInput<T> pass{.grad_output = grad_output.data<T>(),
                          .winners = winners.data<uint8_t>(),
                          .grad_input = grad_input.data<T>(),
                          .height = static_cast<int>(h.input),
                          .width = static_cast<int>(w.input),
                          .pooled_rows = static_cast<int>(geometry.pooled_height),
                          .pooled_columns = static_cast<int>(geometry.pooled_width),
                          .before_top = static_cast<int>(2 - h.pad_before),
                          .before_left = static_cast<int>(2 - w.pad_before),
                          .by_rows = FastDivide(geometry.pooled_height),
                          .by_columns = FastDivide(geometry.pooled_width),
                          .by_vectors = FastDivide(plan.depth / 4)};
  run("conv2d_relu_max_pool: input gradient", plan, pass, weight, true);
}

}  // namespace

bool supports(const ConvStageGeometry& geometry) {
  const Conv2dGeometry& g = geometry.convolution;
  const auto plain = [](const ops::WindowAxis& axis) {
    constexpr int64_t kMaxPixels = 1024;  // so that offsets within an image fit an int
    return axis.window == 3 && axis.stride == 1 && axis.dilation == 1 && axis.pad_before <= 2 &&
           axis.pad_after <= 2 && axis.input <= kMaxPixels;
  };
  if (g.groups != 1 || g.batch < 1 || g.batch > INT32_MAX / 4 || !plain(g.height) ||
      !plain(g.width) || g.in_channels % 8 != 0 || g.out_channels % 8 != 0 || g.in_channels < 8 ||
      std::max(g.in_channels, g.out_channels) > 512)
    return false;
  return fits(forward_plan(geometry, 1)) && fits(grad_input_plan(geometry, 1)) &&
         grad_weight_shared_bytes(geometry) <= shared_limit();
}

void forward(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
             const Tensor& bias, Tensor& output, Tensor& winners) {
  (output.dtype() == DType::bfloat16 ? run_forward<BFloat16> : run_forward<float>)(geometry, input,
                                                                                   weight, bias,
                                                                                   output, winners);
}

void grad_input(const ConvStageGeometry& geometry, const Tensor& weight, const Tensor& winners,
                const Tensor& grad_output, Tensor& grad_input) {
  (grad_output.dtype() == DType::bfloat16
       ? run_grad_input<BFloat16>
       : run_grad_input<float>)(geometry, weight, winners, grad_output, grad_input);
}

}  // namespace strata::cuda::many_channels
