// The hand-made declarations of the driver API against the toolkit's: most of it is checked by
// compiling.
#include <cuda.h>
#include <gtest/gtest.h>

#undef cuDeviceGetUuid  // the first version is asked too, and this makes it the second

#include "tests/stack_check/planning/same_shape.h"
#include "tools/stack_check/probe/driver_api.h"

namespace strata::test {
namespace {

using stack_probe::driver::Api;
namespace driver = stack_probe::driver;

static_assert(driver::kClockKhz == CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
static_assert(driver::kMultiprocessors == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(driver::kComputeMode == CU_DEVICE_ATTRIBUTE_COMPUTE_MODE);
static_assert(driver::kMemoryClockKhz == CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
static_assert(driver::kMemoryBusBits == CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
static_assert(driver::kMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(driver::kMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(sizeof(driver::Uuid) == sizeof(CUuuid));

// Expanded, the header's macros give the versioned names.
#define STRATA_SAME_AS_HEADER(name) \
  static_assert(kSameShape<decltype(&::name), decltype(Api::name)>)
STRATA_SAME_AS_HEADER(cuGetErrorName);
STRATA_SAME_AS_HEADER(cuGetErrorString);
STRATA_SAME_AS_HEADER(cuDriverGetVersion);
STRATA_SAME_AS_HEADER(cuInit);
STRATA_SAME_AS_HEADER(cuDeviceGetCount);
STRATA_SAME_AS_HEADER(cuDeviceGet);
STRATA_SAME_AS_HEADER(cuDeviceGetName);
STRATA_SAME_AS_HEADER(cuDeviceGetUuid_v2);
STRATA_SAME_AS_HEADER(cuDeviceGetPCIBusId);
STRATA_SAME_AS_HEADER(cuDeviceGetAttribute);
STRATA_SAME_AS_HEADER(cuDeviceTotalMem_v2);
STRATA_SAME_AS_HEADER(cuDevicePrimaryCtxRetain);
STRATA_SAME_AS_HEADER(cuDevicePrimaryCtxRelease_v2);
STRATA_SAME_AS_HEADER(cuCtxSetCurrent);
STRATA_SAME_AS_HEADER(cuMemGetInfo_v2);
STRATA_SAME_AS_HEADER(cuMemAlloc_v2);
STRATA_SAME_AS_HEADER(cuMemFree_v2);
STRATA_SAME_AS_HEADER(cuMemcpyHtoD_v2);
STRATA_SAME_AS_HEADER(cuMemcpyDtoH_v2);

#define STRATA_TEXT_OF_EXPANDED(name) STRATA_TEXT_OF_ARGUMENT(name)
#define STRATA_TEXT_OF_ARGUMENT(name) #name

TEST(DriverApiTest, TheNewestNamesAreTheOnesAsked) {
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuDeviceTotalMem), "cuDeviceTotalMem_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuDevicePrimaryCtxRelease), "cuDevicePrimaryCtxRelease_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuMemGetInfo), "cuMemGetInfo_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuMemAlloc), "cuMemAlloc_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuMemFree), "cuMemFree_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuMemcpyHtoD), "cuMemcpyHtoD_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuMemcpyDtoH), "cuMemcpyDtoH_v2");
  EXPECT_STREQ(STRATA_TEXT_OF_EXPANDED(cuDevicePrimaryCtxRetain), "cuDevicePrimaryCtxRetain");
}

}  // namespace
}  // namespace strata::test
