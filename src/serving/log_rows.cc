#include "serving/log_rows.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace slipway::serving {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

constexpr std::size_t kBlockBytes = 256 << 10;
constexpr std::size_t kSpareBlocks = 256;  // 64 MiB: two seconds of rows at full speed
constexpr std::uint32_t kMissing = std::numeric_limits<std::uint32_t>::max();

constexpr FixedLogColumn kFixed[] = {
    {"request_id", ColumnType::kString},
    {"endpoint", ColumnType::kString},
    {"revision", ColumnType::kInt64},
    {"variant", ColumnType::kString},
    {"role", ColumnType::kString},
    {"model_version", ColumnType::kInt64},
    {"event_time", ColumnType::kTimestamp},
    {"arrival_time", ColumnType::kTimestamp},
    {"latency_us", ColumnType::kInt64},
    {"prediction", ColumnType::kDouble},
    {"error", ColumnType::kString},
    {"traffic", ColumnType::kString},
    {"prediction_values", ColumnType::kString},
    {"input_violations", ColumnType::kString},
};

// A packed row is a head, the features that are numbers, those that are texts (each its length and
// bytes), and the head's texts. Nothing is aligned.
struct Head {
  std::int64_t revision, model_version, latency_us, event_us, arrival_us;
  double prediction;
  // request_id, variant, role, error, traffic, values, input_violations
  std::array<std::uint32_t, 7> lengths;
  std::uint32_t bytes;  // of the whole row
};

template <typename T>
void put(char*& to, const T& value) {
  std::memcpy(to, &value, sizeof value);
  to += sizeof value;
}

void put_text(char*& to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  to += text.size();
}

template <typename T>
T get(const char*& from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  from += sizeof value;
  return value;
}

std::string get_text(const char*& from, std::size_t length) {
  from += length;
  return {from - length, length};
}

// Rows that are unpacked together, column by column, while they are in the nearest cache.
constexpr std::size_t kTogether = 64;

// Adds `rows` numbers; a NaN is a missing one.
template <typename NumberOf>
void append_numbers(Column& column, std::size_t rows, const NumberOf& number_of) {
  const std::size_t before = column.doubles.size();
  column.doubles.resize(before + rows);
  bool is_missing = false;
  for (std::size_t i = 0; i < rows; ++i) {
    const double number = number_of(i);
    column.doubles[before + i] = number;
    is_missing |= std::isnan(number);
  }
  if (!is_missing && column.valid.empty()) return;
  if (column.valid.empty()) column.valid.assign(before, 1);
  for (std::size_t i = 0; i < rows; ++i)
    column.valid.push_back(!std::isnan(column.doubles[before + i]));
}

// Adds what `heads` and what follows them, from `at` on, hold.
void add_rows(const LogSchema& schema, std::span<const Head> heads, std::span<const char*> at,
              const std::string& endpoint, Frame& frame) {
  const std::size_t rows = heads.size();
  const auto features = frame.columns().begin() + std::ssize(kFixed);
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (!schema[i].is_text)
      append_numbers(features[static_cast<std::ptrdiff_t>(i)], rows,
                     [&](std::size_t row) { return get<double>(at[row]); });
  }
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (!schema[i].is_text) continue;
    Column& column = features[static_cast<std::ptrdiff_t>(i)];
    for (std::size_t row = 0; row < rows; ++row) {
      const auto length = get<std::uint32_t>(at[row]);
      length == kMissing ? column.append_null() : column.append_string(get_text(at[row], length));
    }
  }
  auto column = frame.columns().begin();
  const auto add_texts = [&](std::size_t which, bool empty_is_missing = false) {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t length = heads[row].lengths[which];
      length == 0 && empty_is_missing ? column->append_null()
                                      : column->append_string(get_text(at[row], length));
    }
    ++column;
  };
  const auto add_ints = [&](std::int64_t Head::*member) {
    for (const Head& head : heads) column->append_int(head.*member);
    ++column;
  };
  add_texts(0);
  for (std::size_t row = 0; row < rows; ++row) column->append_string(endpoint);
  ++column;
  add_ints(&Head::revision);
  add_texts(1);
  add_texts(2);
  add_ints(&Head::model_version);
  add_ints(&Head::event_us);
  add_ints(&Head::arrival_us);
  add_ints(&Head::latency_us);
  append_numbers(*column++, rows, [&](std::size_t row) { return heads[row].prediction; });
  add_texts(3, true);
  add_texts(4);
  add_texts(5, true);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t length = heads[row].lengths[6];
    length == kMissing ? column->append_null() : column->append_string(get_text(at[row], length));
  }
}

std::string_view text_of(const InputView& value, std::size_t row) {
  return value.texts == nullptr ? std::string_view() : value.texts[row];
}

}  // namespace

std::span<const FixedLogColumn> fixed_log_columns() { return kFixed; }

LogBlocks::Block LogBlocks::take(std::size_t bytes_min) {
  if (bytes_min <= kBlockBytes) {
    base::MutexLock lock(mutex_);
    if (!spare_.empty()) {
      Block block = std::move(spare_.back());
      spare_.pop_back();
      return block;
    }
  }
  const std::size_t size = std::max(bytes_min, kBlockBytes);
  return {std::make_unique_for_overwrite<char[]>(size), size, 0};
}

void LogBlocks::give_back(Block block) {
  if (block.size != kBlockBytes) return;
  block.used = 0;
  base::MutexLock lock(mutex_);
  if (spare_.size() < kSpareBlocks) spare_.push_back(std::move(block));
}

LogRows::LogRows(LogBlocks& blocks, std::shared_ptr<const LogSchema> schema)
    : blocks_(&blocks), schema_(std::move(schema)) {}

LogRows::~LogRows() {
  for (LogBlocks::Block& block : packed_) blocks_->give_back(std::move(block));
}

void LogRows::append(const LogRow& row) {
  const std::array texts = {row.request_id, row.variant,         row.role, row.error, row.traffic,
                            row.values,     row.input_violations};
  std::size_t bytes = sizeof(Head);
  for (const std::string_view text : texts) bytes += text.size();
  for (std::size_t i = 0; i < schema_->size(); ++i) {
    bytes += sizeof(double);
    if ((*schema_)[i].is_text && i < row.features.size())
      bytes += text_of(row.features[i], row.row).size();
  }
  if (packed_.empty() || packed_.back().size - packed_.back().used < bytes)
    packed_.push_back(blocks_->take(bytes));
  LogBlocks::Block& block = packed_.back();
  char* const begin = block.bytes.get() + block.used;
  char* to = begin;

  Head head{.revision = row.revision,
            .model_version = row.model_version,
            .latency_us = row.latency_us,
            .event_us = row.event_time.micros,
            .arrival_us = row.arrival_time.micros,
            .prediction = row.prediction,
            .lengths = {},
            .bytes = 0};
  for (std::size_t i = 0; i < texts.size(); ++i)
    head.lengths[i] = static_cast<std::uint32_t>(texts[i].size());
  if (row.input_violations.data() == nullptr) head.lengths.back() = kMissing;
  to += sizeof head;
  const auto feature = [&](std::size_t i) {
    return i < row.features.size() ? row.features[i] : InputView();
  };
  for (std::size_t i = 0; i < schema_->size(); ++i) {
    if ((*schema_)[i].is_text) continue;
    const double* numbers = feature(i).numbers;
    put(to, numbers == nullptr ? std::numeric_limits<double>::quiet_NaN() : numbers[row.row]);
  }
  for (std::size_t i = 0; i < schema_->size(); ++i) {
    if (!(*schema_)[i].is_text) continue;
    const std::string_view text = text_of(feature(i), row.row);
    put(to, text.data() == nullptr ? kMissing : static_cast<std::uint32_t>(text.size()));
    put_text(to, text);
  }
  for (const std::string_view text : texts) put_text(to, text);
  head.bytes = static_cast<std::uint32_t>(to - begin);
  std::memcpy(begin, &head, sizeof head);
  block.used += head.bytes;
  ++rows_;
}

void LogRows::unpack(std::size_t count, const std::string& endpoint, Frame& frame) {
  CHECK(count <= rows_);
  rows_ -= count;
  while (count > 0) {
    if (at_ == packed_[block_].used) {
      ++block_;
      at_ = 0;
    }
    const LogBlocks::Block& block = packed_[block_];
    std::array<Head, kTogether> heads;
    std::array<const char*, kTogether> at;  // what of each row comes next
    std::size_t rows = 0;
    for (; rows < std::min(count, kTogether) && at_ < block.used; ++rows) {
      at[rows] = block.bytes.get() + at_;
      heads[rows] = get<Head>(at[rows]);
      at_ += heads[rows].bytes;
    }
    count -= rows;
    add_rows(*schema_, std::span(heads).first(rows), at, endpoint, frame);
  }
}

Frame LogRows::empty_frame(const LogSchema& schema) {
  Frame frame;
  for (const FixedLogColumn& column : kFixed) {
    const Result<void> added = frame.add(Column::of_type(column.name, column.type));
    CHECK(added.has_value());
  }
  for (const LoggedFeature& feature : schema) {
    // A feature named like a column of the log would hide it; such a name is refused at deploy.
    const Result<void> added = frame.add(
        Column::of_type(feature.name, feature.is_text ? ColumnType::kString : ColumnType::kDouble));
    CHECK(added.has_value());
  }
  return frame;
}

}  // namespace slipway::serving
