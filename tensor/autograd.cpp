#include "tensor/autograd.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_set>

#include "tensor/branch.h"
#include "tensor/trace.h"

namespace strata {
namespace {

thread_local bool recording = true;

std::mutex units_mutex;
std::map<std::pair<DType, Device>, Tensor>& units() {
  static std::map<std::pair<DType, Device>, Tensor> map;
  return map;
}

}  // namespace

bool grad_enabled() {
  return recording;
}
NoGradScope::NoGradScope() : previous_(recording) {
  recording = false;
}
NoGradScope::~NoGradScope() {
  recording = previous_;
}

// A chain of a million ops would overflow the stack if each node's destructor ran inside the one
// before, so the outermost destructor takes the nodes that die with it into a list.
Node::~Node() {
  thread_local std::vector<std::shared_ptr<Node>>* dying = nullptr;
  std::vector<std::shared_ptr<Node>> list;
  const bool outermost = dying == nullptr;
  if (outermost) dying = &list;
  for (Edge& edge : edges_) {
    // Let go of edge by edge: of two edges to one record, as of x * x, the second is the last.
    const std::shared_ptr<GradRecord> record = std::move(edge.record);
    if (record.use_count() == 1 && record->producer) dying->push_back(std::move(record->producer));
  }
  if (!outermost) return;
  while (!list.empty()) {
    const std::shared_ptr<Node> next = std::move(list.back());
    list.pop_back();
  }
  dying = nullptr;
}

Tensor Node::make_grad(size_t input) const {
  const Edge& edge = edges_[input];
  if (!edge.record) return {};
  GradRecord& record = *edge.record;
  if (!record.producer && record.grad.defined() && record.grad_is_stale) {
    record.grad_is_stale = false;
    record.grad_written_in_place = true;
    return record.grad;
  }
  const MemoryScope scope(MemoryUse::gradients);
  return Tensor::empty(edge.shape, edge.dtype, edge.device);
}

void attach(const std::shared_ptr<Node>& node, std::string_view op,
            const std::vector<Tensor>& inputs, Tensor& output) {
  node->op_ = op;
  if (const TraceSpan* span = current_span()) node->forward_span_ = span->id;
  for (const Tensor& input : inputs) {
    if (input.defined())
      node->edges_.push_back({input.record(), input.shape(), input.dtype(), input.device()});
    else
      node->edges_.push_back({});
  }
  auto record = std::make_shared<GradRecord>();
  record->producer = node;
  output.set_record(std::move(record));
}

class BackwardPass {
 public:
  explicit BackwardPass(std::shared_ptr<GradRecord> root) { sort(std::move(root)); }

  void run() {
    for (const std::shared_ptr<GradRecord>& record : order_) {
      const std::shared_ptr<Node> node = std::move(record->producer);
      const Tensor grad_output = std::move(record->grad);
      record->producer = nullptr;
      record->grad = Tensor();
      record->consumed = true;
      if (!grad_output.defined()) continue;  // every use of it needed no gradient
      TraceScope trace(TraceLayer::op, node->op_);
      if (trace) trace->backward_of = node->forward_span_;
      deliver(*node, node->backward(grad_output));
    }
  }

 private:
  // Depth first and without recursion: a record stands behind everything that its producer's
  // output was used for once the finished list is reversed.
  void sort(std::shared_ptr<GradRecord> root) {
    struct Visit {
      std::shared_ptr<GradRecord> record;
      size_t next_edge = 0;
    };
    std::unordered_set<GradRecord*> seen{root.get()};
    std::vector<Visit> stack;
    stack.push_back({std::move(root)});
    while (!stack.empty()) {
      Visit& visit = stack.back();
      const auto& edges = visit.record->producer->edges_;
      if (visit.next_edge == edges.size()) {
        order_.push_back(std::move(visit.record));
        stack.pop_back();
        continue;
      }
      const Node::Edge& edge = edges[visit.next_edge++];
      if (!edge.record || !seen.insert(edge.record.get()).second) continue;
      check(!edge.record->consumed,
            "backward: part of this graph was freed by an earlier backward pass, at an input of "
            "{}; run the forward pass again",
            visit.record->producer->op_);
      if (edge.record->producer) stack.push_back({edge.record});
    }
    std::reverse(order_.begin(), order_.end());
  }

  static void deliver(Node& node, Gradients gradients) {
    check(gradients.size() == node.edges_.size(),
          "{}: its backward returned {} gradients for {} "
          "inputs",
          node.op_, gradients.size(), node.edges_.size());
    for (size_t i = 0; i < gradients.size(); ++i) {
      const Node::Edge& edge = node.edges_[i];
      if (!edge.record) continue;
      Tensor& gradient = gradients[i];
      check(
          gradient.defined() && gradient.shape() == edge.shape,
          "{}: its backward returned the gradient of input {} in a wrong shape; the input's is {}",
          node.op_, i, edge.shape);
      check(gradient.dtype() == edge.dtype,
            "{}: its backward returned the gradient of input {} as {}; the input is {}", node.op_,
            i, gradient.dtype(), edge.dtype);
      accumulate(*edge.record, gradient, !edge.record->producer);
    }
  }

  // An op may pass its grad_output on as it is, even to several inputs, so what a record holds may
  // be shared: a sum goes to memory of its own.
  static void accumulate(GradRecord& record, const Tensor& gradient, bool is_leaf) {
    if (record.grad_written_in_place && is_same_memory(record.grad, gradient)) {
      record.grad_written_in_place = false;  // through make_grad: nothing is left to do
      return;
    }
    if (is_leaf) join_branches();  // a branch may have written either
    if (!record.grad.defined()) {
      // A leaf's gradient outlives the pass, so it must not alias what the op passed on.
      record.grad = is_leaf ? own_copy(gradient) : gradient.detach();
    } else if (record.grad_is_stale) {
      record.grad.copy_from(gradient);
    } else if (is_leaf) {
      record.grad.add_into(gradient);
    } else {
      Tensor sum = own_copy(record.grad);
      sum.add_into(gradient);
      record.grad = std::move(sum);
    }
    record.grad_is_stale = false;
  }

  static bool is_same_memory(const Tensor& a, const Tensor& b) {
    return a.location().address == b.location().address && a.shape() == b.shape();
  }

  static Tensor own_copy(const Tensor& tensor) {
    const MemoryScope scope(MemoryUse::gradients);
    return tensor.clone();
  }

  std::vector<std::shared_ptr<GradRecord>> order_;
};

Tensor unit_gradient(DType dtype, Device device) {
  const std::lock_guard lock(units_mutex);
  Tensor& unit = units()[{dtype, device}];
  if (unit.defined()) return unit;
  const MemoryScope scope(MemoryUse::gradients);
  const Tensor made = Tensor::full({}, 1.0, dtype, device);
  if (!recording_gpu_work()) unit = made;  // what is being recorded has not been written yet
  return made;
}

bool is_unit_gradient(const Tensor& gradient) {
  const std::lock_guard lock(units_mutex);
  const auto unit = units().find({gradient.dtype(), gradient.device()});
  return unit != units().end() && unit->second.defined() &&
         gradient.shares_memory_with(unit->second);
}

void backward(const Tensor& loss, const Tensor& grad_output) {
  check(loss.defined() && loss.requires_grad(),
        "backward: the tensor was not recorded: no input requires gradients, or a NoGradScope was "
        "alive");
  check(!loss.record()->consumed,
        "backward: this graph was freed by an earlier backward pass; run the forward pass again");
  check(loss.record()->producer != nullptr, "backward: a leaf has nothing behind it");
  check(grad_output.defined() || loss.size() == 1,
        "backward: a tensor of shape {} needs a grad_output of that shape; a loss is one number",
        loss.shape());
  const NoGradScope no_grad;
  const Tensor seed = grad_output.defined()
                          ? grad_output
                          : unit_gradient(loss.dtype(), loss.device()).view(loss.shape());
  check(seed.shape() == loss.shape() && seed.dtype() == loss.dtype() &&
            seed.device() == loss.device(),
        "backward: grad_output is {} {}, the tensor {} {}", seed.dtype(), seed.shape(),
        loss.dtype(), loss.shape());
  BackwardPass pass(loss.record());
  loss.record()->grad = seed.detach();
  pass.run();
  join_branches();
}

void zero_grad(const Tensor& leaf) {
  if (leaf.requires_grad() && leaf.record()->grad.defined()) leaf.record()->grad_is_stale = true;
}

}  // namespace strata
