// One of the libraries that the fake libcudnn.so.9 consists of: FAKE_PART, such as ops.
#include <cudnn_version.h>

#include <string>

#include "tests/stack_check/fakes/fake.h"

using strata::fakes::fake_number;

#define TEXT(value) TEXT_OF(value)
#define TEXT_OF(value) #value

/// The release that this file belongs to: FAKE_OPS_VERSION, otherwise FAKE_CUDNN_VERSION.
extern "C" long fake_cudnn_part_version() {
  std::string name = "FAKE_" TEXT(FAKE_PART) "_VERSION";
  for (char& letter : name)
    if (letter >= 'a' && letter <= 'z') letter -= 'a' - 'A';
  return fake_number(name.c_str(), fake_number("FAKE_CUDNN_VERSION", CUDNN_VERSION));
}

/// Only this part has it: a copy of another part under this one's name does not.
#define JOIN(a, b) JOIN_OF(a, b)
#define JOIN_OF(a, b) a##b
extern "C" int JOIN(fake_cudnn_is_, FAKE_PART)() {
  return 1;
}
