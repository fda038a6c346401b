// One file in the IDX format: http://yann.lecun.com/exdb/mnist/, "The IDX file format". A header of
// two zero bytes, the type of a value, the rank and one big-endian 32-bit extent per axis; then the
// values, last axis fastest. Only unsigned bytes are read: images of rank 3 (count, height, width)
// or 4 (count, height, width, channels), labels of rank 1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace strata::nn {

enum class IdxContent { images, labels };

struct IdxFile {
  std::filesystem::path path;
  std::vector<int64_t> extents;
  std::vector<uint8_t> values;
};

/// Reads a raw or gzipped file. Memory grows with what the file holds, never with what its header
/// claims. Throws `data`, naming the file and the numbers seen, on anything but a whole and exact
/// IDX file of `content` with at least one value.
IdxFile read_idx(const std::filesystem::path& path, IdxContent content);

}  // namespace strata::nn
