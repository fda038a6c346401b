#include "ops/count_correct.h"

#include "ops/count_correct_kernels.h"
#include "ops/dispatch.h"

namespace strata {

void check_classification(std::string_view op, const Tensor& logits, const Tensor& labels) {
  check_floating(op, logits);
  check(logits.rank() == 2 && logits.extent(1) >= 1, "{}: logits must be (rows, classes), got {}",
        op, logits.shape());
  check(labels.dtype() == DType::int32 && labels.shape() == Shape{logits.extent(0)},
        "{}: logits {} need int32 labels ({}), got {} {}", op, logits.shape(), logits.extent(0),
        labels.dtype(), labels.shape());
  check_same_device(op, logits, labels);
}

namespace ops {

void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count) {
  const TraceScope trace(TraceLayer::op, "count_correct");
  check_classification("count_correct", logits, labels);
  check(count.dtype() == DType::int32 && count.size() == 1,
        "count_correct: the count must be one int32, got {} {}", count.dtype(), count.shape());
  check_same_device("count_correct", logits, count);
  const Rung rung = choose_rung("count_correct", logits);
  STRATA_DISPATCH(rung, count_correct, logits, labels, count);
}

}  // namespace ops
}  // namespace strata
