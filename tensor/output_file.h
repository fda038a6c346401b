// A file that is written whole or not at all.
#pragma once

#include <filesystem>
#include <string>

namespace strata {

class OutputFile {
 public:
  /// `flag` is the one that named the file, for messages; an empty file name: nothing is written.
  /// Throws `usage` when the file cannot be written, before any time is spent on its content.
  OutputFile(std::string flag, const std::string& file);

  /// Writes beside the file and renames, so that a full disk leaves no half of it. Throws `usage`.
  void write(const std::string& text) const;

 private:
  std::string flag_;
  std::filesystem::path file_;
  bool in_place_ = false;  // a device or a pipe, which cannot be replaced
};

}  // namespace strata
