// Preloaded: opening a device file of the GPU fails with the error that FAKE_OPEN names (EACCES,
// EPERM, EIO), or never returns (hang), which a tree of plain files cannot play to root.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

int open_or_refuse(const char* function, const char* path, int flags, mode_t mode) {
  const char* error = std::getenv("FAKE_OPEN");
  if (error && std::strstr(path, "/dev/nvidia")) {
    if (std::strcmp(error, "hang") == 0)
      for (;;) pause();
    errno = std::strcmp(error, "EPERM") == 0 ? EPERM
            : std::strcmp(error, "EIO") == 0 ? EIO
                                             : EACCES;
    return -1;
  }
  const auto real = reinterpret_cast<int (*)(const char*, int, ...)>(dlsym(RTLD_NEXT, function));
  return real(path, flags, mode);
}

}  // namespace

#define FAKE(name)                                                  \
  extern "C" int name(const char* path, int flags, ...) {           \
    va_list rest;                                                   \
    va_start(rest, flags);                                          \
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                   \
    return open_or_refuse(#name, path, flags, mode);                \
  }
FAKE(open)
FAKE(open64)
