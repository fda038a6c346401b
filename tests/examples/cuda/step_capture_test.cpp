// A training step can be captured as a CUDA graph: it allocates nothing, waits for nothing, and
// keeps all that changes between steps on the device.
#include <cuda_runtime_api.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tests/examples/lenet_trainer.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class GpuStepCaptureTest : public testing::TestWithParam<Kernels> {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};
INSTANTIATE_TEST_SUITE_P(Gpu, GpuStepCaptureTest,
                         testing::Values(Kernels::own, Kernels::library, Kernels::automatic),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_P(GpuStepCaptureTest, ReplayingItGivesTheBitsOfRunningIt) {
  constexpr int kSteps = 9, kEager = 2;
  const SettingsScope scope({.kernels = GetParam()});
  LenetTrainer eager(Device::gpu), captured(Device::gpu);
  eager.losses_of(kSteps);
  captured.losses_of(kEager);

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  STRATA_CUDA(cudaStreamBeginCapture(cuda::stream(), cudaStreamCaptureModeThreadLocal));
  captured.step().run();  // recorded, not run
  STRATA_CUDA(cudaStreamEndCapture(cuda::stream(), &graph));
  STRATA_CUDA(cudaGraphInstantiate(&replay, graph, 0));
  for (int step = kEager; step < kSteps; ++step)
    STRATA_CUDA(cudaGraphLaunch(replay, cuda::stream()));
  cuda::synchronize();
  STRATA_CUDA(cudaGraphExecDestroy(replay));
  STRATA_CUDA(cudaGraphDestroy(graph));
  EXPECT_TRUE(identical(captured.weights(), eager.weights()));
}

}  // namespace
}  // namespace strata::test
