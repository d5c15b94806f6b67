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
#include "features/tiles.h"
#include "features/view_index.h"
#include "features/window_values.h"

namespace slipway::features {

// Event and arrival time of rows whose source has no times: always known, always true.
inline constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::min();

// `Rows` are one key's rows in the order of event time, arrival time and identity:
//   std::size_t size(); std::int64_t event(row), arrival(row);
//   bool is_known(row, moment);   // had arrived by then, and nothing that corrects it
//   double number(row, input);   // of an aggregate; NaN: missing; a text or time is 1
//   void collect(row, input, std::vector<T>& values);   // adds the cell when it is there
// Those that are kept online may have Tiles of rows before them. Nothing is copied and nothing
// allocated.

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

// What of a key is in a window: tiles and rows, from the first to before the second.
struct InWindow {
  std::size_t tile = 0, tiles_end = 0, row = 0, rows_end = 0;
};

template <typename Rows>
concept HasTiles = requires(const Rows& rows) { rows.tiles(); };

// Event time in (View::window_begin, as_of]. Tiles have no rows that are newer than a moment to the
// bit: asked for one before they end, they answer for the multiple of the resolution before it.
template <typename Rows>
InWindow in_window(const View& view, const Rows& rows, types::Timestamp as_of,
                   const Window& window) {
  const std::int64_t begin = view.window_begin(window.length, as_of.micros);
  InWindow in{.row = first_after(rows, begin)};
  std::int64_t end = as_of.micros;
  if constexpr (HasTiles<Rows>) {
    if (rows.tiles().bytes() > 0) {
      in.tile = rows.tiles().first_after(begin);
      in.tiles_end = rows.tiles().first_after(end);
      if (end < rows.tiles().until()) end = view.window_begin(types::Duration(), end);
    }
  }
  in.rows_end = std::max(in.row, first_after(rows, end));
  return in;
}

// One running aggregate over what is in a window, of the rows those that `is_known` holds for. An
// empty window counts 0; whatever else is asked of it is missing (NaN).
template <typename Rows, typename IsKnown>
double run_over(AggregateFunction function, const Rows& rows, const InWindow& in, std::size_t input,
                IsKnown is_known) {
  std::size_t count = 0;
  const auto each = [&](auto add) {
    for (std::size_t row = in.row; row < in.rows_end; ++row) {
      const double number = rows.number(row, input);
      if (std::isnan(number) || !is_known(row)) continue;
      add(number);
      ++count;
    }
  };
  const auto each_tile = [&](auto add) {
    if constexpr (HasTiles<Rows>) {
      for (std::size_t tile = in.tile; tile < in.tiles_end; ++tile) add(rows.tiles(), tile);
    }
  };
  const auto each_extreme = [&](auto add) {
    each_tile([&](const auto& tiles, std::size_t tile) {
      if (!tiles.has_value(tile, input)) return;
      add(tiles.number(tile, input));
      ++count;
    });
    each(add);
  };
  double result = 0;
  if (function == AggregateFunction::kCount) {
    each_tile([&](const auto& tiles, std::size_t tile) { count += tiles.count(tile, input); });
    each([](double) {});
    return static_cast<double>(count);
  }
  if (function == AggregateFunction::kMin) {
    result = std::numeric_limits<double>::infinity();
    each_extreme([&](double x) { result = std::min(result, x); });
  } else if (function == AggregateFunction::kMax) {
    result = -std::numeric_limits<double>::infinity();
    each_extreme([&](double x) { result = std::max(result, x); });
  } else {
    ExactSum sum;
    each_tile([&](const auto& tiles, std::size_t tile) {
      count += tiles.count(tile, input);
      tiles.add_sum(tile, input, sum);
    });
    each([&](double x) { sum.add(x); });
    result = sum.value();
    if (function == AggregateFunction::kMean) result /= static_cast<double>(count);
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : result;
}

// What is in_window() and was known at as_of. Writes one number for each aggregate and window,
// NaN where it is missing; and where the aggregate is none of bound.running.
template <typename Rows>
void read_windows(const BoundView& bound, const Rows& rows, types::Timestamp as_of,
                  std::span<double> out) {
  const std::vector<Window>& windows = bound.view.windows;
  for (const std::size_t a : bound.collected) {
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(a * windows.size()), windows.size(),
                std::numeric_limits<double>::quiet_NaN());
  }
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const InWindow in = in_window(bound.view, rows, as_of, windows[w]);
    const auto is_known = [&](std::size_t row) { return rows.is_known(row, as_of.micros); };
    bool all_known = true;
    for (std::size_t row = in.row; row < in.rows_end && all_known; ++row) all_known = is_known(row);
    for (const std::size_t a : bound.running) {
      const AggregateFunction function = bound.view.aggregates[a].function;
      out[a * windows.size() + w] =
          all_known ? run_over(function, rows, in, a, [](std::size_t) { return true; })
                    : run_over(function, rows, in, a, is_known);
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

// Adds the values of a window's tiles to those of its rows, so that the aggregate of these few is
// that of all: of first and last in their order.
template <typename Rows, typename T>
void collect_tiles(AggregateFunction function, const Rows& rows, const InWindow& in,
                   std::optional<std::size_t> first_row, std::optional<std::size_t> last_row,
                   std::size_t input, std::vector<T>& values) {
  const Tiles& tiles = rows.tiles();
  const auto order_of = [&](std::size_t row) {
    return RowOrder(rows.event(row), rows.arrival(row), rows.identity(row));
  };
  if (function == AggregateFunction::kFirst) {
    for (std::size_t tile = in.tile; tile < in.tiles_end; ++tile) {
      if (!tiles.has_value(tile, input)) continue;
      if (first_row && order_of(*first_row) < tiles.order(tile, input)) return;
      tiles.collect(tile, input, values);
      std::ranges::rotate(values, values.end() - 1);
      return;
    }
  } else if (function == AggregateFunction::kLast) {
    for (std::size_t tile = in.tiles_end; tile-- > in.tile;) {
      if (!tiles.has_value(tile, input)) continue;
      if (!last_row || order_of(*last_row) < tiles.order(tile, input))
        tiles.collect(tile, input, values);
      return;
    }
  } else {
    for (std::size_t tile = in.tile; tile < in.tiles_end; ++tile)
      tiles.collect(tile, input, values);
  }
}

// Of an aggregate whose tiles have its values: `values` are of the rows, the others come from the
// tiles. Where values are seldom there twice they are taken one by one, as if they came from rows.
template <typename T>
Value aggregate_with_tiles(const Aggregate& aggregate, const Tiles& tiles, const InWindow& in,
                           std::size_t input, std::vector<T>& values) {
  std::vector<Counted<T>> counted;
  std::uint64_t all = 0;
  for (std::size_t tile = in.tile; tile < in.tiles_end; ++tile) {
    tiles.each_value<T>(tile, input, [&](T value, std::uint64_t times) {
      counted.push_back({value, times});
      all += times;
    });
  }
  if (all / 2 <= counted.size()) {
    for (const Counted<T>& one : counted) values.insert(values.end(), one.times, one.value);
    return aggregate_of(aggregate, std::span(values));
  }
  for (const T& value : values) counted.push_back({value});
  return aggregate_of(aggregate, std::move(counted));
}

// The same as read_windows() for one of bound.collected.
template <typename Rows>
Value read_collected(const BoundView& bound, const Rows& rows, types::Timestamp as_of,
                     std::size_t aggregate, const Window& window, WindowValues& room) {
  const auto answer = [&](auto& values) {
    values.clear();
    const InWindow in = in_window(bound.view, rows, as_of, window);
    std::optional<std::size_t> first_row, last_row;  // with a value
    for (std::size_t row = in.row; row < in.rows_end; ++row) {
      if (!rows.is_known(row, as_of.micros)) continue;
      const std::size_t before = values.size();
      rows.collect(row, aggregate, values);
      if (values.size() == before) continue;
      if (!first_row) first_row = row;
      last_row = row;
    }
    if constexpr (HasTiles<Rows>) {
      const Aggregate& function = bound.view.aggregates[aggregate];
      if (in.tile < in.tiles_end && rows.tiles().fold(aggregate) == Fold::kValues)
        return aggregate_with_tiles(function, rows.tiles(), in, aggregate, values);
      collect_tiles(bound.view.aggregates[aggregate].function, rows, in, first_row, last_row,
                    aggregate, values);
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
    if (rows.is_known(row, as_of.micros)) return row;
  }
  return std::nullopt;
}

// Whether a row's event is past the view's ttl (inclusive), or before all of its windows.
inline bool is_too_old(const View& view, std::int64_t event, types::Timestamp as_of) {
  if (event == kAlways) return false;
  types::Duration longest;
  for (const Window& window : view.windows) longest = std::max(longest, window.length);
  if (view.is_windowed()) return event <= view.window_begin(longest, as_of.micros);
  std::int64_t age = 0;
  return view.ttl && (__builtin_sub_overflow(as_of.micros, event, &age) || age > view.ttl->micros);
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
