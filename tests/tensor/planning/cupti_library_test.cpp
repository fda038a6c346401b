// What is said of a CUPTI that is absent, of another version or not what its name says.
#include "tensor/cuda/cupti_library.h"

#include <dlfcn.h>

#include "tests/support/compare.h"
#include "tests/support/idx_files.h"
#include "tests/tensor/fakes/cupti.h"

namespace strata::test {
namespace {

fakes::FakeCupti& fake() {
  void* const library = dlopen(FAKE_CUPTI, RTLD_NOW | RTLD_LOCAL);
  return *reinterpret_cast<decltype(&fake_cupti)>(dlsym(library, "fake_cupti"))();
}

TEST(CuptiLibraryTest, TheOneOfThisVersionIsTaken) {
  const cuda::CuptiLibrary library(FAKE_CUPTI);
  EXPECT_EQ(library.path(), FAKE_CUPTI);
  uint32_t version = 0;
  EXPECT_EQ(library.cuptiGetVersion(&version), CUPTI_SUCCESS);
  EXPECT_EQ(version, uint32_t{CUPTI_API_VERSION});
}

TEST(CuptiLibraryTest, AnotherVersionIsNamedWithItsFile) {
  fake().version = CUPTI_API_VERSION + 1;
  const std::string words = fmt::format("{} is version {}, this program was built with {}",
                                        FAKE_CUPTI, CUPTI_API_VERSION + 1, CUPTI_API_VERSION);
  EXPECT_TRUE(fails(ErrorKind::device, words, [] { cuda::CuptiLibrary library(FAKE_CUPTI); }));
  fake().version = CUPTI_API_VERSION;
}

// Other kernels would not help.
TEST(CuptiLibraryTest, AnAbsentOneIsNamedAndIsNotNeeded) {
  const std::string file = "/nowhere/libcupti.so.13";
  std::string message;
  try {
    cuda::CuptiLibrary library(file);
  } catch (const Error& error) {
    message = error.what();
    EXPECT_EQ(error.kind(), ErrorKind::device);
  }
  EXPECT_TRUE(message.starts_with("CUPTI: " + file + " cannot be opened (")) << message;
  EXPECT_NE(message.find("or do without it; the toolkit brings it"), std::string::npos) << message;
  EXPECT_EQ(message.find("--kernels"), std::string::npos) << message;
}

TEST(CuptiLibraryTest, AFileOfAnotherKindIsNone) {
  EXPECT_TRUE(fails(ErrorKind::device, "has no function cuptiGetVersion",
                    [] { cuda::CuptiLibrary library("libc.so.6"); }));
}

}  // namespace
}  // namespace strata::test
