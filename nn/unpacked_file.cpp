// zlib's streaming inflate, straight into the caller's memory.
#include "nn/unpacked_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "tensor/error.h"

namespace strata::nn {
namespace {

constexpr size_t kDiskChunk = size_t{256} << 10;
constexpr size_t kInflateChunk = size_t{1} << 30;  // zlib counts in 32 bits
constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr uint8_t kGzipMagic[2] = {0x1f, 0x8b};

}  // namespace

void UnpackedFile::InflateEnd::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

UnpackedFile::UnpackedFile(std::filesystem::path path) : path_(std::move(path)) {
  errno = 0;
  file_.open(path_, std::ios::binary);
  if (!file_)
    fail(ErrorKind::data, "{}: cannot be opened ({}); check the path and its permissions",
         path_.string(), std::generic_category().message(errno));
  buffer_.resize(kDiskChunk);
  refill();
  if (pending_.empty())
    fail(ErrorKind::data, "{}: the file is empty; get it again (tools/get_mnist fetches MNIST)",
         path_.string());
  if (pending_.size() >= 2 && std::equal(kGzipMagic, kGzipMagic + 2, pending_.begin()))
    start_inflating();
}

size_t UnpackedFile::read(std::span<uint8_t> to) {
  const size_t count = stream_ ? inflate(to) : read_plain(to);
  unpacked_ += count;
  return count;
}

size_t UnpackedFile::read_disk(std::span<uint8_t> to) {
  errno = 0;
  file_.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
  if (file_.bad())
    fail(ErrorKind::data, "{}: cannot be read ({}); copy or fetch the file again", path_.string(),
         std::generic_category().message(errno));
  return static_cast<size_t>(file_.gcount());
}

size_t UnpackedFile::read_plain(std::span<uint8_t> to) {
  const size_t buffered = std::min(to.size(), pending_.size());
  std::copy_n(pending_.begin(), buffered, to.begin());
  pending_ = pending_.subspan(buffered);
  return buffered + read_disk(to.subspan(buffered));
}

void UnpackedFile::start_inflating() {
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), kGzipOnly) != Z_OK) throw std::bad_alloc();
  stream_.reset(stream.release());
}

void UnpackedFile::refill() {
  pending_ = std::span(buffer_).first(read_disk(buffer_));
}

size_t UnpackedFile::inflate(std::span<uint8_t> to) {
  size_t done = 0;
  while (done < to.size() && !ended_) {
    if (pending_.empty()) refill();
    const size_t room = std::min(to.size() - done, kInflateChunk);
    stream_->next_in = pending_.data();
    stream_->avail_in = static_cast<uInt>(pending_.size());
    stream_->next_out = to.data() + done;
    stream_->avail_out = static_cast<uInt>(room);
    const int status = ::inflate(stream_.get(), Z_NO_FLUSH);
    done += room - stream_->avail_out;
    pending_ = pending_.last(stream_->avail_in);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_STREAM_END) {
      end_member();
    } else if (status == Z_BUF_ERROR) {  // no progress: zlib wants input, and the disk has none
      fail(ErrorKind::data,
           "{}: the gzip stream is cut off after {} unpacked bytes; get the file again "
           "(tools/get_mnist fetches MNIST)",
           path_.string(), unpacked_ + done);
    } else if (status != Z_OK) {
      fail(ErrorKind::data,
           "{}: the gzip stream is damaged near unpacked byte {} ({}); get the file again "
           "(tools/get_mnist fetches MNIST)",
           path_.string(), unpacked_ + done, stream_->msg ? stream_->msg : "no details");
    }
  }
  return done;
}

// A gzip file is one or more members (RFC 1952, section 2.2).
void UnpackedFile::end_member() {
  if (pending_.empty()) refill();
  if (pending_.empty()) {
    ended_ = true;
  } else if (pending_[0] == kGzipMagic[0]) {
    inflateReset(stream_.get());
  } else {
    fail(ErrorKind::data,
         "{}: something that is not gzip follows the gzip stream; get the file again "
         "(tools/get_mnist fetches MNIST)",
         path_.string());
  }
}

}  // namespace strata::nn
