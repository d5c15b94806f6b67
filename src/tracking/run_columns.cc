#include "tracking/run_columns.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace slipway::tracking {
namespace {

template <typename Map>
auto find_column(const Map& columns, std::uint32_t key) {
  const auto found = columns.find(key);
  return found == columns.end() ? nullptr : &found->second;
}

}  // namespace

template <>
double MetricColumn::missing() {
  return std::bit_cast<double>(kNoMetricBits);
}
template <>
std::uint32_t TextColumn::missing() {
  return kNoText;
}

template <typename T>
void Column<T>::set(std::size_t row, T value) {
  const std::size_t index = row / kChunkRows, at = row % kChunkRows;
  if (index >= chunks_.size()) {
    if (is_missing(value)) return;
    chunks_.resize(index + 1);
  }
  Chunk& chunk = chunks_[index];
  if (chunk.dense && at >= chunk.values.size() && !is_missing(value) &&
      (chunk.count + 1) * 4 <= at + 1)
    make_sparse(chunk);
  if (chunk.dense) {
    set_dense(chunk, at, value);
  } else {
    set_sparse(chunk, at, value);
    if (chunk.count > 0 && chunk.count * 4 > std::size_t{chunk.rows.back()} + 1) make_dense(chunk);
  }
}

template <typename T>
T Column<T>::get(std::size_t row) const {
  const Chunk* found = chunk(row / kChunkRows);
  const std::size_t at = row % kChunkRows;
  if (found == nullptr) return missing();
  if (found->dense) return at < found->values.size() ? found->values[at] : missing();
  const auto place = std::lower_bound(found->rows.begin(), found->rows.end(), at);
  if (place == found->rows.end() || *place != at) return missing();
  return found->values[static_cast<std::size_t>(place - found->rows.begin())];
}

template <typename T>
std::size_t Column<T>::count() const {
  std::size_t count = 0;
  for (const Chunk& chunk : chunks_) count += chunk.count;
  return count;
}

template <typename T>
std::size_t Column<T>::bytes() const {
  std::size_t bytes = chunks_.capacity() * sizeof(Chunk);
  for (const Chunk& chunk : chunks_) {
    bytes += chunk.rows.capacity() * sizeof(std::uint16_t) + chunk.values.capacity() * sizeof(T);
  }
  return bytes;
}

template <typename T>
void Column<T>::set_dense(Chunk& chunk, std::size_t at, T value) {
  if (at >= chunk.values.size()) {
    if (is_missing(value)) return;
    chunk.values.resize(at + 1, missing());
  }
  chunk.count += is_missing(chunk.values[at]) ? 1 : 0;
  chunk.count -= is_missing(value) ? 1 : 0;
  chunk.values[at] = value;
}

template <typename T>
void Column<T>::set_sparse(Chunk& chunk, std::size_t at, T value) {
  const auto place = std::lower_bound(chunk.rows.begin(), chunk.rows.end(), at);
  const auto index = place - chunk.rows.begin();
  const bool there = place != chunk.rows.end() && *place == at;
  if (is_missing(value)) {
    if (!there) return;
    chunk.rows.erase(place);
    chunk.values.erase(chunk.values.begin() + index);
    --chunk.count;
  } else if (there) {
    chunk.values[static_cast<std::size_t>(index)] = value;
  } else {
    chunk.rows.insert(place, static_cast<std::uint16_t>(at));
    chunk.values.insert(chunk.values.begin() + index, value);
    ++chunk.count;
  }
}

template <typename T>
void Column<T>::make_dense(Chunk& chunk) {
  std::vector<T> values(std::size_t{chunk.rows.back()} + 1, missing());
  for (std::size_t i = 0; i < chunk.rows.size(); ++i) values[chunk.rows[i]] = chunk.values[i];
  chunk.values = std::move(values);
  chunk.rows = {};
  chunk.dense = true;
}

template <typename T>
void Column<T>::make_sparse(Chunk& chunk) {
  std::vector<T> values;
  for (std::size_t at = 0; at < chunk.values.size(); ++at) {
    if (is_missing(chunk.values[at])) continue;
    chunk.rows.push_back(static_cast<std::uint16_t>(at));
    values.push_back(chunk.values[at]);
  }
  chunk.values = std::move(values);
  chunk.dense = false;
}

template class Column<double>;
template class Column<std::uint32_t>;

std::string_view text_of(const RunId& id) {
  return {id.data(), static_cast<std::size_t>(std::find(id.begin(), id.end(), '\0') - id.begin())};
}

std::uint32_t ExperimentRuns::add(const RunHead& head) {
  const auto row = static_cast<std::uint32_t>(size_++);
  if (row / kChunkRows == heads_.size()) heads_.emplace_back();
  Heads& heads = heads_.back();
  heads.numbers.push_back(head.number);
  heads.starts_ms.emplace_back();
  heads.ends_ms.emplace_back();
  heads.ids.push_back(head.id);
  heads.names.emplace_back();
  heads.users.emplace_back();
  heads.artifact_uris.emplace_back();
  heads.statuses.emplace_back();
  heads.lives.emplace_back();
  set_head(row, head);
  return row;
}

void ExperimentRuns::set_head(std::uint32_t row, const RunHead& head) {
  Heads& heads = heads_[row / kChunkRows];
  const std::size_t at = row % kChunkRows;
  heads.starts_ms[at] = head.start_ms;
  heads.ends_ms[at] = head.end_ms;
  heads.names[at] = head.name;
  heads.users[at] = head.user;
  heads.artifact_uris[at] = head.artifact_uri;
  heads.statuses[at] = head.status;
  heads.lives[at] = head.life;
  heads.newest_start_ms = std::max(heads.newest_start_ms, head.start_ms);
}

void ExperimentRuns::set_gone(std::uint32_t row) {
  heads_[row / kChunkRows].lives[row % kChunkRows] = Life::kGone;
}

bool ExperimentRuns::is_gone(std::uint32_t row) const {
  return heads_[row / kChunkRows].lives[row % kChunkRows] == Life::kGone;
}

void ExperimentRuns::set_metric(std::uint32_t row, std::uint32_t key, double value) {
  // -0 and 0 are one value, and so are all NaNs.
  metrics_[key].set(row,
                    std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0);
}

void ExperimentRuns::set_param(std::uint32_t row, std::uint32_t key, std::uint32_t value) {
  params_[key].set(row, value);
}

void ExperimentRuns::set_tag(std::uint32_t row, std::uint32_t key, std::uint32_t value) {
  tags_[key].set(row, value);
}

void ExperimentRuns::clear_tags(std::uint32_t row) {
  for (auto& [key, column] : tags_) column.set(row, kNoText);
}

const MetricColumn* ExperimentRuns::metric(std::uint32_t key) const {
  return find_column(metrics_, key);
}
const TextColumn* ExperimentRuns::param(std::uint32_t key) const {
  return find_column(params_, key);
}
const TextColumn* ExperimentRuns::tag(std::uint32_t key) const { return find_column(tags_, key); }

void ExperimentRuns::each_metric(const EachKey& each) const {
  for (const auto& [key, column] : metrics_) each(key, column.count());
}

void ExperimentRuns::each_param(const EachKey& each) const {
  for (const auto& [key, column] : params_) each(key, column.count());
}

void ExperimentRuns::each_tag(const EachKey& each) const {
  for (const auto& [key, column] : tags_) each(key, column.count());
}

std::size_t ExperimentRuns::bytes() const {
  constexpr std::size_t kHeadBytes = 3 * sizeof(std::int64_t) + sizeof(RunId) +
                                     3 * sizeof(std::uint32_t) + sizeof(RunStatus) + sizeof(Life);
  std::size_t bytes = datasets_.bytes();
  for (const Heads& heads : heads_) bytes += heads.numbers.capacity() * kHeadBytes;
  for (const auto& [key, column] : metrics_) bytes += sizeof column + column.bytes();
  for (const auto& [key, column] : params_) bytes += sizeof column + column.bytes();
  for (const auto& [key, column] : tags_) bytes += sizeof column + column.bytes();
  return bytes;
}

}  // namespace slipway::tracking
