// Data sets on disk for tests: whole ones and broken ones, in a folder that removes itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace strata::test {

using Bytes = std::vector<uint8_t>;

/// An empty folder of its own under the system's temporary folder; removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline constexpr const char* kTrainImages = "train-images-idx3-ubyte";
inline constexpr const char* kTrainLabels = "train-labels-idx1-ubyte";
inline constexpr const char* kTestImages = "t10k-images-idx3-ubyte";
inline constexpr const char* kTestLabels = "t10k-labels-idx1-ubyte";

/// An IDX file's bytes: the header for `extents`, true or not, then `values` as they are.
Bytes idx_bytes(const std::vector<uint32_t>& extents, const Bytes& values, uint8_t type = 0x08);

/// One gzip member.
Bytes gzipped(const Bytes& bytes);

void write_bytes(const std::filesystem::path& path, const Bytes& bytes);
Bytes read_bytes(const std::filesystem::path& path);

struct IdxFolderOptions {
  uint32_t train_count = 40;
  uint32_t test_count = 20;
  uint32_t height = 8;
  uint32_t width = 6;
  uint32_t channels = 1;  // more than one writes files of rank 4
  uint32_t classes = 4;
  bool gzip = false;
};

/// Four sound files with a learnable set: image i is of class i % classes, and brightest in the
/// rows of its class.
void write_idx_folder(const std::filesystem::path& folder, const IdxFolderOptions& options = {});

}  // namespace strata::test
