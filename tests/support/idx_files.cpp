// A writer that shares no code with the reader under test.
#include "tests/support/idx_files.h"

#include <stdlib.h>
#include <zlib.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace strata::test {
namespace {

constexpr int kGzipFormat = 16 + MAX_WBITS;
constexpr int kDefaultMemory = 8;

Bytes class_labels(uint32_t count, uint32_t classes) {
  Bytes labels(count);
  for (uint32_t i = 0; i < count; ++i) labels[i] = static_cast<uint8_t>(i % classes);
  return labels;
}

Bytes class_images(uint32_t count, const IdxFolderOptions& options) {
  Bytes images;
  for (uint32_t i = 0; i < count; ++i)
    for (uint32_t row = 0; row < options.height; ++row)
      for (uint32_t value = 0; value < options.width * options.channels; ++value) {
        const bool bright = row * options.classes / options.height == i % options.classes;
        images.push_back(static_cast<uint8_t>((bright ? 200 : 10) + (i * 7 + value * 3) % 50));
      }
  return images;
}

void write_split(const std::filesystem::path& folder, const char* images_name,
                 const char* labels_name, uint32_t count, const IdxFolderOptions& options) {
  std::vector<uint32_t> extents = {count, options.height, options.width};
  if (options.channels > 1) extents.push_back(options.channels);
  const Bytes images = idx_bytes(extents, class_images(count, options));
  const Bytes labels = idx_bytes({count}, class_labels(count, options.classes));
  const std::string ending = options.gzip ? ".gz" : "";
  write_bytes(folder / (images_name + ending), options.gzip ? gzipped(images) : images);
  write_bytes(folder / (labels_name + ending), options.gzip ? gzipped(labels) : labels);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "strata_test_XXXXXX").string();
  if (!mkdtemp(name.data()))
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Bytes idx_bytes(const std::vector<uint32_t>& extents, const Bytes& values, uint8_t type) {
  Bytes bytes = {0, 0, type, static_cast<uint8_t>(extents.size())};
  for (const uint32_t extent : extents)
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<uint8_t>(extent >> shift));
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

Bytes gzipped(const Bytes& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, kDefaultMemory,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2 failed");
  Bytes packed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate failed");
  return packed;
}

void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_idx_folder(const std::filesystem::path& folder, const IdxFolderOptions& options) {
  std::filesystem::create_directories(folder);
  write_split(folder, kTrainImages, kTrainLabels, options.train_count, options);
  write_split(folder, kTestImages, kTestLabels, options.test_count, options);
}

}  // namespace strata::test
