// Everything that can be wrong with an IDX folder: one clear line each, and no crash.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/idx.h"
#include "tensor/error.h"
#include "tests/support/idx_files.h"

namespace strata::nn {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
using test::gzipped;
using test::idx_bytes;
using test::kTestImages;
using test::kTestLabels;
using test::kTrainImages;
using test::kTrainLabels;
using test::write_bytes;
using test::write_idx_folder;

class IdxErrors : public ::testing::Test {
 protected:
  fs::path folder() const { return folder_.path(); }
  fs::path file(const std::string& name) const { return folder() / name; }

  // Loading must fail with one line that has all of `parts`.
  void expect_error(const fs::path& path, const std::vector<std::string>& parts) const {
    try {
      load_idx(path);
      ADD_FAILURE() << "loaded " << path;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(error.kind(), ErrorKind::data) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      for (const std::string& part : parts)
        EXPECT_NE(message.find(part), std::string::npos) << "no '" << part << "' in: " << message;
    }
  }
  void expect_error(const std::vector<std::string>& parts) const { expect_error(folder(), parts); }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(IdxErrors, MissingFolder) {
  expect_error(file("nowhere"), {"nowhere", "no such folder", "tools/get_mnist"});
}

TEST_F(IdxErrors, FolderIsAFile) {
  write_bytes(file("data"), {1});
  expect_error(file("data"), {"data", "not a folder"});
}

TEST_F(IdxErrors, UnreachableFolder) {
  fs::create_directory_symlink("circle", file("circle"));  // holds for root too
  expect_error(file("circle"), {"circle", "cannot be looked into"});
}

TEST_F(IdxErrors, UnreachableFile) {
  write_idx_folder(folder());
  fs::remove(file(kTestLabels));
  fs::create_symlink(kTestLabels, file(kTestLabels));
  expect_error({kTestLabels, "cannot be opened", "symbolic links"});
}

TEST_F(IdxErrors, UnreadableFile) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads every file";
  write_idx_folder(folder());
  fs::permissions(file(kTrainLabels), fs::perms::none);
  expect_error({kTrainLabels, "cannot be opened", "Permission denied"});
}

TEST_F(IdxErrors, MissingFileIsNamed) {
  for (const char* name : {kTrainImages, kTrainLabels, kTestImages, kTestLabels}) {
    write_idx_folder(folder());
    fs::remove(file(name));
    expect_error({folder(), name, "lacks", "tools/get_mnist"});
  }
}

TEST_F(IdxErrors, AllMissingFilesAreNamed) {
  expect_error({kTrainImages, kTrainLabels, kTestImages, kTestLabels});
}

TEST_F(IdxErrors, EmptyFile) {
  write_idx_folder(folder());
  write_bytes(file(kTrainLabels), {});
  expect_error({kTrainLabels, "is empty"});
}

TEST_F(IdxErrors, EmptyContentInsideGzip) {
  write_idx_folder(folder());
  write_bytes(file(kTrainLabels), gzipped({}));
  expect_error({kTrainLabels, "ends inside the IDX header"});
}

TEST_F(IdxErrors, HeaderCutOff) {
  write_idx_folder(folder());
  Bytes bytes = test::read_bytes(file(kTestImages));
  for (const size_t size : {1, 3, 4, 15}) {
    write_bytes(file(kTestImages), {bytes.begin(), bytes.begin() + size});
    expect_error({kTestImages, "ends inside the IDX header"});
  }
}

TEST_F(IdxErrors, TruncatedGzip) {
  write_idx_folder(folder(), {.gzip = true});
  const fs::path path = file(std::string(kTrainImages) + ".gz");
  const Bytes whole = test::read_bytes(path);
  // Inside gzip's header, the data, and the checksum that ends it.
  for (const size_t size : {size_t{2}, size_t{9}, whole.size() / 2, whole.size() - 1}) {
    write_bytes(path, {whole.begin(), whole.begin() + size});
    expect_error({path, "cut off"});
  }
}

TEST_F(IdxErrors, CorruptGzipData) {
  write_idx_folder(folder(), {.gzip = true});
  const fs::path path = file(std::string(kTestImages) + ".gz");
  Bytes bytes = test::read_bytes(path);
  std::fill(bytes.begin() + 10, bytes.end(), uint8_t{0xff});  // 0xff begins no block
  write_bytes(path, bytes);
  expect_error({path, "damaged", "invalid block type"});
}

TEST_F(IdxErrors, CorruptGzipChecksum) {
  write_idx_folder(folder(), {.gzip = true});
  const fs::path path = file(std::string(kTestImages) + ".gz");
  Bytes bytes = test::read_bytes(path);
  bytes[bytes.size() - 5] ^= 1;  // the last byte of the CRC-32; the unpacked length follows it
  write_bytes(path, bytes);
  expect_error({path, "damaged", "incorrect data check"});
}

TEST_F(IdxErrors, SomethingAfterTheGzipStream) {
  write_idx_folder(folder(), {.gzip = true});
  const fs::path path = file(std::string(kTestLabels) + ".gz");
  Bytes bytes = test::read_bytes(path);
  bytes.push_back('x');
  write_bytes(path, bytes);
  expect_error({path, "follows the gzip stream"});
}

TEST_F(IdxErrors, WrongMagic) {
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), {'<', '!', 'D', 'O', 'C'});
  expect_error({kTrainImages, "not an IDX file", "3c 21 44 4f"});
  write_bytes(file(kTrainImages), {0, 0, 7, 3, 0, 0, 0, 0});  // no such type
  expect_error({kTrainImages, "not an IDX file", "00 00 07 03"});
}

TEST_F(IdxErrors, AnotherType) {
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), idx_bytes({1, 2, 2}, Bytes(16), 0x0D));
  expect_error({kTrainImages, "float32", "0x0d", "uint8"});
}

TEST_F(IdxErrors, AnotherRank) {
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), idx_bytes({2, 2}, Bytes(4)));
  expect_error({kTrainImages, "rank 2", "images have rank 3"});
  write_idx_folder(folder());
  write_bytes(file(kTrainLabels), idx_bytes({40, 1}, Bytes(40)));
  expect_error({kTrainLabels, "rank 2", "labels have rank 1"});
}

TEST_F(IdxErrors, SwappedFiles) {
  write_idx_folder(folder());
  fs::rename(file(kTrainImages), file("aside"));
  fs::rename(file(kTrainLabels), file(kTrainImages));
  fs::rename(file("aside"), file(kTrainLabels));
  expect_error({kTrainImages, "rank 1", "right name"});
}

TEST_F(IdxErrors, CountsDiffer) {
  write_idx_folder(folder());
  write_bytes(file(kTestLabels), idx_bytes({19}, Bytes(19, 1)));
  expect_error({kTestLabels, kTestImages, "19 labels", "20 images"});
}

TEST_F(IdxErrors, ExtentsOverflow) {
  write_idx_folder(folder());
  const uint32_t most = 0xffffffff;
  write_bytes(file(kTrainImages), idx_bytes({most, most, most, most}, {}));
  expect_error({kTrainImages, "4294967295x4294967295", "overflow"});
  // 2^64 exactly: a product that wraps round to zero.
  write_bytes(file(kTrainImages), idx_bytes({1u << 31, 1u << 31, 4}, {}));
  expect_error({kTrainImages, "2147483648x2147483648x4", "overflow"});
}

int64_t peak_memory_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST_F(IdxErrors, HeaderClaimsMoreThanTheFileHolds) {
  const Bytes liar = idx_bytes({60000, 1000, 1000}, Bytes(100));
  const int64_t before = peak_memory_kib();
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), liar);
  expect_error({kTrainImages, "60000x1000x1000 = 60000000000", "only 100"});
  write_bytes(file(kTrainImages), gzipped(liar));
  expect_error({kTrainImages, "60000x1000x1000 = 60000000000", "only 100"});
  // The claim is 60 GB; one piece of the reader's memory is 64 MiB.
  EXPECT_LT(peak_memory_kib() - before, 512 * 1024);
}

TEST_F(IdxErrors, OneByteShort) {
  write_idx_folder(folder());
  fs::resize_file(file(kTestLabels), 8 + 19);
  expect_error({kTestLabels, "claims 20 values", "only 19"});
}

TEST_F(IdxErrors, TrailingBytes) {
  write_idx_folder(folder());
  write_bytes(file(kTestLabels), idx_bytes({20}, Bytes(21, 1)));
  expect_error({kTestLabels, "more bytes follow the 20 values"});
  write_bytes(file(kTestLabels), gzipped(idx_bytes({20}, Bytes(21, 1))));
  expect_error({kTestLabels, "more bytes follow the 20 values"});
}

TEST_F(IdxErrors, ZeroImages) {
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), idx_bytes({0, 8, 6}, {}));
  expect_error({kTrainImages, "holds nothing", "0x8x6"});
}

TEST_F(IdxErrors, ImagesOfNoWidth) {
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), idx_bytes({40, 8, 0}, {}));
  expect_error({kTrainImages, "holds nothing", "40x8x0"});
}

TEST_F(IdxErrors, SplitsOfDifferentSize) {
  write_idx_folder(folder());
  write_bytes(file(kTestImages), idx_bytes({20, 6, 8}, Bytes(20 * 48)));
  expect_error({kTestImages, kTrainImages, "6x8x1", "8x6x1"});
}

TEST_F(IdxErrors, OnlyOneClass) {
  write_idx_folder(folder(), {.classes = 1});
  expect_error({folder(), "every label is 0", "two classes"});
}

}  // namespace
}  // namespace strata::nn
