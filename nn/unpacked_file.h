// The bytes of a file, inflated on the way if it is gzipped. Whether it is shows in its first two
// bytes, not in its name: browsers and mirrors unpack or rename files as they please.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <vector>

struct z_stream_s;

namespace strata::nn {

class UnpackedFile {
 public:
  /// Throws `data` if the file cannot be opened or is empty.
  explicit UnpackedFile(std::filesystem::path path);

  /// Fills `to` from the front and returns how many bytes it wrote: fewer than asked only at the
  /// end of the file. The gzip checksum has been verified once a read has come back short. Throws
  /// `data` on a read error and on a gzip stream that is cut off, damaged or followed by something
  /// else.
  size_t read(std::span<uint8_t> to);

 private:
  struct InflateEnd {
    void operator()(z_stream_s* stream) const;
  };

  size_t read_disk(std::span<uint8_t> to);
  size_t read_plain(std::span<uint8_t> to);
  size_t inflate(std::span<uint8_t> to);
  void start_inflating();
  void refill();
  void end_member();

  std::filesystem::path path_;
  std::ifstream file_;
  std::vector<uint8_t> buffer_;                     // what was read from disk last
  std::span<uint8_t> pending_;                      // the part of it that no read has taken yet
  std::unique_ptr<z_stream_s, InflateEnd> stream_;  // null: the file is not gzipped
  uint64_t unpacked_ = 0;
  bool ended_ = false;
};

}  // namespace strata::nn
