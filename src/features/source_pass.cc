#include "features/source_pass.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>

#include "features/input_numbers.h"
#include "features/window_reader.h"

namespace slipway::features {
namespace {

using types::Column;

std::vector<const Column*> key_columns(const BoundView& bound, const SourcePiece& piece) {
  std::vector<const Column*> keys;
  for (const std::size_t key : bound.keys) keys.push_back(piece.columns[key]);
  return keys;
}

// How many rows ahead memory is asked for: what is near a key in the cache when its row comes.
constexpr std::size_t kRowsAhead = 64;
// The same where rows are written one after the other.
constexpr std::size_t kWordsAhead = 32;
// Of cells that belong to a bucket of rows, and of the rows that wait in it.
constexpr std::size_t kBucketBytes = 256 << 10;

std::int64_t end_of(std::int64_t event, std::int64_t span) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return event > kMax - span ? kMax : event + span;
}

}  // namespace

KnownRows::KnownRows(const BoundView& bound, const EntityRows& entities, const SourcePiece& piece,
                     types::Timestamp as_of)
    : keys_(entities.find(key_columns(bound, piece))), as_of_(as_of.micros) {
  if (!bound.event_time) return;
  event_ = piece.columns[*bound.event_time];
  arrival_ = piece.columns[*bound.arrival_time];
}

std::int64_t KnownRows::event(std::size_t row) const {
  return event_ == nullptr ? kAlways : event_->ints[row];
}

std::int64_t KnownRows::arrival(std::size_t row) const {
  return arrival_ == nullptr ? kAlways : arrival_->ints[row];
}

NewestPass::NewestPass(const BoundView& bound, const EntityRows& entities, types::Timestamp as_of)
    : bound_(bound), entities_(entities), as_of_(as_of), newest_(entities.slots()) {
  for (std::uint32_t key = 0; key < entities.keys(); ++key) near_.push_back(entities.begin(key));
  ties_max_ = std::max<std::size_t>(newest_.size(), 1000);
}

void NewestPass::add(const SourcePiece& piece) {
  const KnownRows rows(bound_, entities_, piece, as_of_);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row + kRowsAhead < rows.size()) {
      if (const std::uint32_t key = rows.key(row + kRowsAhead); key < KeyCodes::kUnknown)
        __builtin_prefetch(&near_[key]);
      if (const std::uint32_t key = rows.key(row + kRowsAhead / 2); key < KeyCodes::kUnknown) {
        __builtin_prefetch(entities_.time_at(near_[key]));
        __builtin_prefetch(newest_.data() + near_[key], 1);
      }
    }
    if (!rows.is_known(row)) continue;
    const std::uint32_t key = rows.key(row);
    const std::int64_t event = rows.event(row), arrival = rows.arrival(row);
    const std::uint32_t slot = entities_.first_from(key, std::max(event, arrival), near_[key]);
    near_[key] = slot;
    if (slot == entities_.end(key)) continue;
    Newest& newest = newest_[slot];
    const Newest other{event, arrival, piece.first_row + row};
    const auto before = std::tie(newest.event, newest.arrival);
    if (newest.row == kNothing || before < std::tie(event, arrival)) {
      newest = other;
    } else if (before == std::tie(event, arrival)) {
      ties_.push_back({slot, other});
      if (ties_.size() > ties_max_) drop_old_ties();
    }
  }
}

void NewestPass::drop_old_ties() {
  std::erase_if(ties_, [&](const Tie& tie) {
    const Newest& newest = newest_[tie.slot];
    return newest.event != tie.newest.event || newest.arrival != tie.newest.arrival;
  });
  ties_max_ = std::max(ties_max_, 2 * ties_.size());
}

std::vector<std::uint64_t> NewestPass::ties() {
  drop_old_ties();
  std::vector<std::uint64_t> rows;
  for (const Tie& tie : ties_) {
    rows.push_back(tie.newest.row);
    rows.push_back(newest_[tie.slot].row);
  }
  std::ranges::sort(rows);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::vector<std::uint64_t> NewestPass::finish(std::span<const std::uint64_t> ties,
                                              std::span<const std::uint64_t> identities) {
  const auto identity = [&](std::uint64_t row) {
    return identities[static_cast<std::size_t>(std::ranges::lower_bound(ties, row) - ties.begin())];
  };
  for (const Tie& tie : ties_) {  // in the order of rows: of equal identities the first counts
    Newest& newest = newest_[tie.slot];
    if (identity(tie.newest.row) > identity(newest.row)) newest = tie.newest;
  }
  for (std::uint32_t key = 0; key < entities_.keys(); ++key) {
    const Newest* before = nullptr;
    for (std::uint32_t slot = entities_.begin(key); slot < entities_.end(key); ++slot) {
      Newest& newest = newest_[slot];
      if (before != nullptr && before->row != kNothing &&
          (newest.row == kNothing ||
           std::tie(newest.event, newest.arrival) < std::tie(before->event, before->arrival)))
        newest = *before;
      before = &newest;
    }
  }
  std::vector<std::uint64_t> rows(entities_.size(), kNothing);
  for (std::size_t entity = 0; entity < rows.size(); ++entity) {
    const std::uint32_t slot = entities_.slot(entity);
    if (slot == EntityRows::kNoSlot) continue;
    const Newest& newest = newest_[slot];
    if (newest.row != kNothing &&
        !is_too_old(bound_.view, newest.event, types::Timestamp{entities_.time(slot)}))
      rows[entity] = newest.row;
  }
  return rows;
}

double WindowPass::none_of(Kind kind) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return kind == Kind::kMin ? kInfinity : -kInfinity;
}

double WindowPass::extreme_of(Kind kind, double a, double b) {
  return kind == Kind::kMin ? std::min(a, b) : std::max(a, b);
}

WindowPass::WindowPass(const BoundView& bound, const EntityRows& entities, types::Timestamp as_of)
    : bound_(bound), entities_(entities), as_of_(as_of) {
  CHECK(bound.collected.empty());
  for (const Window& window : bound.view.windows) spans_.push_back(window.length.micros);
  std::ranges::sort(spans_);
  spans_.erase(std::unique(spans_.begin(), spans_.end()), spans_.end());
  for (const Window& window : bound.view.windows) {
    ends_.push_back(static_cast<std::size_t>(
        std::ranges::upper_bound(spans_, window.length.micros) - spans_.begin()));
  }
  for (const std::size_t a : bound.running) {
    Running running{.aggregate = a, .kind = Kind::kCount, .count = 1 + running_.size()};
    const AggregateFunction function = bound.view.aggregates[a].function;
    if (function == AggregateFunction::kSum) running.kind = Kind::kSum;
    if (function == AggregateFunction::kMean) running.kind = Kind::kMean;
    if (function == AggregateFunction::kMin) running.kind = Kind::kMin;
    if (function == AggregateFunction::kMax) running.kind = Kind::kMax;
    if (running.kind == Kind::kSum || running.kind == Kind::kMean) running.number = sums_++;
    if (running.kind == Kind::kMin || running.kind == Kind::kMax) running.number = extremes_++;
    running_.push_back(running);
    if (bound.view.aggregates[a].expression.empty()) continue;
    running.word = words_++;
    with_input_.push_back(running);
  }
  counts_ = 1 + running_.size();
  const std::size_t cells = entities.slots() * spans_.size();
  sum_cells_ = base::BigArray<std::byte>(cells * sums_ * sizeof(ExactSum));
  count_cells_ = base::BigArray<std::int32_t>(cells * counts_);
  extreme_cells_.resize(cells * extremes_);
  for (const Running& running : running_) {
    if (running.kind != Kind::kMin && running.kind != Kind::kMax) continue;
    for (std::size_t at = running.number; at < extreme_cells_.size(); at += extremes_)
      extreme_cells_[at] = none_of(running.kind);
  }
  for (std::uint32_t key = 0; key < entities.keys(); ++key)
    keys_.push_back({.near = entities.begin(key)});

  // As many buckets as it takes for the cells of one, and its rows, to fit a processor's own cache.
  const std::size_t buckets_wanted =
      (sum_cells_.size() + count_cells_.size() * sizeof(std::int32_t) +
       extreme_cells_.size() * sizeof(double)) /
          kBucketBytes +
      1;
  while ((keys_.size() >> keys_shift_) >= buckets_wanted && keys_shift_ < 31) ++keys_shift_;
  const std::size_t buckets = (keys_.size() >> keys_shift_) + 1;
  rows_per_bucket_ = std::max<std::size_t>(kBucketBytes / (words_ * sizeof(Word)), 1);
  waiting_ = base::BigArray<Word>(buckets * rows_per_bucket_ * words_);
  waiting_rows_.assign(buckets, 0);
}

// Sums that two doubles don't hold own memory.
WindowPass::~WindowPass() {
  auto* sums = reinterpret_cast<ExactSum*>(sum_cells_.data());
  std::destroy_n(sums, sum_cells_.size() / sizeof(ExactSum));
}

std::size_t WindowPass::bytes_per_row(const View& view) {
  const std::size_t cell = sizeof(ExactSum) + sizeof(std::int32_t) + 2 * sizeof(double) + 1;
  // Rows wait in as much memory as there is of cells.
  return 2 * view.windows.size() * view.aggregates.size() * cell + sizeof(OfKey) +
         2 * sizeof(double);
}

bool WindowPass::is_in_order(OfKey& last, std::int64_t event, std::int64_t arrival) {
  if (last.has_rows != 0) {
    by_event_ = by_event_ && std::tie(last.event, last.arrival) < std::tie(event, arrival);
    by_arrival_ = by_arrival_ && std::tie(last.arrival, last.event) < std::tie(arrival, event);
  }
  last.event = event;
  last.arrival = arrival;
  last.has_rows = 1;
  return by_event_ || by_arrival_;
}

bool WindowPass::add(const SourcePiece& piece) {
  const KnownRows rows(bound_, entities_, piece, as_of_);
  std::vector<InputNumbers> inputs;  // in the order of words
  for (const Running& running : with_input_)
    inputs.emplace_back(bound_.inputs[running.aggregate], piece.columns, piece.rows);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (!rows.is_known(row)) continue;
    const std::size_t bucket = rows.key(row) >> keys_shift_;
    std::size_t& count = waiting_rows_[bucket];
    Word* const to = waiting_.data() + (bucket * rows_per_bucket_ + count) * words_;
    __builtin_prefetch(to + kWordsAhead, 1);
    to[kEvent] = static_cast<Word>(rows.event(row));
    to[kArrival] = static_cast<Word>(rows.arrival(row));
    to[kKey] = rows.key(row);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      to[kNumbers + i] = std::bit_cast<Word>(inputs[i][row]);
    if (++count == rows_per_bucket_ && !run(bucket)) return false;
  }
  return true;
}

// Brings a bucket's cells into the cache one after the other: much faster than as rows ask for
// them.
void WindowPass::fetch(std::size_t bucket) const {
  const std::size_t first_key = bucket << keys_shift_;
  const std::size_t last_key =
      std::min(first_key + (std::size_t{1} << keys_shift_), keys_.size()) - 1;
  const std::uint32_t first = entities_.begin(static_cast<std::uint32_t>(first_key)),
                      last = entities_.end(static_cast<std::uint32_t>(last_key));
  const auto fetch = [&](const auto* cells, std::size_t per_cell) {
    const auto* const begin = reinterpret_cast<const char*>(cells + cell(first, 0) * per_cell);
    const auto* const end = reinterpret_cast<const char*>(cells + cell(last, 0) * per_cell);
    for (const char* line = begin; line < end; line += 64) __builtin_prefetch(line, 1);
  };
  fetch(sum_cells_.data(), sums_ * sizeof(ExactSum));
  fetch(count_cells_.data(), counts_);
  fetch(extreme_cells_.data(), extremes_);
}

// What waits in a bucket goes to the cells.
bool WindowPass::run(std::size_t bucket) {
  const Word* row = waiting_.data() + bucket * rows_per_bucket_ * words_;
  const Word* const last = row + waiting_rows_[bucket] * words_;
  waiting_rows_[bucket] = 0;
  fetch(bucket);
  for (; row != last; row += words_) {
    const auto key = static_cast<std::uint32_t>(row[kKey]);
    const auto event = static_cast<std::int64_t>(row[kEvent]);
    const auto arrival = static_cast<std::int64_t>(row[kArrival]);
    OfKey& of_key = keys_[key];
    if (!is_in_order(of_key, event, arrival)) return false;
    std::uint32_t from = entities_.first_from(key, std::max(event, arrival), of_key.near);
    of_key.near = from;
    const std::uint32_t end = entities_.end(key);
    for (std::size_t span = 0; span < spans_.size() && from < end; ++span) {
      const std::int64_t until = end_of(event, spans_[span]);
      if (entities_.time(from) >= until) continue;
      const std::uint32_t to = entities_.first_from(key, until, from);
      change(row, span, from, to, to == end);
      from = to;
    }
  }
  return true;
}

void WindowPass::change(const Word* row, std::size_t span, std::uint32_t from, std::uint32_t to,
                        bool is_last) {
  const std::size_t begin = cell(from, span), end = cell(to, span);
  std::int32_t* const count_from = count_cells_.data() + begin * counts_;
  std::int32_t* const count_to = count_cells_.data() + end * counts_;
  auto* const sums = reinterpret_cast<ExactSum*>(sum_cells_.data());
  ++count_from[0];
  if (!is_last) --count_to[0];
  for (const Running& running : with_input_) {
    const double number = std::bit_cast<double>(row[running.word]);
    if (std::isnan(number)) {
      ++count_from[running.count];
      if (!is_last) --count_to[running.count];
      continue;
    }
    switch (running.kind) {
      case Kind::kCount:
        break;
      case Kind::kSum:
      case Kind::kMean:
        sums[begin * sums_ + running.number].add(number);
        if (!is_last) sums[end * sums_ + running.number].subtract(number);
        break;
      case Kind::kMin:
      case Kind::kMax:
        for (std::uint32_t slot = from; slot < to; ++slot) {
          double& extreme = extreme_cells_[cell(slot, span) * extremes_ + running.number];
          extreme = extreme_of(running.kind, extreme, number);
        }
        break;
    }
  }
}

// By slot, running aggregate and span: over all ages up to the span's end.
std::vector<double> WindowPass::values() const {
  const std::size_t spans = spans_.size(), counts = counts_;
  const auto* const sum_cells = reinterpret_cast<const ExactSum*>(sum_cells_.data());
  std::vector<double> values;
  values.reserve(entities_.slots() * running_.size() * spans);
  for (std::uint32_t key = 0; key < entities_.keys(); ++key) {
    std::vector<ExactSum> sums(spans * sums_);
    std::vector<std::int64_t> rows(spans * counts);
    for (std::uint32_t slot = entities_.begin(key); slot < entities_.end(key); ++slot) {
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i].add(sum_cells[cell(slot, 0) * sums_ + i]);
      for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] += count_cells_[cell(slot, 0) * counts + i];
      for (std::size_t r = 0; r < running_.size(); ++r) {
        const Running& running = running_[r];
        std::int64_t count = 0;
        ExactSum sum;
        double extreme = none_of(running.kind);
        for (std::size_t span = 0; span < spans; ++span) {
          count += rows[span * counts] - rows[span * counts + 1 + r];
          double value = std::numeric_limits<double>::quiet_NaN();
          switch (running.kind) {
            case Kind::kCount:
              value = static_cast<double>(count);
              break;
            case Kind::kSum:
            case Kind::kMean:
              sum.add(sums[span * sums_ + running.number]);
              if (count > 0) value = sum.value();
              if (running.kind == Kind::kMean) value /= static_cast<double>(count);
              break;
            case Kind::kMin:
            case Kind::kMax:
              extreme = extreme_of(running.kind, extreme,
                                   extreme_cells_[cell(slot, span) * extremes_ + running.number]);
              if (count > 0) value = extreme;
              break;
          }
          values.push_back(value);
        }
      }
    }
  }
  return values;
}

std::optional<std::vector<Column>> WindowPass::finish() {
  for (std::size_t bucket = 0; bucket < waiting_rows_.size(); ++bucket) {
    if (!run(bucket)) return std::nullopt;
  }
  waiting_ = {};
  const std::vector<double> values = this->values();
  const std::size_t windows = ends_.size(), per_slot = running_.size() * spans_.size();
  std::vector<Column> out;
  for (const ValueType type : bound_.types) out.push_back(Column::of_type("", column_type(type)));
  for (Column& column : out)
    column.doubles.resize(entities_.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t entity = 0; entity < entities_.size(); ++entity) {
    const std::uint32_t slot = entities_.slot(entity);
    if (slot == EntityRows::kNoSlot) continue;
    const double* const of_slot = values.data() + slot * per_slot;
    for (std::size_t r = 0; r < running_.size(); ++r) {
      for (std::size_t w = 0; w < windows; ++w) {
        out[running_[r].aggregate * windows + w].doubles[entity] =
            of_slot[r * spans_.size() + ends_[w] - 1];
      }
    }
  }
  for (Column& column : out) column = as_values(std::move(column));
  return out;
}

}  // namespace slipway::features
