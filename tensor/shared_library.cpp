#include "tensor/shared_library.h"

#include <dlfcn.h>
#include <link.h>

#include "tensor/error.h"

namespace strata {

SharedLibrary::SharedLibrary(std::string_view layer, const char* file, std::string_view otherwise)
    : layer_(layer), handle_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) {
    const char* words = dlerror();
    fail(ErrorKind::device,
         "{}: {} cannot be opened ({}); install it, add its folder to LD_LIBRARY_PATH, {}", layer_,
         file, words ? words : "no reason given", otherwise);
  }
  link_map* map = nullptr;
  if (dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 && map) path_ = map->l_name;
}

void* SharedLibrary::find(const char* name) const {
  void* address = dlsym(handle_, name);
  if (!address)
    fail(ErrorKind::device, "{}: {} has no function {}; it is too old or not the real library",
         layer_, path_, name);
  return address;
}

}  // namespace strata
