// Reading IDX folders that are sound, in all the shapes and names that they come in.
#include "nn/idx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

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

class IdxTest : public ::testing::Test {
 protected:
  fs::path folder() const { return folder_.path(); }
  fs::path file(const std::string& name) const { return folder() / name; }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(IdxTest, ReadsEveryByteOfATinySet) {
  write_bytes(file(kTrainImages), idx_bytes({2, 1, 3}, {1, 2, 3, 4, 5, 255}));
  write_bytes(file(kTrainLabels), idx_bytes({2}, {0, 6}));
  write_bytes(file(kTestImages), idx_bytes({1, 1, 3}, {7, 8, 9}));
  write_bytes(file(kTestLabels), idx_bytes({1}, {2}));
  const Dataset set = load_idx(folder());
  EXPECT_EQ(set.height, 1);
  EXPECT_EQ(set.width, 3);
  EXPECT_EQ(set.channels, 1);
  EXPECT_EQ(set.classes, 7);  // the largest label is 6
  EXPECT_EQ(set.train.count, 2);
  EXPECT_EQ(set.train.images, (Bytes{1, 2, 3, 4, 5, 255}));
  EXPECT_EQ(set.train.labels, (Bytes{0, 6}));
  EXPECT_EQ(set.test.count, 1);
  EXPECT_EQ(set.test.images, (Bytes{7, 8, 9}));
  EXPECT_EQ(set.test.labels, (Bytes{2}));
  EXPECT_EQ(set.name, folder().filename());
  EXPECT_EQ(set.source, folder());
}

TEST_F(IdxTest, ClassesCountTheLabelsOfBothSplits) {
  write_idx_folder(folder());
  write_bytes(file(kTestLabels), idx_bytes({20}, Bytes(20, 255)));
  EXPECT_EQ(load_idx(folder()).classes, 256);
}

TEST_F(IdxTest, ReadsChannelsFromRankFour) {
  write_idx_folder(folder(), {.height = 5, .width = 7, .channels = 3});
  const Dataset set = load_idx(folder());
  EXPECT_EQ(set.height, 5);
  EXPECT_EQ(set.width, 7);
  EXPECT_EQ(set.channels, 3);
  EXPECT_EQ(set.train.images.size(), 40u * 5 * 7 * 3);
}

// A trailing slash, "." and a folder named "mnist" with another content must not mislead the name.
TEST_F(IdxTest, TakesItsNameFromTheFolder) {
  write_idx_folder(file("fashion"));
  write_idx_folder(file("mnist"));
  EXPECT_EQ(load_idx(file("fashion/")).name, "fashion");
  EXPECT_EQ(load_idx(file("fashion/.")).name, "fashion");
  EXPECT_EQ(load_idx(file("mnist")).name, "mnist (not the original)");
}

TEST_F(IdxTest, GzippedAndRawFilesGiveTheSameSet) {
  write_idx_folder(file("raw"));
  write_idx_folder(file("gz"), {.gzip = true});
  const Dataset raw = load_idx(file("raw")), gz = load_idx(file("gz"));
  ASSERT_EQ(raw.train.count, 40);
  EXPECT_EQ(raw.train.images, gz.train.images);
  EXPECT_EQ(raw.train.labels, gz.train.labels);
  EXPECT_EQ(raw.test.images, gz.test.images);
  EXPECT_EQ(raw.test.labels, gz.test.labels);
}

TEST_F(IdxTest, PrefersTheRawFile) {
  write_idx_folder(folder());
  write_bytes(file(std::string(kTrainImages) + ".gz"), {1, 2, 3});
  EXPECT_EQ(load_idx(folder()).train.count, 40);
}

TEST_F(IdxTest, AcceptsDottedNames) {
  write_idx_folder(folder());
  fs::rename(file(kTrainImages), file("train-images.idx3-ubyte"));
  fs::rename(file(kTestLabels), file("t10k-labels.idx1-ubyte"));
  EXPECT_EQ(load_idx(folder()).test.count, 20);
}

// Browsers unpack downloads and keep the name, and the reverse.
TEST_F(IdxTest, LooksAtTheContentNotAtTheEnding) {
  write_idx_folder(folder());
  write_bytes(file(kTrainImages), gzipped(test::read_bytes(file(kTrainImages))));
  fs::rename(file(kTestImages), file(std::string(kTestImages) + ".gz"));
  EXPECT_EQ(load_idx(folder()).train.images.size(), 40u * 8 * 6);
}

// Some archives unpack to a folder of the file's name that holds the file.
TEST_F(IdxTest, PassesOverFoldersOfTheFilesName) {
  write_idx_folder(folder(), {.gzip = true});
  fs::create_directory(file(kTrainImages));
  EXPECT_EQ(load_idx(folder()).train.count, 40);
}

TEST_F(IdxTest, ReadsSeveralGzipMembers) {
  write_idx_folder(folder());
  const Bytes whole = test::read_bytes(file(kTrainImages));
  Bytes packed = gzipped({whole.begin(), whole.begin() + 100});
  const Bytes rest = gzipped({whole.begin() + 100, whole.end()});
  packed.insert(packed.end(), rest.begin(), rest.end());
  const Dataset raw = load_idx(folder());
  write_bytes(file(kTrainImages), packed);
  EXPECT_EQ(load_idx(folder()).train.images, raw.train.images);
}

// Larger than the reader's pieces of disk and of memory, so that both loops turn.
TEST_F(IdxTest, ReadsFilesLargerThanOnePiece) {
  write_idx_folder(folder());
  constexpr uint32_t kCount = 1100, kSide = 250;  // 65.6 MiB
  Bytes values(kCount * kSide * kSide);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i >> 12);
  uint32_t state = 1;  // noise, which gzip cannot shrink: more than one piece of disk
  for (size_t i = 0; i < size_t{1} << 20; ++i)
    values[i] = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  write_bytes(file(kTrainImages), gzipped(idx_bytes({kCount, kSide, kSide}, values)));
  write_bytes(file(kTestImages), idx_bytes({kCount, kSide, kSide}, values));
  Bytes labels(kCount, 1);
  write_bytes(file(kTrainLabels), idx_bytes({kCount}, labels));
  write_bytes(file(kTestLabels), idx_bytes({kCount}, labels));
  const Dataset set = load_idx(folder());
  EXPECT_TRUE(set.train.images == values);
  EXPECT_TRUE(set.test.images == values);
}

TEST_F(IdxTest, FindsTheFirstFolderThatHoldsAllFour) {
  fs::create_directory(file("empty"));
  write_idx_folder(file("partial"));
  for (const char* name : {kTrainImages, kTrainLabels, kTestImages})
    fs::remove(file("partial") / name);
  write_idx_folder(file("whole"));
  const std::vector<fs::path> all = {file("missing"), file("empty"), file("partial"),
                                     file("whole")};
  EXPECT_EQ(find_idx(all), file("whole"));
  EXPECT_EQ(find_idx(std::span(all).first(3)), std::nullopt);
}

TEST(Mnist, IsLookedForBelowTheCurrentFolderFirst) {
  const std::vector<fs::path> folders = mnist_folders();
  ASSERT_EQ(folders.size(), 4u);
  EXPECT_EQ(folders[0], "data/mnist");
  EXPECT_EQ(folders[2], "../shared/mnist");
  EXPECT_TRUE(folders[1].is_absolute());
}

TEST(Mnist, HasItsKnownCounts) {
  const auto folder = find_idx(mnist_folders());
  if (!folder) GTEST_SKIP() << "MNIST is not here; tools/get_mnist fetches it";
  const Dataset set = load_idx(*folder);
  EXPECT_EQ(set.name, "mnist");
  EXPECT_EQ(set.train.count, 60000);
  EXPECT_EQ(set.test.count, 10000);
  EXPECT_EQ(set.height, 28);
  EXPECT_EQ(set.width, 28);
  EXPECT_EQ(set.channels, 1);
  EXPECT_EQ(set.classes, 10);
  EXPECT_EQ(std::count(set.test.labels.begin(), set.test.labels.end(), 5), 892);
  EXPECT_EQ(std::count(set.train.labels.begin(), set.train.labels.end(), 1), 6742);
}

}  // namespace
}  // namespace strata::nn
