// Reverse-mode differentiation, define-by-run.
//
// An op that runs on tensors which require gradients leaves a Node: the edges to its inputs, and
// named members that are exactly what its backward pass needs. backward() walks the nodes from the
// loss, each after everything that uses its output, and adds up what the leaves receive.
// Broadcasting is undone by the op that broadcasts (ops/binary.cpp), since sums are an op.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace strata {

class Node;

/// What autograd knows of one tensor.
struct GradRecord {
  std::shared_ptr<Node> producer;  // null for a leaf
  bool consumed = false;           // a backward pass has gone through and freed the producer
  /// A leaf's gradient, summed over all its uses and passes; elsewhere the sum so far, during a
  /// pass.
  Tensor grad;
  /// The next gradient overwrites `grad` instead of adding to it: how a leaf's gradient is zeroed
  /// without touching its memory.
  bool grad_is_stale = false;
  /// make_grad() has lent `grad` to the op whose backward runs now.
  bool grad_written_in_place = false;
};

/// The gradients of a node's inputs, in their order; undefined where none is needed.
using Gradients = std::vector<Tensor>;

class Node {
 public:
  virtual ~Node();
  /// The vector-Jacobian products of one op. `grad_output` has the shape of the op's output, each
  /// result that of its input.
  virtual Gradients backward(const Tensor& grad_output) = 0;

 protected:
  bool needs(size_t input) const { return edges_[input].record != nullptr; }
  /// Whether the gradient of an input goes to a leaf. Nothing reads it before the pass ends, so it
  /// may be computed on a Branch (branch.h).
  bool needs_for_leaf(size_t input) const {
    return needs(input) && !edges_[input].record->producer;
  }
  /// Uninitialised memory for the gradient of an input, undefined where none is needed. It is the
  /// leaf's own gradient buffer when nothing has been written there yet, which saves a copy.
  Tensor make_grad(size_t input) const;

 private:
  struct Edge {
    std::shared_ptr<GradRecord> record;  // null when the input requires no gradient
    Shape shape;
    DType dtype;
    Device device;
  };

  friend void attach(const std::shared_ptr<Node>&, std::string_view, const std::vector<Tensor>&,
                     Tensor&);
  friend class BackwardPass;

  std::string_view op_;
  int64_t forward_span_ = 0;  // of the op, where somebody listened (trace.h)
  std::vector<Edge> edges_;
};

/// Makes `node` the producer of `output`. Called by record().
void attach(const std::shared_ptr<Node>& node, std::string_view op,
            const std::vector<Tensor>& inputs, Tensor& output);

/// False inside a NoGradScope.
bool grad_enabled();

/// Nothing is recorded while one lives: for evaluation and parameter updates.
class NoGradScope {
 public:
  NoGradScope();
  ~NoGradScope();
  NoGradScope(const NoGradScope&) = delete;
  NoGradScope& operator=(const NoGradScope&) = delete;

 private:
  bool previous_;
};

/// The last step of every op: gives `output` a producer of type NodeType if an input requires
/// gradients, with what `save(node)` stores in it, and returns `output`. A saved tensor must be
/// detached: a node that held its own output's record would hold itself.
template <class NodeType, class Save>
Tensor record(std::string_view op, const std::vector<Tensor>& inputs, Tensor output, Save&& save) {
  if (!grad_enabled()) return output;
  for (const Tensor& input : inputs) {
    if (!input.defined() || !input.requires_grad()) continue;
    auto node = std::make_shared<NodeType>();
    save(*node);
    attach(node, op, inputs, output);
    break;
  }
  return output;
}

/// The gradient of a loss by itself, from which backward() starts: the number 1, made at its first
/// use and kept, so that a captured step finds it in place. Never written to.
Tensor unit_gradient(DType dtype, Device device);
/// Whether this is the very memory of unit_gradient(): an op that knows its gradient for 1 need not
/// scale it. A tensor that happens to hold a 1 is not.
bool is_unit_gradient(const Tensor& gradient);

/// Computes d loss / d leaf for every leaf behind `loss` and adds it to the leaf's grad(). The
/// graph is freed on the way. Throws `invalid_argument` when `loss` has more than one element and
/// no `grad_output` is given, when it was not recorded, and when the graph was freed by an earlier
/// pass.
void backward(const Tensor& loss, const Tensor& grad_output = {});

/// The next backward pass overwrites the leaf's gradient. Does nothing for a tensor without record.
void zero_grad(const Tensor& leaf);

}  // namespace strata
