// What a view says about a key at a moment, from the key's rows: the one evaluator of windows and
// latest rows, whatever the rows are kept in.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "features/view_index.h"
#include "features/window_values.h"

namespace slipway::features {

// Event and arrival time of rows whose source has no times: always known, always true.
inline constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::min();

// Running state of one aggregate in one window.
struct Accumulator {
  double sum = 0, low = 0, high = 0;
  std::size_t count = 0;

  void add(double x) {
    sum += x;
    low = count == 0 ? x : std::min(low, x);
    high = count == 0 ? x : std::max(high, x);
    ++count;
  }
  // An empty window counts 0; whatever else is asked of it is missing (NaN).
  double result(AggregateFunction function) const {
    if (function == AggregateFunction::kCount) return static_cast<double>(count);
    if (count == 0) return std::numeric_limits<double>::quiet_NaN();
    switch (function) {
      case AggregateFunction::kSum:
        return sum;
      case AggregateFunction::kMean:
        return sum / static_cast<double>(count);
      case AggregateFunction::kMin:
        return low;
      case AggregateFunction::kMax:
        return high;
      case AggregateFunction::kCount:
      case AggregateFunction::kVariance:
      case AggregateFunction::kStddev:
      case AggregateFunction::kFirst:
      case AggregateFunction::kLast:
      case AggregateFunction::kDistinct:
      case AggregateFunction::kTopK:
      case AggregateFunction::kMode:
      case AggregateFunction::kQuantile:
        break;  // need the values themselves
    }
    return std::numeric_limits<double>::quiet_NaN();
  }
};

// `Rows` are one key's rows in the order of event time, arrival time and identity:
//   std::size_t size(); std::int64_t event(row), arrival(row);
//   double number(row, input);   // of an aggregate; NaN: missing; a text or time is 1
//   void collect(row, input, std::vector<T>& values);   // adds the cell when it is there
// Nothing is copied and nothing allocated, but for views with very many windows.

// The first row that is not after `time`'s end: rows before it have event time <= time.
template <typename Rows>
std::size_t first_after(const Rows& rows, std::int64_t time) {
  std::size_t low = 0, high = rows.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (rows.event(middle) <= time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Event time in (as_of - window, as_of] and arrival time at most as_of. Writes one number for each
// aggregate and window, NaN where it is missing; and where the aggregate is none of bound.running.
template <typename Rows>
void read_windows(const BoundView& bound, const Rows& rows, types::Timestamp as_of,
                  std::span<double> out) {
  const std::vector<Window>& windows = bound.view.windows;
  const std::size_t aggregates = bound.view.aggregates.size();
  std::int64_t longest = 0;
  for (const Window& window : windows) longest = std::max(longest, window.length.micros);
  std::array<Accumulator, 64> fixed;
  std::vector<Accumulator> many;
  std::span<Accumulator> state(fixed);
  if (aggregates * windows.size() > fixed.size()) {
    many.resize(aggregates * windows.size());
    state = many;
  }
  for (std::size_t row = first_after(rows, as_of.micros - longest);
       row < rows.size() && rows.event(row) <= as_of.micros; ++row) {
    if (rows.arrival(row) > as_of.micros) continue;  // not known yet
    for (const std::size_t a : bound.running) {
      const double number = rows.number(row, a);
      if (std::isnan(number)) continue;
      for (std::size_t w = 0; w < windows.size(); ++w) {
        if (rows.event(row) > as_of.micros - windows[w].length.micros)
          state[a * windows.size() + w].add(number);
      }
    }
  }
  for (std::size_t a = 0; a < aggregates; ++a) {
    for (std::size_t w = 0; w < windows.size(); ++w)
      out[a * windows.size() + w] =
          state[a * windows.size() + w].result(bound.view.aggregates[a].function);
  }
  for (const std::size_t a : bound.collected)
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(a * windows.size()), windows.size(),
                std::numeric_limits<double>::quiet_NaN());
}

// Calls visit(position of the feature, position of the aggregate, window) for each collected one.
template <typename Visit>
void for_collected(const BoundView& bound, Visit visit) {
  for (const std::size_t a : bound.collected) {
    for (std::size_t w = 0; w < bound.view.windows.size(); ++w)
      visit(a * bound.view.windows.size() + w, a, bound.view.windows[w]);
  }
}

// The same rows as read_windows() for one of bound.collected.
template <typename Rows>
Value read_collected(const BoundView& bound, const Rows& rows, types::Timestamp as_of,
                     std::size_t aggregate, const Window& window, WindowValues& room) {
  const auto answer = [&](auto& values) {
    values.clear();
    for (std::size_t row = first_after(rows, as_of.micros - window.length.micros);
         row < rows.size() && rows.event(row) <= as_of.micros; ++row) {
      if (rows.arrival(row) <= as_of.micros) rows.collect(row, aggregate, values);
    }
    return aggregate_of(bound.view.aggregates[aggregate], std::span(values));
  };
  switch (bound.inputs[aggregate].type()) {
    case ValueType::kText:
      return answer(room.texts);
    case ValueType::kTime:
      return answer(room.times);
    case ValueType::kNumber:
    case ValueType::kBool:
      break;
  }
  return answer(room.numbers);
}

// The newest row that is known at `as_of`. Nothing: there is none.
template <typename Rows>
std::optional<std::size_t> find_newest(const Rows& rows, types::Timestamp as_of) {
  for (std::size_t row = first_after(rows, as_of.micros); row-- > 0;) {
    if (rows.arrival(row) <= as_of.micros) return row;
  }
  return std::nullopt;
}

// Whether a row's event is past the view's ttl (inclusive), or before all of its windows.
inline bool is_too_old(const View& view, std::int64_t event, types::Timestamp as_of) {
  if (event == kAlways) return false;
  std::int64_t longest = 0;
  for (const Window& window : view.windows) longest = std::max(longest, window.length.micros);
  if (longest > 0) return event <= as_of.micros - longest;
  return view.ttl && as_of.micros - event > view.ttl->micros;
}

// The newest row that is known at `as_of` and not older than the view's ttl. Nothing: there is
// none.
template <typename Rows>
std::optional<std::size_t> find_latest(const View& view, const Rows& rows, types::Timestamp as_of) {
  const auto newest = find_newest(rows, as_of);
  if (!newest || is_too_old(view, rows.event(*newest), as_of)) return std::nullopt;
  return newest;
}

}  // namespace slipway::features
