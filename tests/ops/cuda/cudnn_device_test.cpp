// cuDNN's description of the GPU at hand, from which it can plan for this GPU on a machine without
// one; the output is in the form of tests/ops/planning/h100.json.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "ops/cudnn/graph.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/error.h"

namespace strata::test {
namespace {

TEST(CudnnDeviceTest, DescribesItself) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  if (const auto& reason = cuda::why_no_cudnn()) GTEST_SKIP() << *reason;
  if (cuda::cudnn_library().cudnnGetVersion() < 91100)
    GTEST_SKIP() << "cuDNN describes a GPU from version 9.11 on";
  cudnn::Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_HANDLE, cuda::cudnn_handle()).finalize();
  const auto text = device.get_all<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  const std::string json(text.begin(), text.end());
  std::puts(json.c_str());
  const int version = 10 * cuda::device_info().compute_capability;
  EXPECT_NE(json.find(fmt::format("\"deviceVer\":{}", version)), std::string::npos) << json;
}

}  // namespace
}  // namespace strata::test
