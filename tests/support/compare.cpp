#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "tensor/random.h"

namespace strata::test {
namespace {

/// What an element is computed as.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, BFloat16>, float, T>;

template <class T>
std::vector<double> to_doubles(const Tensor& tensor) {
  const std::vector<T> values = tensor.to_vector<T>();
  std::vector<double> doubles(values.size());
  std::transform(values.begin(), values.end(), doubles.begin(),
                 [](T value) { return static_cast<double>(static_cast<Wide<T>>(value)); });
  return doubles;
}

}  // namespace

std::vector<double> values_of(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::float32: return to_doubles<float>(tensor);
    case DType::float64: return to_doubles<double>(tensor);
    case DType::int32: return to_doubles<int32_t>(tensor);
    case DType::uint8: return to_doubles<uint8_t>(tensor);
    case DType::bfloat16: return to_doubles<BFloat16>(tensor);
  }
  return {};
}

testing::AssertionResult close(const Tensor& actual, const std::vector<double>& expected,
                               Tolerance tolerance) {
  if (!actual.defined()) return testing::AssertionFailure() << "the tensor is undefined";
  const std::vector<double> values = values_of(actual);
  if (values.empty()) return testing::AssertionFailure() << "nothing to compare";
  if (values.size() != expected.size())
    return testing::AssertionFailure()
           << values.size() << " elements, expected " << expected.size();
  size_t worst = 0, wrong = 0;
  double worst_excess = -INFINITY;
  for (size_t i = 0; i < values.size(); ++i) {
    const double allowed = tolerance.absolute + tolerance.relative * std::fabs(expected[i]);
    double excess = std::fabs(values[i] - expected[i]) - allowed;
    if (values[i] == expected[i]) excess = -allowed;  // equal infinities
    if (std::isnan(excess)) excess = INFINITY;
    if (excess > 0) ++wrong;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (wrong == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << wrong << " of " << values.size() << " elements of shape " << actual.shape().to_string()
         << " differ; worst at " << worst << ": " << values[worst] << ", expected "
         << expected[worst] << " (off by " << values[worst] - expected[worst] << ")";
}

testing::AssertionResult close(const Tensor& actual, const Tensor& expected, Tolerance tolerance) {
  if (!actual.defined() || !expected.defined())
    return testing::AssertionFailure() << "a tensor is undefined";
  if (!(actual.shape() == expected.shape()))
    return testing::AssertionFailure() << "shape " << actual.shape().to_string() << ", expected "
                                       << expected.shape().to_string();
  return close(actual, values_of(expected), tolerance);
}

testing::AssertionResult identical(const Tensor& actual, const Tensor& expected) {
  const testing::AssertionResult equal = close(actual, expected, kExact);
  if (!equal) return equal;
  const Tensor a = actual.to(Device::cpu), b = expected.to(Device::cpu);
  if (a.dtype() != b.dtype() ||
      std::memcmp(a.location().address, b.location().address, a.bytes()) != 0)
    return testing::AssertionFailure() << "equal numbers, but other bits or another dtype";
  return testing::AssertionSuccess();
}

Tensor random_tensor(const Shape& shape, uint64_t seed, double low, double high, DType dtype) {
  constexpr uint64_t kStream = 0x7e57;
  std::vector<double> values(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = low + (high - low) * random_uniform(seed, kStream, i);
  return converted(Tensor::from(values, shape), dtype, Device::cpu);
}

Tensor converted(const Tensor& tensor, DType dtype, Device device) {
  const std::vector<double> values = values_of(tensor);
  if (dtype == DType::float64) return Tensor::from(values, tensor.shape(), device);
  if (dtype == DType::float32)
    return Tensor::from(std::vector<float>(values.begin(), values.end()), tensor.shape(), device);
  if (dtype == DType::bfloat16) {
    std::vector<BFloat16> nearest;
    for (const double value : values)
      nearest.push_back(BFloat16::nearest(static_cast<float>(value)));
    return Tensor::from(nearest, tensor.shape(), device);
  }
  return tensor.to(device);
}

}  // namespace strata::test
