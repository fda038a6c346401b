#include "nn/evaluate.h"

#include <algorithm>
#include <vector>

#include "ops/count_correct.h"

namespace strata::nn {

double evaluate(Module& model, const DeviceImages& images, int64_t batch_size) {
  check(batch_size >= 1, "evaluate: the batch size must be at least 1, got {}", batch_size);
  check(images.count() >= 1, "evaluate: there are no images");
  const EvaluationScope evaluation(model);
  std::vector<Tensor> counts;
  for (int64_t begin = 0; begin < images.count(); begin += batch_size) {
    const int64_t count = std::min(batch_size, images.count() - begin);
    const Batch batch = whole_batch(images.slice(begin, count));
    counts.push_back(ops::count_correct(model(batch.images), batch.labels));
  }
  int64_t correct = 0;
  for (const Tensor& count : counts) correct += count.item<int32_t>();
  return static_cast<double>(correct) / static_cast<double>(images.count());
}

}  // namespace strata::nn
