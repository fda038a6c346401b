// A fake libnvrtc.so.
#include "tests/stack_check/fakes/fake.h"

using strata::fakes::fake_answer;
using strata::fakes::fake_number;

extern "C" {

int nvrtcVersion(int* major, int* minor) {
  const int version = static_cast<int>(fake_number("FAKE_NVRTC_VERSION", 13000));
  *major = version / 1000;
  *minor = version % 1000 / 10;
  return fake_answer("nvrtcVersion");
}

const char* nvrtcGetErrorString(int code) {
  return code == 7 ? "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE" : "NVRTC_ERROR_COMPILATION";
}

int nvrtcCreateProgram(void** program, const char*, const char*, int, const char* const*,
                       const char* const*) {
  *program = program;
  return fake_answer("nvrtcCreateProgram");
}

int nvrtcCompileProgram(void*, int, const char* const*) {
  return fake_answer("nvrtcCompileProgram");
}

}  // extern "C"
