// A driver library whose cuInit answers with the code in FAKE_CUINIT: for tests of what is said
// about a broken driver, on machines that have none.
#include <stdlib.h>

int cuInit(unsigned flags) {
  (void)flags;
  const char* code = getenv("FAKE_CUINIT");
  return code ? atoi(code) : 0;
}

// FAKE_DRIVER_CUDA: the newest CUDA that the driver knows, as 1000 * major + 10 * minor.
int cuDriverGetVersion(int* version) {
  const char* text = getenv("FAKE_DRIVER_CUDA");
  *version = text ? atoi(text) : 13000;
  return 0;
}
