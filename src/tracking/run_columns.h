// What run search needs to know of the runs of one experiment, as columns in memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tracking/values.h"

namespace slipway::tracking {

// Columns are cut into chunks of so many rows: memory grows in small steps, and a search goes
// through one chunk of all its columns before the next.
inline constexpr std::size_t kChunkRows = 16'384;

// A double that no metric has, for rows without the metric: a NaN with a mark of its own.
inline constexpr std::uint64_t kNoMetricBits = 0x7ff8'5117'3a9c'0de1;
// No text: codes count from 1.
inline constexpr std::uint32_t kNoText = 0;
inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

inline bool is_missing(double value) {
  return std::bit_cast<std::uint64_t>(value) == kNoMetricBits;
}
inline bool is_missing(std::uint32_t code) { return code == kNoText; }

// The values of one key. A chunk is an array over its rows when more than a quarter of them have a
// value, otherwise a list of rows and their values.
template <typename T>
class Column {
 public:
  static T missing();

  struct Chunk {
    bool dense = true;
    std::size_t count = 0;            // of values
    std::vector<std::uint16_t> rows;  // when not dense: where the values are, ascending
    std::vector<T> values;            // when dense: by row; rows beyond its end have none
  };

  // `missing()` takes the value away.
  void set(std::size_t row, T value);
  T get(std::size_t row) const;
  // Null when the chunk has no values.
  const Chunk* chunk(std::size_t index) const {
    return index < chunks_.size() && chunks_[index].count > 0 ? &chunks_[index] : nullptr;
  }
  std::size_t count() const;  // of values
  std::size_t bytes() const;

 private:
  static void set_dense(Chunk& chunk, std::size_t at, T value);
  static void set_sparse(Chunk& chunk, std::size_t at, T value);
  static void make_dense(Chunk& chunk);
  static void make_sparse(Chunk& chunk);

  std::vector<Chunk> chunks_;
};

using MetricColumn = Column<double>;
using TextColumn = Column<std::uint32_t>;  // codes of a TextPool

// MLflow's run ids are up to 32 characters; shorter ones are filled up with zeros.
using RunId = std::array<char, 32>;
std::string_view text_of(const RunId& id);

enum class Life : std::uint8_t { kActive, kDeleted, kGone };

struct RunHead {
  std::int64_t number = 0;  // in the Db
  RunId id{};
  std::int64_t start_ms = 0;
  std::int64_t end_ms = kNoTime;
  std::uint32_t name = 0, user = 0, artifact_uri = 0;  // texts
  RunStatus status = RunStatus::kRunning;
  Life life = Life::kActive;
};

// Safe for several readers or one writer.
class ExperimentRuns {
 public:
  // The heads of up to kChunkRows runs, a column each.
  struct Heads {
    std::vector<std::int64_t> numbers, starts_ms, ends_ms;
    std::vector<RunId> ids;
    std::vector<std::uint32_t> names, users, artifact_uris;
    std::vector<RunStatus> statuses;
    std::vector<Life> lives;
    std::int64_t newest_start_ms = kNoTime;  // not later than this; not lowered when a run changes
  };

  std::size_t size() const { return size_; }
  std::size_t chunks() const { return heads_.size(); }
  const Heads& heads(std::size_t chunk) const { return heads_[chunk]; }

  // The row of the new run.
  std::uint32_t add(const RunHead& head);
  void set_head(std::uint32_t row, const RunHead& head);
  void set_gone(std::uint32_t row);
  bool is_gone(std::uint32_t row) const;

  void set_metric(std::uint32_t row, std::uint32_t key, double value);
  // Keys and values are codes.
  void set_param(std::uint32_t row, std::uint32_t key, std::uint32_t value);
  void set_tag(std::uint32_t row, std::uint32_t key, std::uint32_t value);
  void clear_tags(std::uint32_t row);
  // All dataset inputs of a run as one text, see run_filter.h.
  void set_datasets(std::uint32_t row, std::uint32_t datasets) { datasets_.set(row, datasets); }

  // Null when no run has the key.
  const MetricColumn* metric(std::uint32_t key) const;
  const TextColumn* param(std::uint32_t key) const;
  const TextColumn* tag(std::uint32_t key) const;
  const TextColumn& datasets() const { return datasets_; }

  // Call `each` with every key and how many runs have it.
  using EachKey = std::function<void(std::uint32_t key, std::size_t runs)>;
  void each_metric(const EachKey& each) const;
  void each_param(const EachKey& each) const;
  void each_tag(const EachKey& each) const;

  std::size_t bytes() const;

 private:
  std::size_t size_ = 0;
  std::vector<Heads> heads_;
  std::unordered_map<std::uint32_t, MetricColumn> metrics_;
  std::unordered_map<std::uint32_t, TextColumn> params_, tags_;
  TextColumn datasets_;
};

}  // namespace slipway::tracking
