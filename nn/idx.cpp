// Finds the four files, reads them side by side, then checks that they belong together.
#include "nn/idx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <future>
#include <string>
#include <system_error>

#include "nn/idx_file.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace strata::nn {
namespace {

namespace fs = std::filesystem;

struct FileRole {
  const char* stem;
  const char* suffix;  // what follows the dash or the dot
  IdxContent content;
  uint32_t mnist_checksum;  // CRC-32 of the values of the original, without the header
};

constexpr std::array<FileRole, 4> kRoles = {{
    {"train-images", "idx3-ubyte", IdxContent::images, 0xf3639b56},
    {"train-labels", "idx1-ubyte", IdxContent::labels, 0xba07e8ef},
    {"t10k-images", "idx3-ubyte", IdxContent::images, 0xe4ca5f57},
    {"t10k-labels", "idx1-ubyte", IdxContent::labels, 0xee8604d9},
}};

// Where a role's file is, or nothing. A folder of that name is not it: some archives unpack so.
std::optional<fs::path> find_file(const fs::path& folder, const FileRole& role) {
  for (const char* ending : {"", ".gz"}) {
    for (const char* separator : {"-", "."}) {
      const fs::path path =
          folder / fmt::format("{}{}{}{}", role.stem, separator, role.suffix, ending);
      std::error_code error;
      const fs::file_status status = fs::status(path, error);
      const bool unreachable = status.type() == fs::file_type::none;
      if (unreachable || (fs::exists(status) && !fs::is_directory(status))) return path;
    }
  }
  return std::nullopt;
}

void check_folder(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found)
    fail(ErrorKind::data,
         "{}: there is no such folder; name one that holds IDX files, or run tools/get_mnist",
         folder.string());
  if (status.type() == fs::file_type::none)
    fail(ErrorKind::data, "{}: cannot be looked into ({}); check the path and its permissions",
         folder.string(), error.message());
  if (!fs::is_directory(status))
    fail(ErrorKind::data, "{}: is not a folder; name the folder that holds the four IDX files",
         folder.string());
}

std::array<fs::path, 4> find_files(const fs::path& folder) {
  check_folder(folder);
  std::array<fs::path, 4> paths;
  std::vector<std::string> missing;
  for (size_t i = 0; i < kRoles.size(); ++i) {
    if (const auto path = find_file(folder, kRoles[i]))
      paths[i] = *path;
    else
      missing.push_back(fmt::format("{}-{}", kRoles[i].stem, kRoles[i].suffix));
  }
  if (!missing.empty())
    fail(ErrorKind::data,
         "{}: lacks {} (raw or .gz); add what is missing, or run tools/get_mnist for MNIST",
         folder.string(), fmt::join(missing, ", "));
  return paths;
}

// Inflating the training images takes longest; the other three files hide behind it.
std::array<IdxFile, 4> read_files(const std::array<fs::path, 4>& paths) {
  std::array<std::future<IdxFile>, 4> readers;
  for (size_t i = 0; i < paths.size(); ++i)
    readers[i] = std::async(std::launch::async, read_idx, paths[i], kRoles[i].content);
  std::array<IdxFile, 4> files;
  for (size_t i = 0; i < paths.size(); ++i) files[i] = readers[i].get();
  return files;
}

// Height, width and channels.
std::array<int64_t, 3> image_size(const IdxFile& images) {
  const auto& extents = images.extents;
  return {extents[1], extents[2], extents.size() == 4 ? extents[3] : 1};
}

void check_pair(const IdxFile& images, const IdxFile& labels) {
  if (images.extents[0] != labels.extents[0])
    fail(ErrorKind::data,
         "{}: holds {} labels for the {} images of {}; both files must come from the same set",
         labels.path.string(), labels.extents[0], images.extents[0], images.path.string());
}

void check_same_size(const IdxFile& train, const IdxFile& test) {
  const auto train_size = image_size(train), test_size = image_size(test);
  if (train_size != test_size)
    fail(ErrorKind::data,
         "{}: its images are {} (height x width x channels), but those of {} are {}; both files "
         "must come from the same set",
         test.path.string(), fmt::join(test_size, "x"), train.path.string(),
         fmt::join(train_size, "x"));
}

int64_t count_classes(const fs::path& folder, const IdxFile& train, const IdxFile& test) {
  const int64_t classes = 1 + std::max(*std::max_element(train.values.begin(), train.values.end()),
                                       *std::max_element(test.values.begin(), test.values.end()));
  if (classes < 2)
    fail(ErrorKind::data,
         "{}: every label is 0, but training needs at least two classes; check the label files",
         folder.string());
  return classes;
}

/// CRC-32, each thread its pieces.
uint32_t checksum_of(const std::vector<uint8_t>& values) {
  constexpr size_t kPiece = size_t{1} << 20;
  std::vector<uLong> sums((values.size() + kPiece - 1) / kPiece);
  const auto length = [&](size_t piece) {
    return std::min(kPiece, values.size() - piece * kPiece);
  };
  parallel_for(static_cast<int64_t>(sums.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      sums[i] = crc32_z(0, values.data() + i * kPiece, length(i));
  });
  uLong whole = 0;
  for (size_t i = 0; i < sums.size(); ++i)
    whole = crc32_combine(whole, sums[i], static_cast<z_off_t>(length(i)));
  return static_cast<uint32_t>(whole);
}

bool is_mnist(const std::array<IdxFile, 4>& files) {
  if (files[0].extents != std::vector<int64_t>{60000, 28, 28}) return false;
  for (size_t i = files.size(); i-- > 0;) {  // small files first
    if (checksum_of(files[i].values) != kRoles[i].mnist_checksum) return false;
  }
  return true;
}

std::string name_of(const fs::path& folder, const std::array<IdxFile, 4>& files) {
  if (is_mnist(files)) return "mnist";
  const fs::path full = fs::absolute(folder).lexically_normal();
  const std::string name = (full.has_filename() ? full : full.parent_path()).filename().string();
  return name == "mnist" ? "mnist (not the original)" : name;
}

ImageSet make_set(IdxFile images, IdxFile labels) {
  return {.count = images.extents[0],
          .images = std::move(images.values),
          .labels = std::move(labels.values)};
}

}  // namespace

Dataset load_idx(const fs::path& folder) {
  std::array<IdxFile, 4> files = read_files(find_files(folder));
  auto& [train_images, train_labels, test_images, test_labels] = files;
  check_pair(train_images, train_labels);
  check_pair(test_images, test_labels);
  check_same_size(train_images, test_images);

  Dataset set{.name = name_of(folder, files), .source = folder.string(), .train = {}, .test = {}};
  const auto size = image_size(train_images);
  set.height = size[0], set.width = size[1], set.channels = size[2];
  set.classes = count_classes(folder, train_labels, test_labels);
  set.train = make_set(std::move(train_images), std::move(train_labels));
  set.test = make_set(std::move(test_images), std::move(test_labels));
  return set;
}

bool holds_idx(const fs::path& folder) {
  return std::all_of(kRoles.begin(), kRoles.end(), [&](const FileRole& role) {
    const auto path = find_file(folder, role);
    std::error_code error;
    return path && fs::exists(*path, error);
  });
}

std::optional<fs::path> find_idx(std::span<const fs::path> folders) {
  const auto found = std::find_if(folders.begin(), folders.end(), holds_idx);
  return found == folders.end() ? std::nullopt : std::optional(*found);
}

std::vector<fs::path> mnist_folders() {
  std::vector<fs::path> roots = {"."};
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!ignored) roots.push_back(program.parent_path().parent_path());
  std::vector<fs::path> folders;
  for (const char* place : {"data/mnist", "../shared/mnist"})
    for (const fs::path& root : roots) folders.push_back((root / place).lexically_normal());
  return folders;
}

}  // namespace strata::nn
