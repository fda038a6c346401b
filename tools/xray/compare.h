// The same training steps on several rungs, number by number.
//
// Every rung starts each step from the first one's state, and updates by the first one's gradients,
// so that errors do not add up and what differs is found where it arises. All compute in strict
// float32.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/dataset.h"
#include "nn/init.h"
#include "nn/optimizer.h"
#include "nn/sequential.h"
#include "ops/settings.h"

namespace strata::xray {

/// A rung of the comparison: who computes, and where.
struct Contender {
  std::string name;  // "gpu library"
  Device device = Device::cpu;
  Kernels kernels = Kernels::own;
  std::function<std::unique_ptr<nn::Sequential>(nn::Builder&)> make_model;
};

struct CompareOptions {
  int64_t steps = 3;
  int64_t batch_size = 64;
  uint64_t seed = 1;
  double learning_rate = 1e-3;
  std::function<std::unique_ptr<nn::Optimizer>(nn::FlatParameters&)> make_optimizer;
};

/// How far one tensor was from the first contender's. Errors are counted in units of the largest
/// number of that one's tensor.
struct Difference {
  std::string tensor;  // "output of conv1 (conv2d_relu_max_pool)"
  int64_t step = 0;    // from 1
  double error = 0, allowed = 0;
};

struct Comparison {
  std::string name;  // of the contender
  int64_t tensors = 0;
  Difference worst = {};  // by error / allowed
};

/// What a tensor is, which decides how far it may be off.
enum class Quantity { image, output, gradient, weight };
double allowed_error(Quantity quantity);

/// The greatest |actual - expected| by the greatest |expected|; infinite where a number of `actual`
/// is not finite or the shapes differ.
double error_of(const Tensor& actual, const Tensor& expected);

/// Runs them side by side, the first as the measure of the others. Throws `device` at the first
/// tensor that is off, naming contender, tensor, op, step and error.
std::vector<Comparison> compare(const std::vector<Contender>& contenders, const nn::Dataset& data,
                                const CompareOptions& options);

}  // namespace strata::xray
