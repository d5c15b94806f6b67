// Rows that are pushed: into the database first, which is the truth, then into the online store.

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "features/feature_store.h"
#include "features/window_reader.h"

namespace slipway::features {
namespace {

// Rows are packed and written so many at a time when they are brought again.
constexpr std::size_t kRowsPerBatch = 20'000;

// A pushed cell: numbers, texts and RFC 3339 times, by the column's type. A missing member is a
// missing value.
Result<Value> cell_from_json(const Json* cell, const NamedColumn& column) {
  if (cell == nullptr || cell->is_null()) return Value();
  const auto wrong = [&](std::string_view why) {
    return base::error(Code::kInvalidArgument, "column {} must be a {}: {}: got={}", column.name,
                       value_type_name(column.type), why, base::to_text(*cell));
  };
  switch (column.type) {
    case ValueType::kNumber:
    case ValueType::kBool:
      if (cell->is_bool()) return Value(cell->get_bool() ? 1.0 : 0.0);
      if (!cell->is_number()) return wrong("expected a number");
      if (column.is_whole && cell->is_double() &&
          std::trunc(cell->get_double()) != cell->get_double())
        return wrong("expected a whole number");
      if (column.is_whole && cell->is_int64()) return whole_number(cell->get_int64());
      return Value(cell->to_number<double>());
    case ValueType::kText:
      if (!cell->is_string()) return wrong("expected a text");
      return Value(std::string(std::string_view(cell->get_string())));
    case ValueType::kTime: {
      if (cell->is_int64()) {
        Result<Value> time = time_of_micros(cell->get_int64());
        if (!time) return wrong(time.error().message);
        return time;
      }
      if (!cell->is_string()) return wrong("expected an RFC 3339 time or microseconds");
      const auto time = types::parse_rfc3339(std::string_view(cell->get_string()));
      if (!time) return wrong(time.error().message);
      return Value(*time);
    }
  }
  return Value();
}

std::size_t column_position(const std::vector<NamedColumn>& columns, std::string_view name) {
  const auto at = std::ranges::find(columns, name, &NamedColumn::name);
  CHECK(at != columns.end());  // bound before
  return static_cast<std::size_t>(at - columns.begin());
}

Result<void> check_offsets(const StreamPosition& position, std::size_t rows) {
  const std::vector<std::int64_t>& offsets = position.offsets;
  if (position.stream.empty())
    return base::error(Code::kInvalidArgument, "the stream's name is missing");
  if (offsets.size() != rows) {
    return base::error(Code::kInvalidArgument,
                       "expected an offset for each row: offsets={} rows={}", offsets.size(), rows);
  }
  if (std::ranges::adjacent_find(offsets, std::greater_equal<>()) != offsets.end() ||
      (!offsets.empty() &&
       (offsets.front() < 0 || offsets.back() == std::numeric_limits<std::int64_t>::max())))
    return base::error(Code::kInvalidArgument, "offsets must be whole numbers from 0, ascending");
  return {};
}

}  // namespace

struct FeatureStore::ParsedRows {
  struct Row {
    std::vector<Value> values;
    std::uint64_t identity = 0;
    types::Timestamp event, arrival;
    std::string text;
    // Of all that was said, where that wasn't when it arrived: by it a row is known again that is
    // sent once more.
    std::optional<std::int64_t> said;
    std::int64_t number = 0;      // that the database gave it
    bool has_key = true;          // all of what tells the dataset's rows apart
    bool is_new = false;          // to the database
    bool is_old_message = false;  // its offset was committed before
  };
  std::shared_ptr<const State> state;  // that they were read for
  std::size_t source = 0;
  std::vector<Row> rows;
};

Result<FeatureStore::ParsedRows> FeatureStore::parse(std::shared_ptr<const State> state,
                                                     const std::string& source_name,
                                                     const JsonArray& rows) const {
  const auto found = state->find_source(source_name);
  if (!found) return base::error(Code::kNotFound, "no such source: source={}", source_name);
  ParsedRows parsed{.state = state, .source = *found, .rows = {}};
  const Source& source = state->definitions.sources[*found];
  const std::vector<NamedColumn>& columns = state->source_columns[*found];
  const types::Timestamp now = clock_.now();
  parsed.rows.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto in_row = [&](const Error& error) {
      return Error(error).with_context(fmt::format("row {}", i));
    };
    if (!rows[i].is_object())
      return in_row(base::error(Code::kInvalidArgument, "expected an object"));
    const JsonObject& object = rows[i].get_object();
    for (const auto& member : object) {
      const std::string_view name = member.key();
      if (std::ranges::find(columns, name, &NamedColumn::name) == columns.end()) {
        return in_row(
            base::error(Code::kInvalidArgument, "the source has no such column: column={}", name));
      }
    }
    ParsedRows::Row row;
    row.values.reserve(columns.size());
    JsonObject stored;
    stored.reserve(columns.size());
    for (const NamedColumn& column : columns) {
      Result<Value> value = cell_from_json(object.if_contains(column.name), column);
      if (!value) return in_row(value.error());
      if (!is_null(*value)) stored[column.name] = to_pushed(*value);
      row.values.push_back(std::move(*value));
    }
    if (!source.arrival_time.empty() && source.arrival_time != source.event_time) {
      Value& arrival = row.values[column_position(columns, source.arrival_time)];
      if (is_null(arrival)) {
        row.said = static_cast<std::int64_t>(base::hash64(base::to_text(stored)) >> 1);
        arrival = now;
        stored[source.arrival_time] = to_pushed(arrival);
      }
    }
    if (!source.event_time.empty()) {
      const Value& event = row.values[column_position(columns, source.event_time)];
      const Value& arrival = row.values[column_position(columns, source.arrival_time)];
      if (is_null(event))
        return in_row(base::error(Code::kInvalidArgument, "the event time is missing: column={}",
                                  source.event_time));
      row.event = std::get<types::Timestamp>(event);
      row.arrival = std::get<types::Timestamp>(arrival);
    }
    row.text = base::to_text(stored);
    row.identity = identity_of(*state, *found, row.values);
    // Who pushes may not know what tells the dataset's rows apart; all that was said does.
    const auto is_missing = [&](std::size_t key) { return is_null(row.values[key]); };
    row.has_key = std::ranges::none_of(state->source_keys[*found], is_missing);
    if (!row.has_key) row.identity = base::hash64(row.text) >> 1;
    parsed.rows.push_back(std::move(row));
  }
  return parsed;
}

// A row without its arrival time that is there already, with the one it was given then: takes that.
// Where another row of the same key has come since, this one corrects it.
Result<void> FeatureStore::find_said(store::Tx& tx, const std::string& source, ParsedRows& parsed,
                                     std::size_t at) {
  ParsedRows::Row& row = parsed.rows[at];
  struct Earlier {
    types::Timestamp arrival;
    std::int64_t identity;
    std::string text;
  };
  const auto earlier = TRY(tx.find(
      "SELECT arrival_time, identity, row FROM feature_rows WHERE source = ? AND event_time = ? "
      "AND said = ? ORDER BY arrival_time DESC LIMIT 1",
      {source, row.event, row.said}, [](const store::Row& found) {
        return Earlier{found.time(0), found.int64(1), found.string(2)};
      }));
  if (!earlier) return {};
  const auto newer = TRY(tx.find(
      "SELECT number FROM feature_rows WHERE source = ? AND event_time = ? AND arrival_time > ? "
      "AND identity = ? LIMIT 1",
      {source, row.event, earlier->arrival, earlier->identity},
      [](const store::Row& found) { return found.int64(0); }));
  if (newer) return {};
  row.arrival = earlier->arrival;
  row.identity = static_cast<std::uint64_t>(earlier->identity);
  row.text = earlier->text;
  const Source& of = parsed.state->definitions.sources[parsed.source];
  row.values[column_position(parsed.state->source_columns[parsed.source], of.arrival_time)] =
      row.arrival;
  return {};
}

Result<std::int64_t> FeatureStore::push(const std::string& source_name, const JsonArray& rows,
                                        const std::optional<StreamPosition>& position) {
  ParsedRows parsed = TRY(parse(state(), source_name, rows));
  if (position) TRY(check_offsets(*position, rows.size()));
  if (rows.empty()) return 0;
  if (position) {
    for (std::size_t i = 0; i < parsed.rows.size(); ++i) {
      ParsedRows::Row& row = parsed.rows[i];
      if (row.has_key) continue;
      // Messages that are alike are several rows: their places tell them apart.
      row.identity = base::hash64(fmt::format("{} {} {} {}", row.text, position->stream,
                                              position->partition, position->offsets[i])) >>
                     1;
    }
  }
  const std::uint64_t ticket = begin_push();
  struct Written {
    std::int64_t added = 0, last_number = 0;
  };
  const Result<Written> written = db_.write([&](store::Tx& tx) -> Result<Written> {
    Written written;
    std::int64_t next = 0;
    if (position) {
      next = TRY(tx.find("SELECT next FROM feature_offsets WHERE source = ? AND stream = ? AND "
                         "partition = ?",
                         {source_name, position->stream, position->partition},
                         [](const store::Row& row) { return row.int64(0); }))
                 .value_or(0);
    }
    for (std::size_t i = 0; i < parsed.rows.size(); ++i) {
      ParsedRows::Row& row = parsed.rows[i];
      row.is_old_message = position && position->offsets[i] < next;
      row.is_new = false;
      if (row.is_old_message) continue;
      // Messages that are alike and name no key are several rows.
      if (row.said && (row.has_key || !position)) TRY(find_said(tx, source_name, parsed, i));
      const auto identity = static_cast<std::int64_t>(row.identity);
      const auto added = TRY(tx.insert(
          "INSERT INTO feature_rows(source, event_time, arrival_time, identity, row, said) "
          "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
          "number", {source_name, row.event, row.arrival, identity, row.text, row.said}));
      row.is_new = added.has_value();
      row.number = added.value_or(0);
      if (!added) {
        row.number =
            TRY(tx.find("SELECT number FROM feature_rows WHERE source = ? AND event_time = ? AND "
                        "arrival_time = ? AND identity = ?",
                        {source_name, row.event, row.arrival, identity},
                        [](const store::Row& found) { return found.int64(0); }))
                .value_or(0);
      }
      written.added += row.is_new ? 1 : 0;
    }
    if (position && position->offsets.back() >= next) {
      TRY(tx.execute(
          "INSERT INTO feature_offsets(source, stream, partition, next) "
          "VALUES(?, ?, ?, ?) ON CONFLICT(workspace, source, stream, partition) "
          "DO UPDATE SET next = excluded.next",
          {source_name, position->stream, position->partition, position->offsets.back() + 1}));
    }
    written.last_number =
        TRY(tx.find("SELECT MAX(number) FROM feature_rows", {}, [](const store::Row& row) {
          return row.int64(0);
        })).value_or(0);
    return written;
  });
  if (!written) {
    end_push(ticket);
    return written.error();
  }

  TRY(bring(parsed, source_name, ticket, written->last_number));
  if (is_behind_) {
    return base::error(Code::kUnavailable,
                       "the online store is being brought up to date: the rows are kept, and seen "
                       "then");
  }
  return written->added;
}

Result<void> FeatureStore::bring(const ParsedRows& parsed, const std::string& source_name,
                                 std::uint64_t ticket, std::int64_t last_number) {
  push_gate_.lock();
  push_gate_.unlock();
  const base::ReadLock pushing(push_mutex_);
  std::vector<std::shared_ptr<const State>> states;
  {
    const base::MutexLock lock(mutex_);
    states.push_back(state_);
    if (loading_ && loading_ != state_) states.push_back(loading_);
  }
  const std::int64_t applied = applied_with(ticket, last_number);
  OnlineStore::Batch batch;
  Result<void> done;
  for (const auto& present : states) {
    const auto source = present->find_source(source_name);
    if (!source) continue;
    SourceRows some = no_rows(*present, *source);
    for (const ParsedRows::Row& row : parsed.rows) {
      // What the database had already may not be in the store yet: adding it changes nothing.
      if (row.is_old_message) continue;
      if (present == parsed.state) {
        add_row(some, row.values, row.identity, row.number);
      } else if (const auto values = read_pushed(*present, *source, row.text)) {
        add_row(some, *values, row.identity, row.number);
      } else {
        done = values.error();
      }
    }
    std::set<OnlineStore::Table> others;  // what the present state keeps is packed once
    if (present != states.front()) {
      for (const Kept& kept : present->kept) others.insert(kept.table);
      for (const Kept& kept : states.front()->kept) others.erase(kept.table);
    }
    const bool serves = present == states.front();
    if (const auto numbered = number_known(*present, *source, some); !numbered)
      done = numbered.error();
    pack(*present, *source, some, serves && !is_behind_ ? applied : kNothingSettled,
         serves ? nullptr : &others, batch);
  }
  if (done && !batch.rows.empty()) {
    // A store that lacks rows gets no word of how far it is before take_over() has brought them.
    if (!is_behind_) batch.notes.emplace_back(kAppliedNote, std::to_string(applied));
    done = online_->write(batch);
  }
  const base::MutexLock lock(mutex_);
  if (done) {
    pushes_.erase(ticket);
  } else {
    // They are in the database; tend() brings them. Until then nothing is read that lacks them.
    pushes_[ticket].has_failed = true;
    is_behind_ = true;
  }
  return done;
}

std::uint64_t FeatureStore::begin_push() {
  const base::MutexLock lock(mutex_);
  pushes_[++last_ticket_] = {.others = last_number_};
  return last_ticket_;
}

void FeatureStore::end_push(std::uint64_t ticket) {
  const base::MutexLock lock(mutex_);
  pushes_.erase(ticket);
}

std::int64_t FeatureStore::applied_with(std::uint64_t ticket, std::int64_t last_number) {
  const base::MutexLock lock(mutex_);
  last_number_ = std::max(last_number_, last_number);
  std::int64_t applied = last_number_;
  for (const auto& [other, push] : pushes_) {
    if (other != ticket) applied = std::min(applied, push.others);
  }
  return applied;
}

Result<std::map<std::int64_t, std::int64_t>> FeatureStore::next_offsets(
    const std::string& source, const std::string& stream) const {
  if (!state()->find_source(source))
    return base::error(Code::kNotFound, "no such source: source={}", source);
  std::map<std::int64_t, std::int64_t> next;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT partition, next FROM feature_offsets WHERE source = ? AND stream = ?",
        {source, stream}, [&](const store::Row& row) { next[row.int64(0)] = row.int64(1); });
  }));
  return next;
}

Result<void> FeatureStore::begin_stream(const std::string& source, const std::string& stream,
                                        std::int64_t partition, std::int64_t end) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("DELETE FROM feature_offsets WHERE source = ? AND stream = ? AND partition = ? "
                   "AND next > ?",
                   {source, stream, partition, end}));
    return {};
  });
}

FeatureStore::SourceRows FeatureStore::no_rows(const State& state, std::size_t source) {
  SourceRows rows;
  const std::vector<NamedColumn>& columns = state.source_columns[source];
  std::vector<bool> are_read(columns.size());
  for (const BoundView& view : state.views) {
    if (view.view.source != state.definitions.sources[source].name) continue;
    for (const std::size_t column : view.columns()) are_read[column] = true;
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    rows.columns.push_back(types::Column::of_type(
        are_read[i] ? columns[i].name : "",
        columns[i].is_whole ? types::ColumnType::kInt64 : column_type(columns[i].type)));
  }
  return rows;
}

void FeatureStore::add_row(SourceRows& rows, std::span<const Value> row, std::uint64_t identity,
                           std::int64_t number) {
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    if (!rows.columns[i].name.empty()) append_cell(rows.columns[i], row[i]);
  }
  rows.identities.push_back(identity);
  rows.numbers.push_back(number);
}

// What was loaded of a dataset goes into tiles, which can't say that they have it: so the dataset
// is asked for rows that may be among those. Its newest version is: one that has come since the
// load is loaded soon.
Result<void> FeatureStore::number_known(const State& state, std::size_t source,
                                        SourceRows& rows) const {
  const Source& of = state.definitions.sources[source];
  const std::vector<NamedColumn>& names = state.source_columns[source];
  bool has_tiles = false;
  for (std::size_t v = 0; v < state.views.size(); ++v) {
    has_tiles = has_tiles || (state.views[v].view.source == of.name &&
                              state.kept[v].layout.resolution > 0 && state.kept[v].table != 0);
  }
  if (!has_tiles || !state.loaded_until) return {};
  const types::Column& events = rows.columns[column_position(names, of.event_time)];
  const types::Column& arrivals = rows.columns[column_position(names, of.arrival_time)];
  std::map<RowOrder, std::vector<std::size_t>> asked;
  std::set<std::pair<std::int64_t, std::int64_t>> times;
  for (std::size_t row = 0; row < rows.numbers.size(); ++row) {
    if (arrivals.ints[row] > state.loaded_until->micros) continue;
    asked[{events.ints[row], arrivals.ints[row], rows.identities[row]}].push_back(row);
    times.emplace(events.ints[row], arrivals.ints[row]);
  }
  if (asked.empty()) return {};
  std::vector<bool> are_read(names.size(), state.source_keys[source].empty());
  for (const std::size_t key : state.source_keys[source]) are_read[key] = true;
  are_read[column_position(names, of.event_time)] = true;
  are_read[column_position(names, of.arrival_time)] = true;
  std::vector<std::string> wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (are_read[i]) wanted.push_back(names[i].name);
  }
  const Result<std::unique_ptr<Table>> table = tables_.open(of.dataset);
  if (!table) return table.error().code == Code::kNotFound ? Result<void>() : table.error();
  const Table::TimeRange range{.column = of.event_time,
                               .first = std::get<0>(asked.begin()->first),
                               .last = std::get<0>(asked.rbegin()->first)};
  return (*table)->scan(wanted, range, [&](const types::Frame& piece, std::size_t) -> Result<void> {
    const types::Column& event = *TRY(piece.column(of.event_time));
    const types::Column& arrival = *TRY(piece.column(of.arrival_time));
    std::vector<Value> values(names.size());
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      if (!event.is_valid(row) || !arrival.is_valid(row) ||
          !times.contains({event.ints[row], arrival.ints[row]}))
        continue;
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (are_read[i]) values[i] = cell_of(*TRY(piece.column(names[i].name)), row);
      }
      const auto found =
          asked.find({event.ints[row], arrival.ints[row], identity_of(state, source, values)});
      if (found == asked.end()) continue;
      for (const std::size_t known : found->second) rows.numbers[known] = 0;
    }
    return {};
  });
}

void FeatureStore::pack(const State& state, std::size_t source, const SourceRows& rows,
                        std::int64_t settled, const std::set<OnlineStore::Table>* tables,
                        OnlineStore::Batch& batch) const {
  std::vector<const types::Column*> columns;
  for (const types::Column& column : rows.columns)
    columns.push_back(column.name.empty() ? nullptr : &column);
  std::set<OnlineStore::Table> done;
  for (std::size_t v = 0; v < state.views.size(); ++v) {
    const BoundView& view = state.views[v];
    const Kept& kept = state.kept[v];
    if (view.view.is_on_demand() || view.view.source != state.definitions.sources[source].name ||
        kept.table == 0 || (tables != nullptr && !tables->contains(kept.table)))
      continue;
    if (!done.insert(kept.table).second) continue;  // two views that keep the same
    const std::int64_t newest =
        pack_rows(view, kept.layout, {columns, rows.identities, rows.numbers, settled},
                  clock_.now(), kept.table, batch.rows);
    std::int64_t before = kept.newest->load();
    while (before < newest && !kept.newest->compare_exchange_weak(before, newest)) {
    }
    // Also when it is the same: a batch before this one may have failed.
    if (before <= newest) batch.notes.emplace_back(newest_note(kept.table), std::to_string(newest));
  }
}

Result<std::vector<Value>> FeatureStore::read_pushed(const State& state, std::size_t source,
                                                     std::string_view json) {
  const Result<Json> cells = base::parse_json(json);
  if (!cells || !cells->is_object()) {
    return base::error(Code::kCorruption, "a pushed feature row is damaged: source={}",
                       state.definitions.sources[source].name);
  }
  std::vector<Value> values;
  for (const NamedColumn& column : state.source_columns[source]) {
    Result<Value> value = cell_from_json(cells->get_object().if_contains(column.name), column);
    values.push_back(value ? std::move(*value) : Value());  // the column's type has changed since
  }
  return values;
}

Result<void> FeatureStore::each_pushed(const State& state, std::size_t source,
                                       types::Timestamp first, types::Timestamp last,
                                       const EachPushed& each) const {
  const std::string& name = state.definitions.sources[source].name;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT identity, row FROM feature_rows WHERE source = ? AND event_time >= ? AND "
        "event_time <= ? ORDER BY number",
        {name, first, last}, [&](const store::Row& row) {
          if (!outcome) return;
          const Result<std::vector<Value>> values = read_pushed(state, source, row.text(1));
          if (values) {
            each(*values, static_cast<std::uint64_t>(row.int64(0)));
          } else {
            outcome = values.error();
          }
        });
  }));
  return outcome;
}

Result<FeatureStore::PushedRows> FeatureStore::pushed_rows(const std::string& dataset,
                                                           std::int64_t bytes_max) const {
  const std::shared_ptr<const State> present = state();
  PushedRows pushed;
  std::vector<types::Column> columns;
  std::set<std::uint64_t> known;
  std::int64_t bytes = 0;
  for (std::size_t s = 0; s < present->definitions.sources.size(); ++s) {
    if (present->definitions.sources[s].dataset != dataset) continue;
    const std::vector<NamedColumn>& names = present->source_columns[s];
    if (columns.empty()) {
      for (const NamedColumn& column : names) {
        columns.push_back(types::Column::of_type(
            column.name, column.is_whole                   ? types::ColumnType::kInt64
                         : column.type == ValueType::kBool ? types::ColumnType::kBool
                                                           : column_type(column.type)));
      }
    }
    const std::vector<std::size_t>& keys = present->source_keys[s];
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    TRY(each_pushed(
        *present, s, {kFirst}, {kLast}, [&](std::span<const Value> row, std::uint64_t identity) {
          const auto is_missing = [&](std::size_t key) { return is_null(row[key]); };
          if (std::ranges::any_of(keys, is_missing)) {
            ++pushed.without_key;
          } else if (known.insert(identity).second) {
            for (std::size_t i = 0; i < columns.size(); ++i) {
              const auto* const text = std::get_if<std::string>(&row[i]);
              bytes += 8 + (text == nullptr ? 0 : static_cast<std::int64_t>(text->size()));
              if (bytes <= bytes_max) append_cell(columns[i], row[i]);
            }
          }
        }));
  }
  if (bytes > bytes_max) {
    return base::error(Code::kResourceExhausted,
                       "what was pushed takes more memory than a dataset may: dataset={} bytes={} "
                       "dataset-bytes-max={}",
                       dataset, bytes, bytes_max);
  }
  for (types::Column& column : columns) TRY(pushed.rows.add(std::move(column)));
  return pushed;
}

Result<std::int64_t> FeatureStore::bring_pushed(const State& state,
                                                const std::set<OnlineStore::Table>& tables, To to,
                                                std::int64_t after) {
  std::int64_t last = after;
  // In pieces, so that no transaction is open for long and no piece is large.
  for (bool is_more = true; is_more;) {
    is_more = false;
    std::map<std::size_t, SourceRows> by_source;
    std::size_t count = 0;
    Result<void> outcome;
    TRY(db_.read([&](store::Reader& reader) {
      return reader.query(
          "SELECT number, source, identity, row FROM feature_rows WHERE number > ? ORDER BY number "
          "LIMIT ?",
          {last, kRowsPerBatch}, [&](const store::Row& row) {
            ++count;
            last = row.int64(0);
            const auto source = state.find_source(row.text(1));
            if (!source || !outcome) return;
            const auto values = read_pushed(state, *source, row.text(3));
            if (!values) {
              outcome = values.error();
              return;
            }
            auto rows = by_source.find(*source);
            if (rows == by_source.end())
              rows = by_source.emplace(*source, no_rows(state, *source)).first;
            add_row(rows->second, *values, static_cast<std::uint64_t>(row.int64(2)), last);
          });
    }));
    TRY(std::move(outcome));
    OnlineStore::Batch batch;
    for (auto& [source, rows] : by_source) {
      if (to == To::kOldTables) TRY(number_known(state, source, rows));
      pack(state, source, rows, kNothingSettled, &tables, batch);
    }
    if (!batch.rows.empty()) TRY(online_->write(batch));
    is_more = count == kRowsPerBatch;
  }
  return last;
}

}  // namespace slipway::features
