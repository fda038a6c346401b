// A fake libcublasLt.so: all that the fake cuBLAS needs of it. A foreign copy, of another build,
// has not all of it.
#include <cublasLt.h>

#include "tests/stack_check/fakes/fake.h"

using strata::fakes::fake_answer;
using strata::fakes::fake_number;

size_t cublasLtGetVersion() {
  fake_answer("cublasLtGetVersion");
  return fake_number("FAKE_CUBLASLT_VERSION", CUBLAS_VERSION);
}

#if !FAKE_FOREIGN
extern "C" int cublasLtGetEnvironmentMode() {
  return fake_answer("cublasLtGetEnvironmentMode");
}
#endif
