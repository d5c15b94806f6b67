// What is kept of every row until its twin is found: in memory up to a limit, then in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "store/file_system.h"

namespace slipway::datasets {

struct RowKey {
  std::uint64_t first = 0, second = 0;
  bool operator==(const RowKey&) const = default;
};

// One row: its key and its content as hashes, where it is, and the hash of each compared cell.
struct RowRecord {
  RowKey key;
  std::uint64_t content = 0;
  std::int64_t row = 0;
  // After it in memory: 32 bits of each cell.
};

// Records of one table in parts by their keys: what has the same key is in the same part of both
// tables. One thread writes; then several may read different parts.
class RowRecords {
 public:
  struct Options {
    std::size_t parts = 1;               // a power of two
    std::size_t cells = 0;               // of a record
    std::size_t memory_max = 64u << 20;  // bytes; at least a record a part
    std::filesystem::path folder;        // where the file is, without a name
  };
  explicit RowRecords(Options options);

  // In which part a key is.
  std::size_t part_of(const RowKey& key) const {
    return part_bits_ == 0 ? 0 : key.first >> (64 - part_bits_);
  }
  // Where the cells' hashes go, until the next call. Rows of one part after the other are quicker.
  // kStorageFull and what else the system says of the file.
  Result<std::span<std::uint32_t>> add(const RowRecord& record);

  // All of a part.
  class Part {
   public:
    std::size_t size() const { return words_.size() / width_; }
    RowRecord record(std::size_t at) const;
    std::uint64_t first_key(std::size_t at) const;
    void prefetch(std::size_t at) const { __builtin_prefetch(words_.data() + at * width_); }
    std::span<const std::uint32_t> cells(std::size_t at) const {
      return std::span(words_).subspan(at * width_ + kRecordWords, width_ - kRecordWords);
    }

   private:
    friend class RowRecords;
    std::size_t width_ = kRecordWords;
    std::vector<std::uint32_t> words_;
  };
  std::size_t parts() const { return parts_.size(); }
  std::int64_t size(std::size_t part) const { return parts_[part].records; }
  std::size_t cells() const { return width_ - kRecordWords; }
  static constexpr std::int64_t record_bytes(std::size_t cells) {
    return static_cast<std::int64_t>(sizeof(RowRecord) + cells * sizeof(std::uint32_t));
  }
  std::int64_t bytes_in_file() const { return file_bytes_; }
  // Takes the place of what `part` had. kCorruption: the file is shorter than it was.
  Result<void> read(std::size_t at, Part& part) const;

 private:
  static constexpr std::size_t kRecordWords = sizeof(RowRecord) / sizeof(std::uint32_t);
  using Block = std::unique_ptr<std::uint32_t[]>;
  struct PartBlocks {
    Block open;             // that is written
    std::size_t words = 0;  // of it
    std::vector<Block> full;
    std::vector<std::int64_t> in_file;  // where full blocks begin
    std::int64_t records = 0;
  };

  // Makes room in a part's open block. Errors as add().
  Result<void> put_away(PartBlocks& part);

  const std::size_t width_;  // words of a record
  const unsigned part_bits_;
  std::size_t block_words_;  // a multiple of it
  std::size_t blocks_left_;  // that may be taken still
  const std::filesystem::path folder_;
  std::optional<store::FileHandle> file_;  // when it is needed
  std::int64_t file_bytes_ = 0;
  std::vector<PartBlocks> parts_;
};

}  // namespace slipway::datasets
