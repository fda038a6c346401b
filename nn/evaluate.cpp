#include "nn/evaluate.h"

#include <algorithm>

#include "ops/count_correct.h"

namespace strata::nn {

double evaluate(Module& model, const DeviceImages& images, int64_t batch_size) {
  check(batch_size >= 1, "evaluate: the batch size must be at least 1, got {}", batch_size);
  check(images.count() >= 1, "evaluate: there are no images");
  const EvaluationScope evaluation(model);
  Tensor correct = Tensor::zeros({1}, DType::int32, images.images.device());
  for (int64_t begin = 0; begin < images.count(); begin += batch_size) {
    const int64_t count = std::min(batch_size, images.count() - begin);
    const Batch batch = whole_batch(images.slice(begin, count));
    ops::count_correct(model(batch.images), batch.labels, correct);
  }
  return correct.item<int32_t>() / static_cast<double>(images.count());
}

}  // namespace strata::nn
