// Spans as NVTX ranges, heard by a stand-in for a tool (fakes/nvtx_tool.cpp). Needs no GPU.
#include "tensor/cuda/nvtx.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

// NVTX looks for a tool at its first call, so all of a process is one test.
TEST(NvtxTest, SpansAreRangesOfTheirNames) {
  unsetenv("NVTX_INJECTION64_PATH");
  EXPECT_FALSE(cuda::nvtx_tool_attached());
  const TemporaryFolder folder;
  const std::string log = folder.path() / "log";
  setenv("NVTX_INJECTION64_PATH", FAKE_NVTX_TOOL, 1);
  setenv("FAKE_NVTX_LOG", log.c_str(), 1);
  EXPECT_TRUE(cuda::nvtx_tool_attached());
  {
    cuda::NvtxRanges ranges;
    const TraceListening listening(ranges);
    const TraceScope step(TraceLayer::step, "training step");
    { const TraceScope op(TraceLayer::op, "relu"); }
    const TraceScope op(TraceLayer::library, "cublasLtMatmul");
  }
  unsetenv("NVTX_INJECTION64_PATH");
  std::vector<std::string> lines;
  std::ifstream stream(log);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  EXPECT_EQ(lines, (std::vector<std::string>{"domain strata", "push training step, category 1",
                                             "push relu, category 4", "pop",
                                             "push cublasLtMatmul, category 6", "pop", "pop"}));
}

}  // namespace
}  // namespace strata::test
