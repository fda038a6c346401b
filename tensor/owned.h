// Handles of C libraries, owned and move-only from birth.
#pragma once

#include <memory>
#include <type_traits>

namespace strata {

/// `destroy` runs when the handle goes; its status is ignored, because a destructor must not throw
/// and nothing can be done about it.
template <class Handle>
class Owned {
 public:
  using Destroy = void (*)(Handle) noexcept;

  Owned() = default;
  Owned(Handle handle, Destroy destroy) : handle_(handle, Deleter{destroy}) {}
  Handle get() const { return handle_.get(); }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  struct Deleter {
    using pointer = Handle;
    Destroy destroy = nullptr;
    void operator()(Handle handle) const noexcept { destroy(handle); }
  };
  std::unique_ptr<std::remove_pointer_t<Handle>, Deleter> handle_;
};

}  // namespace strata
