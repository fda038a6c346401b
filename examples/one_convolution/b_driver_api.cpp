// (b) The convolution on the GPU through the driver alone: libcuda.so.1, which comes with NVIDIA's
// driver and is all that a program needs to use a GPU. Every other way ends in these calls.
#include "examples/one_convolution/driver_library.h"
#include "examples/one_convolution/level.h"

namespace strata::one_convolution {

// convolution_kernel.cuh as PTX, an assembly language for all of NVIDIA's GPUs: a text, which the
// build has nvcc make.
extern const char* const kConvolutionPtx;

namespace {

Result run(const Problem& problem, Device) {
  const DriverLibrary driver;
  driver.must(driver.cuInit(0));
  CUdevice gpu = 0;
  driver.must(driver.cuDeviceGet(&gpu, 0));
  // A context is what a process has on a GPU: memory, loaded code, work under way. The driver keeps
  // it and gives out a handle, a pointer that means something to the driver only.
  CUcontext context = nullptr;
  driver.must(driver.cuDevicePrimaryCtxRetain(&context, gpu));
  const AtExit release([&] { driver.cuDevicePrimaryCtxRelease(gpu); });
  driver.must(driver.cuCtxPushCurrent(context));  // the calls from here on are about this context
  const AtExit pop([&] { driver.cuCtxPopCurrent(&context); });

  CUmodule module = nullptr;  // loaded code; the driver compiles the PTX for the GPU at hand
  driver.must(driver.cuModuleLoadData(&module, kConvolutionPtx));
  const AtExit unload([&] { driver.cuModuleUnload(module); });
  CUfunction kernel = nullptr;
  driver.must(driver.cuModuleGetFunction(&kernel, module, "convolution_kernel"));

  CUdeviceptr image = 0, filter = 0, output = 0;  // addresses that only the GPU can read
  const AtExit free([&] {
    for (const CUdeviceptr block : {image, filter, output})
      if (block) driver.cuMemFree(block);
  });
  driver.must(driver.cuMemAlloc(&image, sizeof(float) * kImageSize));
  driver.must(driver.cuMemAlloc(&filter, sizeof(float) * kFilterSize));
  driver.must(driver.cuMemAlloc(&output, sizeof(float) * kOutputSize));
  driver.must(driver.cuMemcpyHtoD(image, problem.image.data(), sizeof(float) * kImageSize));
  driver.must(driver.cuMemcpyHtoD(filter, problem.filter.data(), sizeof(float) * kFilterSize));

  Result result;
  void* arguments[] = {&image, &filter, &output};  // nobody checks their number and types
  result.microseconds = median_microseconds([&] {
    // Grid and block could have three dimensions; threads of a block could share memory, 0 bytes
    // here. The work goes into a stream, a queue that is worked off in order; null is one of them.
    driver.must(driver.cuLaunchKernel(kernel, kBlocks, 1, 1, kThreads, 1, 1, /*shared bytes*/ 0,
                                      /*stream*/ nullptr, arguments, /*extra*/ nullptr));
    driver.must(driver.cuCtxSynchronize());  // waits: the launch has only queued the work
  });
  driver.must(driver.cuMemcpyDtoH(result.output.data(), output, sizeof(float) * kOutputSize));
  return result;
}

}  // namespace

const Level kDriverApi = {
    Needs::gpu, run,
    R"(   Adds a second processor with memory of its own. Memory, code and context have to be given back
   by hand, every call returns a status that has to be looked at, and a launch takes a grid, a
   block and a list of untyped pointers, and returns before the work is done.
)"};

}  // namespace strata::one_convolution
