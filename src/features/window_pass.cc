#include "features/window_pass.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <deque>
#include <limits>
#include <tuple>

#include "features/input_numbers.h"

namespace slipway::features {
namespace {

using types::Column;

// How far ahead memory is asked for where rows are written one after the other.
constexpr std::size_t kWordsAhead = 32;
// The same where answers are collected by slot.
constexpr std::size_t kRowsAhead = 16;
// Whose cells are asked for together.
constexpr std::size_t kRowsTogether = 64;
// Of cells that belong to a bucket of rows, and of the rows that wait in it: about what fits a
// processor's own cache.
constexpr std::size_t kBucketBytes = 512 << 10, kWaitingBytes = kBucketBytes / 2;

std::int64_t end_of(std::int64_t event, std::int64_t span) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return event > kMax - span ? kMax : event + span;
}

}  // namespace

WindowPass::Cells::Cells(std::size_t size, const Shape& shape)
    : sums(size * shape.sums * sizeof(ExactSum)), counts(size * shape.counts) {}

// Rows by slot and span of the windows that they were known to. What is added where a row begins
// to be known is subtracted where it leaves the window: add_up() makes sums of that.
class WindowPass::LateRows {
 public:
  explicit LateRows(const WindowPass& pass)
      : pass_(pass),
        spans_(pass.spans_.size()),
        cells_(pass.entities_.slots() * spans_, pass.shape_),
        extremes_(pass.entities_.slots() * spans_ * pass.shape_.extremes) {
    for (const Running& running : pass.running_) {
      if (running.kind != Kind::kMin && running.kind != Kind::kMax) continue;
      for (std::size_t at = running.number; at < extremes_.size(); at += pass.shape_.extremes)
        extremes_[at] = none_of(running.kind);
    }
  }
  ~LateRows() { std::destroy_n(cells_.sum(0), cells_.sums.size() / sizeof(ExactSum)); }

  void add(const Word* row, std::uint32_t from) {
    const auto key = static_cast<std::uint32_t>(row[kKey]);
    const std::uint32_t end = pass_.entities_.end(key);
    const std::int64_t bucket =
        pass_.bound_.view.bucket_end(static_cast<std::int64_t>(row[kEvent]));
    for (std::size_t span = 0; span < spans_; ++span) {
      const std::int64_t until = end_of(bucket, pass_.spans_[span]);
      const std::uint32_t to = pass_.entities_.first_from(key, until, from);
      if (to > from) add(row, span, from, to, to == end);
    }
  }

  void add_up(std::uint32_t key) {
    const Shape& shape = pass_.shape_;
    for (std::uint32_t slot = pass_.entities_.begin(key) + 1; slot < pass_.entities_.end(key);
         ++slot) {
      for (std::size_t i = 0; i < spans_ * shape.sums; ++i)
        cells_.sum(cell(slot, 0) * shape.sums + i)
            ->add(*cells_.sum(cell(slot - 1, 0) * shape.sums + i));
      for (std::size_t i = 0; i < spans_ * shape.counts; ++i)
        cells_.counts[cell(slot, 0) * shape.counts + i] +=
            cells_.counts[cell(slot - 1, 0) * shape.counts + i];
    }
  }

  const ExactSum& sum(std::uint32_t slot, std::size_t span, std::size_t number) {
    return *cells_.sum(cell(slot, span) * pass_.shape_.sums + number);
  }
  std::uint32_t count(std::uint32_t slot, std::size_t span, std::size_t number) const {
    return cells_.counts[cell(slot, span) * pass_.shape_.counts + number];
  }
  double extreme(std::uint32_t slot, std::size_t span, std::size_t number) const {
    return extremes_[cell(slot, span) * pass_.shape_.extremes + number];
  }

 private:
  std::size_t cell(std::uint32_t slot, std::size_t span) const {
    return std::size_t{slot} * spans_ + span;
  }

  void add(const Word* row, std::size_t span, std::uint32_t from, std::uint32_t to, bool is_last) {
    const Shape& shape = pass_.shape_;
    const std::size_t begin = cell(from, span), end = cell(to, span);
    const auto count = [&](std::size_t number) {
      ++cells_.counts[begin * shape.counts + number];
      if (!is_last) --cells_.counts[end * shape.counts + number];
    };
    count(0);
    for (const Running& running : pass_.with_input_) {
      const double number = std::bit_cast<double>(row[running.word]);
      if (std::isnan(number)) {
        count(running.missing);
      } else if (running.kind == Kind::kSum || running.kind == Kind::kMean) {
        cells_.sum(begin * shape.sums + running.number)->add(number);
        if (!is_last) cells_.sum(end * shape.sums + running.number)->subtract(number);
      } else if (running.kind == Kind::kMin || running.kind == Kind::kMax) {
        for (std::uint32_t slot = from; slot < to; ++slot) {
          double& extreme = extremes_[cell(slot, span) * shape.extremes + running.number];
          extreme = extreme_of(running.kind, extreme, number);
        }
      }
    }
  }

  const WindowPass& pass_;
  const std::size_t spans_;
  Cells cells_;
  std::vector<double> extremes_;
};

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
    of_window_.push_back(static_cast<std::size_t>(
        std::ranges::lower_bound(spans_, window.length.micros) - spans_.begin()));
  }
  for (const std::size_t a : bound.running) {
    Running running{.aggregate = a, .kind = Kind::kCount};
    const AggregateFunction function = bound.view.aggregates[a].function;
    if (function == AggregateFunction::kSum) running.kind = Kind::kSum;
    if (function == AggregateFunction::kMean) running.kind = Kind::kMean;
    if (function == AggregateFunction::kMin) running.kind = Kind::kMin;
    if (function == AggregateFunction::kMax) running.kind = Kind::kMax;
    if (running.kind == Kind::kSum || running.kind == Kind::kMean) running.number = shape_.sums++;
    if (running.kind == Kind::kMin || running.kind == Kind::kMax)
      running.number = shape_.extremes++;
    if (!bound.view.aggregates[a].expression.empty()) {
      running.missing = shape_.counts++;
      running.word = words_++;
      with_input_.push_back(running);
    }
    running_.push_back(running);
  }
  make_edges();
  cells_ = Cells(edges_.size(), shape_);
  extremes_.resize(edges_.size() * shape_.extremes);
  for (const Running& running : running_) {
    if (running.kind != Kind::kMin && running.kind != Kind::kMax) continue;
    for (std::size_t at = running.number; at < extremes_.size(); at += shape_.extremes)
      extremes_[at] = none_of(running.kind);
  }
  for (std::uint32_t key = 0; key < entities.keys(); ++key)
    keys_.push_back({.near = first_edge(entities.begin(key)),
                     .until = std::numeric_limits<std::int64_t>::min()});

  const std::size_t buckets_wanted =
      edges_.size() * (bytes_per_cell() + sizeof(std::int64_t)) / kBucketBytes + 1;
  while ((keys_.size() >> keys_shift_) >= buckets_wanted && keys_shift_ < 31) ++keys_shift_;
  const std::size_t buckets = (keys_.size() >> keys_shift_) + 1;
  rows_per_bucket_ = std::max<std::size_t>(kWaitingBytes / (words_ * sizeof(Word)), 1);
  waiting_ = base::BigArray<Word>(buckets * rows_per_bucket_ * words_);
  waiting_rows_.assign(buckets, 0);
}

// Sums that two doubles don't hold own memory.
WindowPass::~WindowPass() { std::destroy_n(cells_.sum(0), cells_.sums.size() / sizeof(ExactSum)); }

std::size_t WindowPass::bytes_per_cell() const {
  return shape_.sums * sizeof(ExactSum) + shape_.counts * sizeof(std::uint32_t) +
         shape_.extremes * sizeof(double);
}

std::size_t WindowPass::bytes_per_row(const View& view) {
  std::size_t cell = sizeof(std::uint32_t);
  for (const Aggregate& aggregate : view.aggregates) {
    if (aggregate.expression.empty()) continue;
    const bool is_extreme = aggregate.function == AggregateFunction::kMin ||
                            aggregate.function == AggregateFunction::kMax;
    cell += sizeof(std::uint32_t) + (is_extreme ? sizeof(double) : sizeof(ExactSum));
  }
  const std::size_t spans = view.windows.size(), edges = spans + 1, late_cells = spans;
  const std::size_t waiting = edges * (cell + sizeof(std::int64_t)) * kWaitingBytes / kBucketBytes;
  const std::size_t values = spans * view.aggregates.size() * sizeof(double);
  return (edges + late_cells) * cell + edges * (sizeof(std::int64_t) + sizeof(std::uint32_t)) +
         std::max(waiting, values) + sizeof(OfKey);
}

// The edges of each key, from its asked times and, by span, the beginnings of their windows: each
// of these is ascending, so they are merged.
void WindowPass::make_edges() {
  const std::size_t per_slot = spans_.size() + 1;
  edges_ = base::BigArray<std::int64_t>(entities_.slots() * per_slot);
  places_ = base::BigArray<std::uint32_t>(entities_.slots() * per_slot);
  CHECK(edges_.size() < EntityRows::kNoSlot);
  std::vector<std::uint32_t> next(per_slot);  // slots
  std::vector<std::int64_t> times(per_slot);  // of these, kNone after the last
  for (std::uint32_t key = 0; key < entities_.keys(); ++key) {
    const std::uint32_t end = entities_.end(key);
    const auto time_of = [&](std::size_t which) {
      const std::int64_t asked = entities_.time(next[which]);
      return which == 0 ? asked : bound_.view.window_begin({spans_[which - 1]}, asked);
    };
    std::ranges::fill(next, entities_.begin(key));
    for (std::size_t which = 0; which < per_slot && next[0] < end; ++which)
      times[which] = time_of(which);
    const std::uint32_t edges_end = first_edge(end);
    for (std::uint32_t edge = first_edge(entities_.begin(key)); edge < edges_end; ++edge) {
      // Of equal times the beginnings come first: the asked time of a slot is the last of its
      // edges.
      std::size_t least = 0;
      for (std::size_t which = 1; which < per_slot; ++which) {
        if (next[which] < end && times[which] <= times[least]) least = which;
      }
      edges_[edge] = times[least];
      places_[next[least] * per_slot + least] = edge;
      if (++next[least] < end) times[least] = time_of(least);
    }
  }
}

// Kept equal in one of two orders, rows are different ones.
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

// What waits in a bucket goes to the cells. Those of some rows are found first, so that they are in
// the cache when they are added to, and no guess about the next row's place holds an addition up.
bool WindowPass::run(std::size_t bucket) {
  const Word* row = waiting_.data() + bucket * rows_per_bucket_ * words_;
  const Word* const last = row + waiting_rows_[bucket] * words_;
  waiting_rows_[bucket] = 0;
  std::array<std::uint32_t, kRowsTogether> cells;
  while (row != last) {
    const std::size_t rows = std::min(static_cast<std::size_t>(last - row) / words_, kRowsTogether);
    for (std::size_t i = 0; i < rows; ++i) {
      const std::optional<std::uint32_t> cell = find_cell(row + i * words_);
      if (!cell) return false;
      cells[i] = *cell;
      if (*cell == kNoCell) continue;
      __builtin_prefetch(cells_.counts.data() + *cell * shape_.counts, 1);
      if (shape_.sums != 0) __builtin_prefetch(cells_.sum(*cell * shape_.sums), 1);
    }
    for (std::size_t i = 0; i < rows; ++i, row += words_) {
      if (cells[i] != kNoCell) add(row, cells[i]);
    }
  }
  return true;
}

// Where a row is added; nothing: its key's rows are not in order.
std::optional<std::uint32_t> WindowPass::find_cell(const Word* row) {
  const auto key = static_cast<std::uint32_t>(row[kKey]);
  const auto event = static_cast<std::int64_t>(row[kEvent]);
  const auto arrival = static_cast<std::int64_t>(row[kArrival]);
  OfKey& of_key = keys_[key];
  if (!is_in_order(of_key, event, arrival)) return std::nullopt;
  if (event <= of_key.after || event > of_key.until) {
    const std::uint32_t begin = first_edge(entities_.begin(key)),
                        end = first_edge(entities_.end(key));
    const std::uint32_t edge = first_time_from(edges_.data(), begin, end, event, of_key.near);
    of_key.near = edge;
    if (edge == end) {
      of_key.until = std::numeric_limits<std::int64_t>::min();  // it is looked for again
      return kNoCell;
    }
    of_key.after = edge == begin ? std::numeric_limits<std::int64_t>::min() : edges_[edge - 1];
    of_key.until = edges_[edge];
  }
  if (arrival > of_key.until) {
    const std::uint32_t asked = entities_.first_from(key, event, entities_.begin(key));
    const std::uint32_t known = entities_.first_from(key, arrival, asked);
    if (known > asked) {
      if (late_ == nullptr) late_ = std::make_unique<LateRows>(*this);
      late_->add(row, known);
      return kNoCell;
    }
  }
  return of_key.near;
}

void WindowPass::add(const Word* row, std::size_t cell) {
  std::uint32_t* const counts = cells_.counts.data() + cell * shape_.counts;
  ++counts[0];
  for (const Running& running : with_input_) {
    const double number = std::bit_cast<double>(row[running.word]);
    if (std::isnan(number)) {
      ++counts[running.missing];
    } else if (running.kind == Kind::kSum || running.kind == Kind::kMean) {
      cells_.sum(cell * shape_.sums + running.number)->add(number);
    } else if (running.kind == Kind::kMin || running.kind == Kind::kMax) {
      double& extreme = extremes_[cell * shape_.extremes + running.number];
      extreme = extreme_of(running.kind, extreme, number);
    }
  }
}

// All rows of a key up to each of its edges.
struct WindowPass::Totals {
  std::vector<ExactSum> sums;
  std::vector<std::uint32_t> counts;
};

void WindowPass::add_up(std::uint32_t key, Totals& totals) {
  const std::size_t first = first_edge(entities_.begin(key)),
                    edges = first_edge(entities_.end(key)) - first;
  const std::size_t sums = shape_.sums, counts = shape_.counts;
  totals.sums.clear();
  totals.sums.resize(edges * sums);
  totals.counts.assign(cells_.counts.data() + first * counts,
                       cells_.counts.data() + (first + edges) * counts);
  for (std::size_t i = 0; i < totals.sums.size(); ++i) {
    totals.sums[i].add(*cells_.sum(first * sums + i));
    if (i >= sums) totals.sums[i].add(totals.sums[i - sums]);
  }
  for (std::size_t i = counts; i < totals.counts.size(); ++i)
    totals.counts[i] += totals.counts[i - counts];
}

// A key's windows of one span: those of its cells that are less, or greater, than all that follow
// are in a queue, where windows end at the back and begin at the front.
void WindowPass::find_extremes(const Running& running, std::uint32_t key, std::size_t span,
                               double* values) const {
  const std::size_t per_slot = spans_.size() + 1;
  std::deque<std::uint32_t> cells;
  const auto at = [&](std::uint32_t cell) {
    return extremes_[cell * shape_.extremes + running.number];
  };
  std::uint32_t next = first_edge(entities_.begin(key));
  for (std::uint32_t slot = entities_.begin(key); slot < entities_.end(key); ++slot) {
    for (; next <= places_[slot * per_slot]; ++next) {
      while (!cells.empty() && extreme_of(running.kind, at(cells.back()), at(next)) == at(next))
        cells.pop_back();
      cells.push_back(next);
    }
    while (!cells.empty() && cells.front() <= places_[slot * per_slot + span + 1])
      cells.pop_front();
    double extreme = cells.empty() ? none_of(running.kind) : at(cells.front());
    if (late_ != nullptr)
      extreme = extreme_of(running.kind, extreme, late_->extreme(slot, span, running.number));
    values[slot * values_per_slot() + span] = extreme;
  }
}

// By slot, running aggregate and span.
base::BigArray<double> WindowPass::values() {
  const std::size_t spans = spans_.size(), sums = shape_.sums, counts = shape_.counts;
  base::BigArray<double> values(entities_.slots() * values_per_slot());
  Totals totals;
  for (std::uint32_t key = 0; key < entities_.keys(); ++key) {
    add_up(key, totals);
    if (late_ != nullptr) late_->add_up(key);
    for (std::size_t r = 0; r < running_.size(); ++r) {
      if (running_[r].kind != Kind::kMin && running_[r].kind != Kind::kMax) continue;
      for (std::size_t span = 0; span < spans; ++span)
        find_extremes(running_[r], key, span, values.data() + r * spans);
    }
    const std::uint32_t first = first_edge(entities_.begin(key));
    for (std::uint32_t slot = entities_.begin(key); slot < entities_.end(key); ++slot) {
      const std::uint32_t* const places = places_.data() + slot * (spans + 1);
      const std::size_t end = places[0] - first;
      double* value = values.data() + slot * values_per_slot();
      for (const Running& running : running_) {
        for (std::size_t span = 0; span < spans; ++span, ++value) {
          const std::size_t begin = places[span + 1] - first;
          const auto count_of = [&](std::size_t number) {
            return totals.counts[end * counts + number] - totals.counts[begin * counts + number] +
                   (late_ != nullptr ? late_->count(slot, span, number) : 0);
          };
          const std::uint32_t count =
              count_of(0) - (running.missing != 0 ? count_of(running.missing) : 0);
          if (running.kind == Kind::kCount) {
            *value = count;
          } else if (count == 0) {
            *value = std::numeric_limits<double>::quiet_NaN();
          } else if (running.kind == Kind::kSum || running.kind == Kind::kMean) {
            ExactSum sum;
            sum.add(totals.sums[end * sums + running.number]);
            sum.subtract(totals.sums[begin * sums + running.number]);
            if (late_ != nullptr) sum.add(late_->sum(slot, span, running.number));
            *value = sum.value() / (running.kind == Kind::kMean ? count : 1);
          }
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
  const base::BigArray<double> values = this->values();
  const std::size_t windows = of_window_.size();
  std::vector<Column> out;
  for (const ValueType type : bound_.types) out.push_back(Column::of_type("", column_type(type)));
  for (Column& column : out)
    column.doubles.resize(entities_.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t entity = 0; entity < entities_.size(); ++entity) {
    if (entity + kRowsAhead < entities_.size()) {
      if (const std::uint32_t slot = entities_.slot(entity + kRowsAhead);
          slot != EntityRows::kNoSlot)
        __builtin_prefetch(values.data() + slot * values_per_slot());
    }
    const std::uint32_t slot = entities_.slot(entity);
    if (slot == EntityRows::kNoSlot) continue;
    const double* const of_slot = values.data() + slot * values_per_slot();
    for (std::size_t r = 0; r < running_.size(); ++r) {
      for (std::size_t w = 0; w < windows; ++w) {
        out[running_[r].aggregate * windows + w].doubles[entity] =
            of_slot[r * spans_.size() + of_window_[w]];
      }
    }
  }
  for (Column& column : out) column = as_values(std::move(column));
  return out;
}

}  // namespace slipway::features
