#include "features/recomputation.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "features/corrections.h"
#include "features/keyed_rows.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;
using Columns = std::vector<const Column*>;

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();
// Moments that are asked for lie at most this far from the requests' own.
constexpr types::Duration kBefore = types::Duration::days(8), kAfter = types::Duration::hours(15);

// How far back a view looks; nothing: as far as there are rows. What corrects a row may have
// happened at any time.
std::optional<types::Duration> reach(const BoundView& bound) {
  if (!bound.deduplication_key.empty()) return std::nullopt;
  return bound.view.is_windowed() ? bound.view.reach() : bound.view.ttl;
}

Columns pointers(const std::vector<Column>& columns, const std::vector<bool>& is_read) {
  Columns all;
  for (std::size_t i = 0; i < columns.size(); ++i)
    all.push_back(is_read[i] ? &columns[i] : nullptr);
  return all;
}

}  // namespace

const BoundView& Recomputation::view_of(const BoundService::Output& output) const {
  CHECK(!output.from_request);
  return state_->views[service_->parts[output.part].view];
}

Columns Recomputation::keys_of(const BoundService::Part& part) const {
  Columns keys;
  for (const std::size_t key : part.keys) keys.push_back(&requests_.columns[key]);
  return keys;
}

bool Recomputation::is_given(const BoundService::Output& output, std::size_t request) const {
  const auto is_there = [&](std::size_t column) {
    return requests_.columns[column].is_valid(request);
  };
  if (output.from_request) return is_there(output.position);
  const BoundService::Part& part = service_->parts[output.part];
  if (part.on_demand.empty()) return std::ranges::all_of(part.keys, is_there);
  return std::ranges::all_of(part.on_demand[output.position].columns(), [&](std::size_t column) {
    if (column < requests_.columns.size()) return is_there(column);
    const std::size_t read = part.features[column - requests_.columns.size()].part;
    return std::ranges::all_of(service_->parts[read].keys, is_there);
  });
}

std::size_t Recomputation::count_keys(const BoundService::Output& output,
                                      const std::vector<std::size_t>& requests) const {
  std::vector<Column> keys;
  for (const Column* key : keys_of(service_->parts[output.part]))
    keys.push_back(key->take(requests));
  Columns columns;
  for (const Column& key : keys) columns.push_back(&key);
  return columns.empty() ? 1 : KeyCodes(columns).size();
}

Result<Recomputation::SourceRows> Recomputation::read_rows(const FeatureStore& store,
                                                           const State& state,
                                                           const BoundView& view,
                                                           const Columns& keys,
                                                           const std::vector<std::int64_t>& times) {
  const Source* source = state.definitions.find_source(view.view.source);
  const auto s = static_cast<std::size_t>(source - state.definitions.sources.data());
  const std::vector<NamedColumn>& columns = state.source_columns[s];
  SourceRows out;
  out.is_read.assign(columns.size(), state.source_keys[s].empty());
  const auto read = [&](std::size_t column) { out.is_read[column] = true; };
  std::ranges::for_each(state.source_keys[s], read);
  std::ranges::for_each(view.columns(), read);
  std::vector<std::string> names;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    out.columns.push_back(Column::of_type(columns[column].name, column_type(columns[column].type)));
    if (out.is_read[column]) names.push_back(columns[column].name);
  }
  if (times.empty()) return out;

  const auto [first, last] = std::minmax_element(times.begin(), times.end());
  const auto back = reach(view);
  const std::int64_t from = back ? *first - back->micros - kBefore.micros : -kEver;
  const std::int64_t until = back || view.deduplication_key.empty() ? *last + kAfter.micros : kEver;
  const KeyCodes asked(keys);
  const types::Frame frame = TRY(TRY(store.tables_.open(source->dataset))->rows(names));
  Columns source_keys;
  for (const std::size_t key : view.keys)
    source_keys.push_back(TRY(frame.column(columns[key].name)));
  const std::vector<std::uint32_t> codes = asked.find(source_keys);
  const Column* event =
      view.event_time ? TRY(frame.column(columns[*view.event_time].name)) : nullptr;
  std::vector<std::size_t> picked;
  for (std::size_t row = 0; row < codes.size(); ++row) {
    if (codes[row] >= asked.size()) continue;
    const bool matters = event == nullptr || (event->is_valid(row) && event->ints[row] >= from &&
                                              event->ints[row] <= until);
    if (matters) picked.push_back(row);
  }
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (out.is_read[column])
      out.columns[column] = TRY(frame.column(columns[column].name))->take(picked);
  }
  out.rows = picked.size();
  std::vector<Value> values(columns.size());
  for (std::size_t row = 0; row < out.rows; ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column)
      values[column] = out.is_read[column] ? cell_of(out.columns[column], row) : Value();
    out.identities.push_back(FeatureStore::identity_of(state, s, values));
  }

  // Pushed rows after them: of the same row twice the dataset's counts, as it does online.
  std::set<std::string> wanted;
  std::vector<Value> key(keys.size());
  std::vector<std::size_t> positions(keys.size());
  std::iota(positions.begin(), positions.end(), 0);
  for (std::size_t request = 0; request < times.size(); ++request) {
    for (std::size_t i = 0; i < keys.size(); ++i) key[i] = cell_of(*keys[i], request);
    if (auto text = key_of(key, positions)) wanted.insert(std::move(*text));
  }
  TRY(store.each_pushed(state, s, {view.event_time ? from : -kEver}, {until},
                        [&](std::span<const Value> row, std::uint64_t identity) {
                          const auto text = key_of(row, view.keys);
                          if (!text || !wanted.contains(*text)) return;
                          for (std::size_t column = 0; column < columns.size(); ++column) {
                            if (out.is_read[column]) append_cell(out.columns[column], row[column]);
                          }
                          out.identities.push_back(identity);
                          ++out.rows;
                        }));
  return out;
}

Result<Recomputation> Recomputation::of(const FeatureStore& store, Definitions definitions,
                                        const std::string& service, ServedRequests requests) {
  Recomputation again;
  again.state_ = TRY(store.bind(std::move(definitions)));
  again.service_ = TRY(store.find_service(*again.state_, service));
  CHECK(requests.columns.size() == again.service_->service.request.size());
  again.requests_ = std::move(requests);
  for (const BoundService::Part& part : again.service_->parts) {
    const BoundView& view = again.state_->views[part.view];
    again.parts_.emplace_back();
    if (view.view.is_on_demand()) continue;
    again.parts_.back() =
        TRY(read_rows(store, *again.state_, view, again.keys_of(part), again.requests_.times));
  }
  return again;
}

Recomputation Recomputation::only(std::size_t request) const {
  Recomputation one;
  one.state_ = state_;
  one.service_ = service_;
  for (const Column& column : requests_.columns)
    one.requests_.columns.push_back(column.take({request}));
  one.requests_.times = {requests_.times[request]};
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const SourceRows& all = parts_[p];
    const BoundService::Part& part = service_->parts[p];
    const BoundView& view = state_->views[part.view];
    SourceRows& some = one.parts_.emplace_back();
    if (view.view.is_on_demand()) continue;
    some.is_read = all.is_read;
    const KeyCodes key(one.keys_of(part));
    Columns keys;
    for (const std::size_t column : view.keys) keys.push_back(&all.columns[column]);
    const auto back = reach(view);
    std::vector<std::size_t> picked;
    const std::vector<std::uint32_t> codes = key.find(keys);
    for (std::size_t row = 0; row < all.rows; ++row) {
      if (codes[row] >= key.size()) continue;
      if (back && view.event_time) {
        const std::int64_t event = all.columns[*view.event_time].ints[row];
        if (event < one.requests_.times[0] - back->micros - kBefore.micros ||
            event > one.requests_.times[0] + kAfter.micros)
          continue;
      }
      picked.push_back(row);
    }
    for (std::size_t column = 0; column < all.columns.size(); ++column) {
      some.columns.push_back(all.is_read[column] ? all.columns[column].take(picked)
                                                 : all.columns[column]);
    }
    for (const std::size_t row : picked) some.identities.push_back(all.identities[row]);
    some.rows = picked.size();
  }
  return one;
}

std::vector<Column> Recomputation::read_part(std::size_t p, const Moment& moment,
                                             const std::vector<std::vector<Column>>& before) const {
  const BoundService::Part& part = service_->parts[p];
  const BoundView& view = state_->views[part.view];
  if (view.view.is_on_demand()) {
    std::vector<Column> shifted;
    Columns cells;
    shifted.reserve(requests_.columns.size());
    for (const Column& column : requests_.columns) {
      cells.push_back(&column);
      if (column.type != ColumnType::kTimestamp || moment.shift.micros == 0) continue;
      Column& moved = shifted.emplace_back(column);
      for (std::int64_t& time : moved.ints) time += moment.shift.micros;
      cells.back() = &moved;
    }
    for (const BoundService::Feature& feature : part.features)
      cells.push_back(&before[feature.part][feature.position]);
    std::vector<Column> out;
    for (const Expression& input : part.on_demand)
      out.push_back(as_values(input.evaluate(cells, requests_.times.size())));
    return out;
  }
  const SourceRows& rows = parts_[p];
  Columns cells = pointers(rows.columns, rows.is_read);
  Column known;  // when each was, had it been known at once
  if (moment.ignores_arrival && view.arrival_time) {
    known = *cells[*view.event_time];
    if (!view.deduplication_key.empty()) {
      const std::vector<std::int64_t> untils = counted_until(view, rows);
      for (std::size_t row = 0; row < rows.rows; ++row) {
        if (untils[row] != kStillCounts) known.set_null(row);
      }
    }
    cells[*view.arrival_time] = &known;
  }
  std::vector<std::int64_t> times = requests_.times;
  for (std::int64_t& time : times) time += moment.shift.micros;
  const KeyedRows keyed(view, cells, rows.rows,
                        moment.known_until.value_or(types::Timestamp{kEver}),
                        [&](std::size_t row) { return rows.identities[row]; });
  return keyed.read(keys_of(part), times);
}

std::vector<std::int64_t> Recomputation::counted_until(const BoundView& view,
                                                       const SourceRows& rows) {
  std::vector<std::int64_t> untils(rows.rows, kStillCounts);
  if (view.deduplication_key.empty()) return untils;
  const std::vector<std::int64_t>& events = rows.columns[*view.event_time].ints;
  const std::vector<std::int64_t>& arrivals = rows.columns[*view.arrival_time].ints;
  Columns columns;
  for (const std::size_t key : view.keys) columns.push_back(&rows.columns[key]);
  for (const std::size_t key : view.deduplication_key) columns.push_back(&rows.columns[key]);
  const std::vector<std::uint32_t> codes = KeyCodes(columns).take_codes();
  const auto order = [&](std::size_t row) {
    return std::tuple(events[row], arrivals[row], rows.identities[row]);
  };
  std::vector<std::size_t> in_order;
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const bool is_known = rows.columns[*view.event_time].is_valid(row) &&
                          rows.columns[*view.arrival_time].is_valid(row);
    if (is_known && codes[row] != KeyCodes::kMissing) in_order.push_back(row);
  }
  std::ranges::stable_sort(in_order, {}, order);
  std::vector<Correctable> all;
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    const std::size_t row = in_order[i];
    if (i > 0 && order(in_order[i - 1]) == order(row)) {
      untils[row] = kNeverCounts;
    } else {
      all.push_back({codes[row], arrivals[row], i});
    }
  }
  for_corrected(all, [&](std::size_t i, std::int64_t until) { untils[in_order[i]] = until; });
  return untils;
}

std::vector<Column> Recomputation::values(const Moment& moment) const {
  std::vector<std::vector<Column>> parts;
  for (std::size_t p = 0; p < service_->parts.size(); ++p)
    parts.push_back(read_part(p, moment, parts));
  std::vector<Column> out;
  for (const BoundService::Output& output : service_->outputs) {
    out.push_back(output.from_request ? requests_.columns[output.position]
                                      : parts[output.part][output.position]);
  }
  return out;
}

std::vector<Recomputation::SourceRow> Recomputation::source_rows(const BoundService::Output& output,
                                                                 std::size_t request) const {
  std::vector<SourceRow> found;
  if (output.from_request) return found;
  const BoundView& view = view_of(output);
  if (view.view.is_on_demand()) {
    const BoundService::Part& part = service_->parts[output.part];
    for (const std::size_t column : part.on_demand[output.position].columns()) {
      if (column < requests_.columns.size()) continue;
      const auto [read, position] = part.features[column - requests_.columns.size()];
      std::ranges::move(source_rows({.part = read, .position = position}, request),
                        std::back_inserter(found));
    }
    return found;
  }
  const Recomputation one = only(request);
  const SourceRows& rows = one.parts_[output.part];
  const std::size_t windows = view.view.windows.size();
  const std::size_t input = view.view.is_windowed() ? output.position / windows : output.position;
  const Column inputs =
      view.inputs[input].evaluate(pointers(rows.columns, rows.is_read), rows.rows);
  const std::int64_t time = requests_.times[request];
  const auto is_too_old = [&](std::int64_t event) {
    if (!view.view.is_windowed()) return view.view.ttl && time - event > view.view.ttl->micros;
    return event <=
           view.view.window_begin(view.view.windows[output.position % windows].length, time);
  };
  const std::vector<std::int64_t> untils = counted_until(view, rows);
  std::set<std::tuple<std::int64_t, std::int64_t, std::uint64_t>> seen;
  for (std::size_t row = 0; row < rows.rows; ++row) {
    if (untils[row] <= time) continue;
    SourceRow is{.input = cell_of(inputs, row)};
    if (view.event_time) {
      const Column& events = rows.columns[*view.event_time];
      const Column& arrivals = rows.columns[*view.arrival_time];
      if (!events.is_valid(row) || !arrivals.is_valid(row)) continue;
      if (events.ints[row] > time || is_too_old(events.ints[row])) continue;
      is.event = types::Timestamp{events.ints[row]};
      is.arrival = types::Timestamp{arrivals.ints[row]};
      is.is_known = arrivals.ints[row] <= time;
    }
    const auto times = std::pair(is.event.value_or(types::Timestamp{}).micros,
                                 is.arrival.value_or(types::Timestamp{}).micros);
    if (seen.insert({times.first, times.second, rows.identities[row]}).second)
      found.push_back(std::move(is));
  }
  std::stable_sort(found.begin(), found.end(), [](const SourceRow& a, const SourceRow& b) {
    return std::tie(a.event, a.arrival) > std::tie(b.event, b.arrival);
  });
  return found;
}

std::vector<types::Timestamp> Recomputation::arrivals(std::size_t request,
                                                      std::size_t limit) const {
  std::set<std::int64_t> all;
  const Recomputation one = only(request);
  for (std::size_t p = 0; p < one.parts_.size(); ++p) {
    const BoundView& view = state_->views[service_->parts[p].view];
    if (!view.arrival_time) continue;
    const Column& column = one.parts_[p].columns[*view.arrival_time];
    for (std::size_t row = 0; row < one.parts_[p].rows; ++row) {
      if (column.is_valid(row) && column.ints[row] <= requests_.times[request])
        all.insert(column.ints[row]);
    }
  }
  std::vector<types::Timestamp> newest;
  for (auto at = all.rbegin(); at != all.rend() && newest.size() < limit; ++at)
    newest.push_back({*at});
  return newest;
}

}  // namespace slipway::features
