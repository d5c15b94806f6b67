#include "features/keyed_rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "features/corrections.h"
#include "features/input_numbers.h"
#include "features/window_reader.h"

namespace slipway::features {
namespace {

using types::Column;

std::vector<const Column*> picked(std::span<const Column* const> columns,
                                  const std::vector<std::size_t>& positions) {
  std::vector<const Column*> some;
  for (const std::size_t position : positions) some.push_back(columns[position]);
  return some;
}

constexpr std::uint32_t kNothing = 0xffffffff;

// The cells of `rows`; kNothing gives a missing one.
Column gathered(const Column& from, const std::vector<std::uint32_t>& rows) {
  Column to = Column::of_type("", from.type);
  to.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    row == kNothing ? to.append_null() : to.append_from(from, row);
  }
  return to;
}

}  // namespace

// One key's rows, as the readers of windows want them.
struct KeyedRows::OfKey {
  const KeyedRows& all;
  std::size_t begin, end;

  std::size_t size() const { return end - begin; }
  std::int64_t event(std::size_t row) const { return all.rows_[begin + row].event; }
  std::int64_t arrival(std::size_t row) const { return all.rows_[begin + row].arrival; }
  bool is_known(std::size_t row, std::int64_t moment) const {
    return arrival(row) <= moment && (all.untils_.empty() || moment < all.untils_[begin + row]);
  }
  double number(std::size_t row, std::size_t input) const {
    const std::size_t slot = all.slots_[input];
    return slot == kOne ? 1 : all.numbers_[(begin + row) * all.numbers_per_row_ + slot];
  }
  template <typename T>
  void collect(std::size_t row, std::size_t input, std::vector<T>& values) const {
    const Column& cells = all.cells_[input];
    const std::uint32_t at = all.rows_[begin + row].at;
    if (!cells.is_valid(at)) return;
    if constexpr (std::is_same_v<T, double>) {
      values.push_back(cells.doubles[at]);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      values.push_back(cells.strings[at]);
    } else {
      values.push_back({cells.ints[at]});
    }
  }
};

KeyedRows::OfKey KeyedRows::rows_of(std::uint32_t key) const {
  return key < keys_.size() ? OfKey{*this, starts_[key], ends_[key]} : OfKey{*this, 0, 0};
}

KeyedRows::KeyedRows(const BoundView& bound, std::span<const Column* const> columns,
                     std::size_t rows, types::Timestamp as_of,
                     const std::function<std::uint64_t(std::size_t)>& identity)
    : bound_(bound), columns_(columns.begin(), columns.end()), keys_(picked(columns, bound.keys)) {
  CHECK(rows < KeyCodes::kUnknown);
  const Column* event = bound.event_time ? columns[*bound.event_time] : nullptr;
  const Column* arrival = bound.arrival_time ? columns[*bound.arrival_time] : nullptr;
  std::vector<std::uint32_t> codes = keys_.take_codes();
  if (event != nullptr) {
    for (std::size_t row = 0; row < rows; ++row) {
      const bool is_known =
          arrival->ints[row] <= as_of.micros && arrival->is_valid(row) && event->is_valid(row);
      if (!is_known) codes[row] = KeyCodes::kMissing;
    }
  }

  // Counting sort by key; rows of a key stay in the source's order.
  starts_.assign(keys_.size() + 1, 0);
  for (const std::uint32_t code : codes) {
    if (code != KeyCodes::kMissing) ++starts_[code + 1];
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  const std::size_t kept = starts_.back();
  rows_ = std::make_unique_for_overwrite<Row[]>(kept);
  starts_.pop_back();
  ends_ = starts_;

  slots_.assign(bound.inputs.size(), kOne);
  cells_.resize(bound.inputs.size());
  std::vector<InputNumbers> inputs;
  for (const std::size_t input : bound.running) {
    if (bound.view.aggregates[input].expression.empty()) continue;
    slots_[input] = inputs.size();
    inputs.emplace_back(bound.inputs[input], columns_, rows);
  }
  for (const std::size_t input : bound.collected)
    cells_[input] = bound.inputs[input].evaluate(columns_, rows);
  numbers_per_row_ = inputs.size();
  numbers_ = std::make_unique_for_overwrite<double[]>(kept * inputs.size());
  const auto fill = [&](std::size_t at, std::size_t row) {
    for (std::size_t slot = 0; slot < inputs.size(); ++slot)
      numbers_[at * inputs.size() + slot] = inputs[slot][row];
  };

  for (std::size_t row = 0; row < rows; ++row) {
    if (codes[row] == KeyCodes::kMissing) continue;
    const std::uint32_t at = ends_[codes[row]]++;
    rows_[at] = {event == nullptr ? kAlways : event->ints[row],
                 event == nullptr ? kAlways : arrival->ints[row], static_cast<std::uint32_t>(row)};
    fill(at, row);
  }
  for (std::size_t key = 0; key < starts_.size(); ++key) {
    if (is_sorted(starts_[key], ends_[key])) continue;
    ends_[key] = sort_key(starts_[key], ends_[key], identity);
    for (std::uint32_t at = starts_[key]; at < ends_[key]; ++at) fill(at, rows_[at].at);
  }
  if (!bound.deduplication_key.empty()) find_corrections();
}

void KeyedRows::find_corrections() {
  const std::vector<const Column*> columns = picked(columns_, bound_.deduplication_key);
  const std::vector<std::uint32_t> codes = KeyCodes(columns).take_codes();
  untils_.assign(ends_.empty() ? 0 : ends_.back(), kStillCounts);
  std::vector<Correctable> of_key;
  for (std::size_t key = 0; key < starts_.size(); ++key) {
    of_key.clear();
    for (std::uint32_t at = starts_[key]; at < ends_[key]; ++at) {
      const std::uint32_t code = codes[rows_[at].at];
      if (code != KeyCodes::kMissing) of_key.push_back({code, rows_[at].arrival, at});
    }
    for_corrected(of_key, [&](std::size_t at, std::int64_t until) { untils_[at] = until; });
  }
}

// Most sources are in the order of time already, and few rows of a key have the same two times.
bool KeyedRows::is_sorted(std::uint32_t begin, std::uint32_t end) const {
  const auto not_before = [](const Row& a, const Row& b) { return !is_before(a, b); };
  return std::adjacent_find(rows_.get() + begin, rows_.get() + end, not_before) ==
         rows_.get() + end;
}

std::uint32_t KeyedRows::sort_key(std::uint32_t begin, std::uint32_t end,
                                  const std::function<std::uint64_t(std::size_t)>& identity) {
  Row *const first_row = rows_.get() + begin, *const last_row = rows_.get() + end;
  std::stable_sort(first_row, last_row, is_before);
  Row* kept = first_row;
  for (Row* first = first_row; first != last_row;) {
    const auto last = std::upper_bound(first, last_row, *first, is_before);
    if (last - first == 1) {
      *kept++ = *first;
    } else {
      std::map<std::uint64_t, Row> by_identity;  // of equal rows the first counts
      for (auto at = first; at != last; ++at) by_identity.try_emplace(identity(at->at), *at);
      for (const auto& [id, row] : by_identity) *kept++ = row;
    }
    first = last;
  }
  return static_cast<std::uint32_t>(kept - rows_.get());
}

std::vector<Column> KeyedRows::read(std::span<const Column* const> keys,
                                    std::span<const std::int64_t> times) const {
  const std::vector<std::uint32_t> codes = keys_.find(keys);
  return bound_.view.is_windowed() ? read_windowed(codes, times) : read_latest(codes, times);
}

std::vector<std::uint32_t> KeyedRows::by_key(const std::vector<std::uint32_t>& keys) const {
  const auto bucket = [&](std::uint32_t key) {
    return std::min<std::size_t>(key, starts_.size());  // those without rows come last
  };
  std::vector<std::uint32_t> next(starts_.size() + 2, 0), order(keys.size());
  for (const std::uint32_t key : keys) ++next[bucket(key) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  for (std::size_t entity = 0; entity < keys.size(); ++entity)
    order[next[bucket(keys[entity])]++] = static_cast<std::uint32_t>(entity);
  return order;
}

std::vector<Column> KeyedRows::read_windowed(const std::vector<std::uint32_t>& keys,
                                             std::span<const std::int64_t> times) const {
  const std::size_t windows = bound_.view.windows.size();
  std::vector<Column> out;
  for (const ValueType type : bound_.types) out.push_back(Column::of_type("", column_type(type)));
  for (const std::size_t a : bound_.running) {
    for (std::size_t i = a * windows; i < (a + 1) * windows; ++i)
      out[i].doubles.assign(times.size(), std::numeric_limits<double>::quiet_NaN());
  }
  std::vector<double> numbers(out.size());
  for (const std::uint32_t entity : by_key(keys)) {
    if (keys[entity] == KeyCodes::kMissing) continue;
    read_windows(bound_, rows_of(keys[entity]), {times[entity]}, numbers);
    for (const std::size_t a : bound_.running) {
      for (std::size_t i = a * windows; i < (a + 1) * windows; ++i)
        out[i].doubles[entity] = numbers[i];
    }
  }
  for (const std::size_t a : bound_.running) {
    for (std::size_t i = a * windows; i < (a + 1) * windows; ++i)
      out[i] = as_values(std::move(out[i]));
  }
  if (bound_.collected.empty()) return out;
  WindowValues values;
  for (std::size_t entity = 0; entity < times.size(); ++entity) {
    for_collected(bound_, [&](std::size_t at, std::size_t aggregate, const Window& window) {
      append_value(out[at], keys[entity] == KeyCodes::kMissing
                                ? Value()
                                : read_collected(bound_, rows_of(keys[entity]), {times[entity]},
                                                 aggregate, window, values));
    });
  }
  return out;
}

std::vector<Column> KeyedRows::read_latest(const std::vector<std::uint32_t>& keys,
                                           std::span<const std::int64_t> times) const {
  std::vector<std::uint32_t> latest(times.size(), kNothing);
  for (const std::uint32_t entity : by_key(keys)) {
    const OfKey rows = rows_of(keys[entity]);
    if (const auto found = find_latest(bound_.view, rows, {times[entity]}))
      latest[entity] = rows_[rows.begin + *found].at;
  }
  // Only what was found is evaluated: usually far fewer rows than the source has.
  std::vector<Column> found(columns_.size());
  std::vector<const Column*> cells(columns_.size(), nullptr);
  std::vector<Column> out;
  for (const Expression& input : bound_.inputs) {
    for (const std::size_t column : input.columns()) {
      if (cells[column] != nullptr) continue;
      found[column] = gathered(*columns_[column], latest);
      cells[column] = &found[column];
    }
    out.push_back(input.evaluate(cells, latest.size()));
    for (std::size_t entity = 0; entity < latest.size(); ++entity) {
      if (latest[entity] == kNothing) out.back().set_null(entity);  // whatever of nothing is
    }
  }
  return out;
}

}  // namespace slipway::features
