// An operation of oneDNN made ready for its shapes, kept for the process, and run on our tensors.
//
// Our tensors are NHWC and KRSC. Where an implementation wants another layout, mostly blocks of 16
// channels for the weights, the tensor is reordered into scratch memory before, or out of it after;
// that is a part of the op, and of its time. Ops run on one thread at a time, as everywhere in
// ops/.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "ops/onednn/api.h"
#include "tensor/parallel.h"

namespace strata::onednn {

/// An argument of a primitive: its number (DNNL_ARG_SRC), and how the caller's tensor lies; no
/// layout for a tensor that only the library reads, which lies as it likes.
struct Argument {
  int number;
  Layout layout;
  bool written = false;
};

class Primitive {
 public:
  /// `what` with its shapes, for the x-ray; arguments in the order of run()'s addresses.
  Primitive(std::string what, double flops, Description description,
            const std::vector<Argument>& arguments);

  /// An address for each argument.
  void run(std::initializer_list<const void*> addresses);

  /// What the tensor of an argument takes.
  int64_t bytes(int number) const;

 private:
  using Handle = Owned<dnnl_primitive_t>;
  using Memory = Owned<dnnl_memory_t>;

  struct Slot {
    int number = 0;
    bool written = false;
    Memory outside, inside;  // the caller's tensor and, where it lies otherwise, the library's
    int64_t inside_at = 0;   // in the scratch memory
    Handle reorder = {};     // between the two
    std::string how = {};    // the reorder's implementation
  };

  LayoutView layout_of(int number) const;
  int64_t reserve(int64_t bytes);
  void reorder(const Slot& slot) const;
  void execute(dnnl_primitive_t handle, const std::vector<dnnl_exec_arg_t>& arguments, double flops,
               std::string_view what, std::string_view how) const;

  std::string what_, how_;
  double flops_;
  Description description_;
  Handle handle_;
  std::vector<Slot> slots_;
  Memory scratchpad_;
  int64_t scratchpad_at_ = 0, scratch_bytes_ = 0;
};

/// What a primitive depends on: which one, extents and options.
using Key = std::vector<int64_t>;
enum class Kind : int64_t {
  conv2d,
  conv2d_relu,
  conv2d_grad_input,
  conv2d_grad_weight,
  pool2d,
  pool2d_backward,
  dense,
  dense_grad_input,
  dense_grad_weight,
  matmul,
  unary,
  unary_backward,
  softmax,
  softmax_backward
};

/// The primitive of a kind, made by `make()` for the first call with these numbers and this number
/// of threads, on which implementations and their sums depend.
template <class Make>
Primitive& primitive(Kind kind, const Key& numbers, Make&& make) {
  static auto& made = *new std::map<Key, Primitive>;
  Key key{static_cast<int64_t>(kind), thread_count()};
  key.insert(key.end(), numbers.begin(), numbers.end());
  const auto found = made.find(key);
  return found != made.end() ? found->second : made.emplace(std::move(key), make()).first->second;
}

/// NHWC in oneDNN's order of axes, N C H W.
Layout image_layout(int64_t batch, int64_t height, int64_t width, int64_t channels);
/// A row-major matrix, or its transpose.
Layout matrix_layout(int64_t rows, int64_t columns, bool transposed = false);
Layout vector_layout(int64_t size);

}  // namespace strata::onednn
