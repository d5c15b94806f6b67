// What a view says about a key at a moment, from the key's rows: the one evaluator of windows and
// latest rows, whatever the rows are kept in.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "features/exact_sum.h"
#include "features/view_index.h"
#include "features/window_values.h"

namespace slipway::features {

// Event and arrival time of rows whose source has no times: always known, always true.
inline constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::min();

// `Rows` are one key's rows in the order of event time, arrival time and identity:
//   std::size_t size(); std::int64_t event(row), arrival(row);
//   double number(row, input);   // of an aggregate; NaN: missing; a text or time is 1
//   void collect(row, input, std::vector<T>& values);   // adds the cell when it is there
// Nothing is copied and nothing allocated.

// How many rows have event time <= time. Takes no branch that a processor could guess wrong.
template <typename Rows>
std::size_t first_after(const Rows& rows, std::int64_t time) {
  std::size_t low = 0, left = rows.size();
  while (left > 0) {
    const std::size_t half = (left + 1) / 2;
    low += rows.event(low + half - 1) <= time ? half : 0;
    left -= half;
  }
  return low;
}

// One running aggregate over the rows [from, to): those that `is_known` holds for. An empty window
// counts 0; whatever else is asked of it is missing (NaN).
template <typename Rows, typename IsKnown>
double run_over(AggregateFunction function, const Rows& rows, std::size_t from, std::size_t to,
                std::size_t input, IsKnown is_known) {
  std::size_t count = 0;
  const auto each = [&](auto add) {
    for (std::size_t row = from; row < to; ++row) {
      const double number = rows.number(row, input);
      if (std::isnan(number) || !is_known(row)) continue;
      add(number);
      ++count;
    }
  };
  double result = 0;
  if (function == AggregateFunction::kCount) {
    each([](double) {});
    return static_cast<double>(count);
  }
  if (function == AggregateFunction::kMin) {
    result = std::numeric_limits<double>::infinity();
    each([&](double x) { result = std::min(result, x); });
  } else if (function == AggregateFunction::kMax) {
    result = -std::numeric_limits<double>::infinity();
    each([&](double x) { result = std::max(result, x); });
  } else {
    ExactSum sum;
    each([&](double x) { sum.add(x); });
    result = sum.value();
    if (function == AggregateFunction::kMean) result /= static_cast<double>(count);
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : result;
}

// Event time in (as_of - window, as_of] and arrival time at most as_of. Writes one number for each
// aggregate and window, NaN where it is missing; and where the aggregate is none of bound.running.
template <typename Rows>
void read_windows(const BoundView& bound, const Rows& rows, types::Timestamp as_of,
                  std::span<double> out) {
  const std::vector<Window>& windows = bound.view.windows;
  for (const std::size_t a : bound.collected) {
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(a * windows.size()), windows.size(),
                std::numeric_limits<double>::quiet_NaN());
  }
  const std::size_t to = first_after(rows, as_of.micros);
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const std::size_t from = first_after(rows, as_of.micros - windows[w].length.micros);
    const auto is_known = [&](std::size_t row) { return rows.arrival(row) <= as_of.micros; };
    bool all_known = true;
    for (std::size_t row = from; row < to && all_known; ++row) all_known = is_known(row);
    for (const std::size_t a : bound.running) {
      const AggregateFunction function = bound.view.aggregates[a].function;
      out[a * windows.size() + w] =
          all_known ? run_over(function, rows, from, to, a, [](std::size_t) { return true; })
                    : run_over(function, rows, from, to, a, is_known);
    }
  }
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
