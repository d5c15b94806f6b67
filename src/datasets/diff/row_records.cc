#include "datasets/diff/row_records.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace slipway::datasets {
namespace {

constexpr std::size_t kBlockBytesMax = 64u << 10;

// A file that is gone when it is closed, however this process ends.
Result<store::FileHandle> open_nameless(const std::filesystem::path& folder) {
  std::string name = (folder / "rows-XXXXXX").string();
  store::FileHandle file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0) return store::errno_error(errno, "a temporary file", folder);
  ::unlink(name.c_str());
  return file;
}

}  // namespace

RowRecords::RowRecords(Options options)
    : width_(kRecordWords + options.cells),
      part_bits_(static_cast<unsigned>(std::countr_zero(options.parts))),
      folder_(std::move(options.folder)) {
  CHECK(std::has_single_bit(options.parts));
  parts_.resize(options.parts);
  // Half of the memory for the blocks that are written, if they'd be smaller else.
  const std::size_t bytes = std::min(options.memory_max / (2 * options.parts), kBlockBytesMax);
  block_words_ = std::max<std::size_t>(bytes / (width_ * sizeof(std::uint32_t)), 1) * width_;
  blocks_left_ =
      std::max(options.memory_max / (block_words_ * sizeof(std::uint32_t)), options.parts);
  blocks_left_ -= options.parts;  // one a part is always there
}

Result<std::span<std::uint32_t>> RowRecords::add(const RowRecord& record) {
  PartBlocks& part = parts_[part_of(record.key)];
  if (part.open == nullptr || part.words == block_words_) TRY(put_away(part));
  std::uint32_t* const at = part.open.get() + part.words;
  std::memcpy(at, &record, sizeof(record));
  part.words += width_;
  ++part.records;
  return std::span(at + kRecordWords, width_ - kRecordWords);
}

Result<void> RowRecords::put_away(PartBlocks& part) {
  const auto fresh = [this] {
    return std::make_unique_for_overwrite<std::uint32_t[]>(block_words_);
  };
  if (part.open == nullptr) {
    part.open = fresh();
    return {};
  }
  if (blocks_left_ > 0) {
    --blocks_left_;
    part.full.push_back(std::exchange(part.open, fresh()));
    part.words = 0;
    return {};
  }
  if (!file_) file_.emplace(TRY(open_nameless(folder_)));
  const char* const bytes = reinterpret_cast<const char*>(part.open.get());
  const std::size_t size = block_words_ * sizeof(std::uint32_t);
  for (std::size_t done = 0; done < size;) {
    const ssize_t some = ::pwrite(file_->get(), bytes + done, size - done,
                                  file_bytes_ + static_cast<std::int64_t>(done));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return store::errno_error(errno, "a temporary file of rows", folder_);
    done += static_cast<std::size_t>(some);
  }
  part.in_file.push_back(file_bytes_);
  file_bytes_ += static_cast<std::int64_t>(size);
  part.words = 0;
  return {};
}

Result<void> RowRecords::read(std::size_t at, Part& out) const {
  const PartBlocks& part = parts_[at];
  out.width_ = width_;
  out.words_.resize(static_cast<std::size_t>(part.records) * width_);
  std::uint32_t* to = out.words_.data();
  const std::size_t size = block_words_ * sizeof(std::uint32_t);
  for (const Block& block : part.full) {
    std::memcpy(to, block.get(), size);
    to += block_words_;
  }
  for (const std::int64_t begin : part.in_file) {
    for (std::size_t done = 0; done < size;) {
      const ssize_t some = ::pread(file_->get(), reinterpret_cast<char*>(to) + done, size - done,
                                   begin + static_cast<std::int64_t>(done));
      if (some < 0 && errno == EINTR) continue;
      if (some < 0) return store::errno_error(errno, "a temporary file of rows", folder_);
      if (some == 0) {
        return base::error(Code::kCorruption, "a temporary file of rows is cut short: folder={}",
                           folder_.string());
      }
      done += static_cast<std::size_t>(some);
    }
    to += block_words_;
  }
  if (part.words > 0) std::memcpy(to, part.open.get(), part.words * sizeof(std::uint32_t));
  return {};
}

RowRecord RowRecords::Part::record(std::size_t at) const {
  RowRecord record;
  std::memcpy(static_cast<void*>(&record), words_.data() + at * width_, sizeof(record));
  return record;
}

std::uint64_t RowRecords::Part::first_key(std::size_t at) const {
  std::uint64_t first = 0;
  std::memcpy(&first,
              words_.data() + at * width_ + offsetof(RowRecord, key) / sizeof(std::uint32_t),
              sizeof(first));
  return first;
}

}  // namespace slipway::datasets
