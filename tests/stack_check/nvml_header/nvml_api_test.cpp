// The hand-made declarations of NVML against its header: most of it is checked by compiling.
#include <gtest/gtest.h>
#include <nvml.h>

#include <cstddef>

#include "tests/stack_check/planning/same_shape.h"
#include "tools/stack_check/probe/nvml_api.h"
#include "tools/stack_check/probe/nvml_status.h"

namespace strata::test {
namespace {

using stack_probe::nvml::Api;
namespace nvml = stack_probe::nvml;

static_assert(nvml::kNotSupported == NVML_ERROR_NOT_SUPPORTED);
static_assert(nvml::kNotFound == NVML_ERROR_NOT_FOUND);
static_assert(nvml::kGpuSensor == NVML_TEMPERATURE_GPU);
static_assert(nvml::kMultiprocessor == NVML_CLOCK_SM);
static_assert(nvml::kUncorrectedError == NVML_MEMORY_ERROR_TYPE_UNCORRECTED);
static_assert(nvml::kSinceReboot == NVML_VOLATILE_ECC);
static_assert(nvml::kMigEnabled == NVML_DEVICE_MIG_ENABLE);
static_assert(sizeof(nvml::PciInfo) == sizeof(nvmlPciInfo_t));
static_assert(offsetof(nvml::PciInfo, domain) == offsetof(nvmlPciInfo_t, domain));
static_assert(offsetof(nvml::PciInfo, bus_id) == offsetof(nvmlPciInfo_t, busId));
static_assert(sizeof(nvml::Memory) == sizeof(nvmlMemory_t));
static_assert(offsetof(nvml::Memory, used) == offsetof(nvmlMemory_t, used));
static_assert(sizeof(nvml::Process) == sizeof(nvmlProcessInfo_t));
static_assert(offsetof(nvml::Process, memory) == offsetof(nvmlProcessInfo_t, usedGpuMemory));
static_assert(nvml::kUnknownMemory == static_cast<unsigned long long>(NVML_VALUE_NOT_AVAILABLE));

#define STRATA_SAME_AS_HEADER(name) \
  static_assert(kSameShape<decltype(&::name), decltype(Api::name)>)
STRATA_SAME_AS_HEADER(nvmlErrorString);
STRATA_SAME_AS_HEADER(nvmlInit_v2);
STRATA_SAME_AS_HEADER(nvmlShutdown);
STRATA_SAME_AS_HEADER(nvmlSystemGetDriverVersion);
STRATA_SAME_AS_HEADER(nvmlDeviceGetCount_v2);
STRATA_SAME_AS_HEADER(nvmlDeviceGetHandleByIndex_v2);
STRATA_SAME_AS_HEADER(nvmlDeviceGetUUID);
STRATA_SAME_AS_HEADER(nvmlDeviceGetName);
STRATA_SAME_AS_HEADER(nvmlDeviceGetPciInfo_v3);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMemoryInfo);
STRATA_SAME_AS_HEADER(nvmlDeviceGetComputeMode);
STRATA_SAME_AS_HEADER(nvmlDeviceGetTemperature);
STRATA_SAME_AS_HEADER(nvmlDeviceGetPowerUsage);
STRATA_SAME_AS_HEADER(nvmlDeviceGetEnforcedPowerLimit);
STRATA_SAME_AS_HEADER(nvmlDeviceGetClockInfo);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMaxClockInfo);
STRATA_SAME_AS_HEADER(nvmlDeviceGetCurrPcieLinkGeneration);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMaxPcieLinkGeneration);
STRATA_SAME_AS_HEADER(nvmlDeviceGetCurrPcieLinkWidth);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMaxPcieLinkWidth);
STRATA_SAME_AS_HEADER(nvmlDeviceGetCurrentClocksEventReasons);
STRATA_SAME_AS_HEADER(nvmlDeviceGetCurrentClocksThrottleReasons);
STRATA_SAME_AS_HEADER(nvmlDeviceGetTotalEccErrors);
STRATA_SAME_AS_HEADER(nvmlDeviceGetRemappedRows);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMigMode);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMaxMigDeviceCount);
STRATA_SAME_AS_HEADER(nvmlDeviceGetMigDeviceHandleByIndex);

TEST(NvmlApiTest, NoReasonOfTheHeaderIsWithoutAWord) {
  unsigned long long all = nvmlClocksEventReasonGpuIdle;  // no reason to worry, so without a word
  for (const nvml::Reason& reason : nvml::kReasons) all |= reason.bit;
  EXPECT_EQ(nvmlClocksEventReasonAll & ~all, 0u);
  EXPECT_EQ(nvml::kReasons[1].bit, nvmlClocksEventReasonSwPowerCap);
  EXPECT_EQ(nvml::kReasons[5].bit, nvmlClocksThrottleReasonHwThermalSlowdown);
}

TEST(NvmlApiTest, ResultsHaveTheNamesOfTheHeader) {
  EXPECT_EQ(nvml::status_of(NVML_ERROR_NO_PERMISSION, {}).name, "NVML_ERROR_NO_PERMISSION");
  EXPECT_EQ(nvml::status_of(NVML_ERROR_DRIVER_NOT_LOADED, {}).name, "NVML_ERROR_DRIVER_NOT_LOADED");
  EXPECT_EQ(nvml::status_of(NVML_ERROR_GPU_IS_LOST, {}).name, "NVML_ERROR_GPU_IS_LOST");
  EXPECT_EQ(nvml::status_of(NVML_ERROR_OPERATING_SYSTEM, {}).name, "NVML_ERROR_OPERATING_SYSTEM");
  EXPECT_EQ(nvml::status_of(NVML_ERROR_LIB_RM_VERSION_MISMATCH, {}).name,
            "NVML_ERROR_LIB_RM_VERSION_MISMATCH");
}

}  // namespace
}  // namespace strata::test
