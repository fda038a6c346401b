#include "tensor/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tensor/error.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_write(const std::string& flag, const fs::path& file, const char* reason) {
  fail(ErrorKind::usage, "{} {}: cannot be written ({})", flag, file.string(), reason);
}

/// An empty file with a name of its own in the same folder.
fs::path make_file_beside(const std::string& flag, const fs::path& file) {
  std::string name = file.string() + ".XXXXXX";
  const int descriptor = mkstemp(name.data());
  if (descriptor < 0) fail_to_write(flag, file, std::strerror(errno));
  fchmod(descriptor, 0644);  // mkstemp lets nobody else read it
  close(descriptor);
  return name;
}

}  // namespace

OutputFile::OutputFile(std::string flag, const std::string& file)
    : flag_(std::move(flag)), file_(file) {
  if (file.empty()) return;
  std::error_code ignored;
  const fs::file_status status = fs::status(file_, ignored);
  if (fs::is_directory(status))
    fail(ErrorKind::usage, "{} {}: is a folder; name a file", flag_, file);
  in_place_ = fs::exists(status) && !fs::is_regular_file(status);
  if (!in_place_) fs::remove(make_file_beside(flag_, file_), ignored);
}

void OutputFile::write(const std::string& text) const {
  if (file_.empty()) return;
  const fs::path path = in_place_ ? file_ : make_file_beside(flag_, file_);
  std::FILE* file = std::fopen(path.c_str(), "w");
  const bool written = file && std::fwrite(text.data(), 1, text.size(), file) == text.size() &&
                       std::fflush(file) == 0;
  const std::string reason = std::strerror(errno);
  if (file) std::fclose(file);
  std::error_code error;
  if (written && !in_place_) fs::rename(path, file_, error);
  if (written && !error) return;
  std::error_code ignored;
  if (!in_place_) fs::remove(path, ignored);
  fail_to_write(flag_, file_,
                written ? error.message().c_str() : (reason + "; the results above stand").c_str());
}

}  // namespace strata
