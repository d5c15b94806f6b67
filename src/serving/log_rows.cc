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
    {"request_id", ColumnType::kString},    {"endpoint", ColumnType::kString},
    {"revision", ColumnType::kInt64},       {"variant", ColumnType::kString},
    {"role", ColumnType::kString},          {"model_version", ColumnType::kInt64},
    {"event_time", ColumnType::kTimestamp}, {"arrival_time", ColumnType::kTimestamp},
    {"latency_us", ColumnType::kInt64},     {"prediction", ColumnType::kDouble},
    {"error", ColumnType::kString},         {"traffic", ColumnType::kString},
};

// A packed row is a head, its features in the schema's order (a double, or a length and a text),
// and the head's texts. Nothing is aligned.
struct Head {
  std::int64_t revision, model_version, latency_us, event_us, arrival_us;
  double prediction;
  std::array<std::uint32_t, 5> lengths;  // request_id, variant, role, error, traffic
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
  const std::array texts = {row.request_id, row.variant, row.role, row.error, row.traffic};
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
            .lengths = {}};
  for (std::size_t i = 0; i < texts.size(); ++i)
    head.lengths[i] = static_cast<std::uint32_t>(texts[i].size());
  put(to, head);
  for (std::size_t i = 0; i < schema_->size(); ++i) {
    const InputView value = i < row.features.size() ? row.features[i] : InputView();
    if ((*schema_)[i].is_text) {
      const std::string_view text = text_of(value, row.row);
      put(to, text.data() == nullptr ? kMissing : static_cast<std::uint32_t>(text.size()));
      put_text(to, text);
    } else {
      put(to, value.numbers == nullptr ? std::numeric_limits<double>::quiet_NaN()
                                       : value.numbers[row.row]);
    }
  }
  for (const std::string_view text : texts) put_text(to, text);
  block.used += static_cast<std::size_t>(to - begin);
  ++rows_;
}

void LogRows::unpack(std::size_t count, const std::string& endpoint, Frame& frame) {
  CHECK(count <= rows_);
  rows_ -= count;
  for (; count > 0; --count) {
    if (at_ == packed_[block_].used) {
      ++block_;
      at_ = 0;
    }
    const char* const begin = packed_[block_].bytes.get() + at_;
    const char* from = begin;
    const auto head = get<Head>(from);
    auto column = frame.columns().begin() + std::ssize(kFixed);
    for (const LoggedFeature& feature : *schema_) {
      if (feature.is_text) {
        const auto length = get<std::uint32_t>(from);
        length == kMissing ? column->append_null() : column->append_string(get_text(from, length));
      } else {
        const auto value = get<double>(from);
        std::isnan(value) ? column->append_null() : column->append_double(value);
      }
      ++column;
    }
    column = frame.columns().begin();
    column++->append_string(get_text(from, head.lengths[0]));
    column++->append_string(endpoint);
    column++->append_int(head.revision);
    column++->append_string(get_text(from, head.lengths[1]));
    column++->append_string(get_text(from, head.lengths[2]));
    column++->append_int(head.model_version);
    column++->append_int(head.event_us);
    column++->append_int(head.arrival_us);
    column++->append_int(head.latency_us);
    std::isnan(head.prediction) ? column->append_null() : column->append_double(head.prediction);
    ++column;
    head.lengths[3] == 0 ? column->append_null()
                         : column->append_string(get_text(from, head.lengths[3]));
    ++column;
    column->append_string(get_text(from, head.lengths[4]));
    at_ += static_cast<std::size_t>(from - begin);
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
