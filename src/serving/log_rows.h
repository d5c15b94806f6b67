// Rows of the request log as they wait to be written: packed one behind the other, so that a
// request pays for one copy of its row and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/timestamp.h"
#include "serving/tensor.h"
#include "types/frame.h"

namespace slipway::serving {

struct LoggedFeature {
  std::string name;
  bool is_text = false;
  bool operator==(const LoggedFeature&) const = default;
};

// Before the names of request columns that were kept though no model reads them.
inline constexpr std::string_view kRequestPrefix = "request.";

// The feature columns of an endpoint's rows, then the request's. Shared by all rows that have the
// same.
using LogSchema = std::vector<LoggedFeature>;

// Views of the request; what they point to need only outlive the call they are given to.
struct LogRow {
  std::string_view request_id, variant, role, error, traffic;
  std::int64_t revision = 0, model_version = 0, latency_us = 0;
  base::Timestamp event_time, arrival_time;
  double prediction = 0;    // NaN: none, or not a number; see `values` and `error`
  std::string_view values;  // JSON, of an answer that isn't one number
  // JSON of the rules that the inputs broke, by column; empty: none. No data(): nothing was
  // checked.
  std::string_view input_violations = {};
  // In the order of the schema, columns all; too few: missing. This row's values are at `row`.
  std::span<const InputView> features;
  std::size_t row = 0;
};

// Memory that packed rows are in, used again and again: fresh pages cost more than the rows' copy.
// Safe to use from several threads.
class LogBlocks {
 public:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0, used = 0;
  };
  Block take(std::size_t bytes_min);
  void give_back(Block block);

 private:
  base::Mutex mutex_;
  std::vector<Block> spare_ GUARDED_BY(mutex_);
};

// Rows of one endpoint and schema. One thread at a time.
class LogRows {
 public:
  LogRows(LogBlocks& blocks, std::shared_ptr<const LogSchema> schema);
  ~LogRows();
  LogRows(LogRows&&) noexcept = default;
  LogRows& operator=(LogRows&&) = delete;

  const std::shared_ptr<const LogSchema>& schema() const { return schema_; }
  std::size_t size() const { return rows_; }  // those not yet unpacked
  void append(const LogRow& row);
  // Moves the first `count` rows to the end of `frame`, which has the columns of empty_frame().
  void unpack(std::size_t count, const std::string& endpoint, types::Frame& frame);

  static types::Frame empty_frame(const LogSchema& schema);

 private:
  LogBlocks* blocks_;
  std::shared_ptr<const LogSchema> schema_;
  std::vector<LogBlocks::Block> packed_;
  std::size_t rows_ = 0;
  std::size_t block_ = 0, at_ = 0;  // of the next row to unpack
};

// The columns beside the features.
struct FixedLogColumn {
  const char* name;
  types::ColumnType type;
};
std::span<const FixedLogColumn> fixed_log_columns();

}  // namespace slipway::serving
