// A fake libcudnn.so.9: as the real one, it opens the libraries that it consists of when they are
// first needed, by name, and convolves on the host.
#include <cudnn.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/stack_check/fakes/cudnn_parts.h"
#include "tests/stack_check/fakes/fake.h"

using namespace strata::fakes;

namespace {

std::string& last_error() {
  static std::string words;
  return words;
}

cudnnStatus_t fail(int code, const std::string& words) {
  last_error() = words;
  return static_cast<cudnnStatus_t>(code);
}

}  // namespace

long part_version(const char* part, const char* function) {
  const std::string file = "libcudnn_" + std::string(part) + ".so.9";
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto version = reinterpret_cast<long (*)()>(
      library && dlsym(library, ("fake_cudnn_is_" + std::string(part)).c_str())
          ? dlsym(library, "fake_cudnn_part_version")
          : nullptr);
  if (version) return version();
  std::fprintf(stderr, "Invalid handle. Cannot load symbol %s\n", function);
  return 0;
}

cudnnStatus_t begin(const char* function, const char* part) {
  if (const int code = fake_answer(function))
    return fail(code, std::string(function) + " was told to fail");
  const long graph = part_version("graph", function);
  if (!graph) std::abort();  // as the real one does
  const long own = part_version(part, function);
  if (!own) return fail(CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE, "");
  if (own != graph)
    return fail(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, "sublibraries of two releases");
  return CUDNN_STATUS_SUCCESS;
}

extern "C" {

size_t cudnnGetVersion() {
  fake_answer("cudnnGetVersion");
  const long version = part_version("graph", "cudnnGetVersion");
  if (!version) std::abort();
  return version;
}

size_t cudnnGetCudartVersion() {
  return fake_number("FAKE_CUDNN_CUDART_VERSION", 13010);
}
size_t cudnnGetMaxDeviceVersion() {
  return fake_number("FAKE_CUDNN_MAX_DEVICE", 1210);
}

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH:
      return "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH";
    case CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH:
      return "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH";
    case CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING:
      return "CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING";
    case CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE:
      return "CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_INTERNAL_ERROR";
  }
}

void cudnnGetLastErrorString(char* message, size_t size) {
  std::snprintf(message, size, "%s", last_error().c_str());
  last_error().clear();
}

cudnnStatus_t cudnnGraphVersionCheck() {
  return begin("cudnnGraphVersionCheck", "graph");
}
cudnnStatus_t cudnnOpsVersionCheck() {
  return begin("cudnnOpsVersionCheck", "ops");
}
cudnnStatus_t cudnnCnnVersionCheck() {
  return begin("cudnnCnnVersionCheck", "cnn");
}
cudnnStatus_t cudnnAdvVersionCheck() {
  return begin("cudnnAdvVersionCheck", "adv");
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = reinterpret_cast<cudnnHandle_t>(handle);
  return begin("cudnnCreate", "graph");
}

}  // extern "C"
