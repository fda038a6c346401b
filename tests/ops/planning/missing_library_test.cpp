// What is said when a library of the stack is missing, broken or not what its name says: needs no
// GPU.
#include <gtest/gtest.h>

#include "tensor/shared_library.h"
#include "tests/support/compare.h"
#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

/// The C library stands in for a cuDNN that lacks a function.
struct NotCudnn : SharedLibrary {
  NotCudnn() : SharedLibrary("cuDNN", "libc.so.6") { load<void (*)()>("cudnnBackendExecute"); }
};

TEST(MissingLibraryTest, NamesTheLayerTheFileAndTheWayOut) {
  EXPECT_TRUE(fails(ErrorKind::device,
                    "cuDNN: libcudnn.so.0 cannot be opened (libcudnn.so.0: cannot",
                    [] { SharedLibrary("cuDNN", "libcudnn.so.0"); }));
  EXPECT_TRUE(fails(ErrorKind::device, "add its folder to LD_LIBRARY_PATH, or use --kernels own",
                    [] { SharedLibrary("cuBLASLt", "libcublasLt.so.0"); }));
}

TEST(MissingLibraryTest, ATruncatedFile) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "libcudnn.so.9";
  write_bytes(file, {0x7f, 'E', 'L', 'F'});
  EXPECT_TRUE(fails(ErrorKind::device, "file too short",
                    [&] { SharedLibrary("cuDNN", file.c_str()); }));
}

TEST(MissingLibraryTest, ALibraryWithoutTheFunction) {
  EXPECT_TRUE(
      fails(ErrorKind::device, "has no function cudnnBackendExecute", [] { NotCudnn library; }));
}

}  // namespace
}  // namespace strata::test
