// A labelled image set in host memory, as it leaves the disk or the program's own pen. Moving it to
// a device, scaling and shuffling are the loader's work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata::nn {

/// `images` is count x height x width x channels bytes (NHWC); `labels` is count values in
/// [0, classes).
struct ImageSet {
  int64_t count = 0;
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
};

/// `name` is for the reader ("mnist", "digits", a folder's name); `source` says where the bytes
/// came from. Both splits share the image size and the classes.
struct Dataset {
  std::string name;
  std::string source = {};
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t classes = 0;
  ImageSet train = {};
  ImageSet test = {};
};

}  // namespace strata::nn
