// What a level of the lesson is: a way to compute the convolution of shape.h, and what all levels
// share. The levels themselves are a_cpu_loops.cpp to g_layer.cpp.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "examples/one_convolution/shape.h"
#include "tensor/device.h"

namespace strata::one_convolution {

struct Problem {
  std::vector<float> image;   // kImageSize numbers
  std::vector<float> filter;  // kFilterSize numbers
};

struct Result {
  std::vector<float> output = std::vector<float>(kOutputSize);  // copied back to the CPU
  double microseconds = 0;                                      // of one call
  std::string note = {};  // what this run has to say about itself
};

enum class Needs { nothing, gpu, cudnn };

struct Level {
  Needs needs;
  Result (*run)(const Problem& problem, Device device);  // the device matters to (f) and (g) only
  const char* adds;                                      // a paragraph: what this layer adds
};

// a to g in order; b to e are in a build with GPU code only.
extern const Level kCpuLoops, kDriverApi, kCudaRuntime, kCudnnCall, kCudnnGraph, kOp, kLayer;

/// How many calls median_microseconds() times, and how many come before, to warm up.
inline constexpr int kTimedRuns = 21, kWarmUps = 3;

/// The median time of a call that returns when its result is there.
double median_microseconds(const std::function<void()>& call);

/// Waits until the GPU has done all that the framework has asked of it. On the CPU nothing waits.
void wait_for(Device device);

/// Runs a function at the end of the scope, also when an exception ends it.
template <class Function>
class AtExit {
 public:
  explicit AtExit(Function function) : function_(std::move(function)) {}
  ~AtExit() { function_(); }
  AtExit(const AtExit&) = delete;
  AtExit& operator=(const AtExit&) = delete;

 private:
  Function function_;
};

}  // namespace strata::one_convolution
