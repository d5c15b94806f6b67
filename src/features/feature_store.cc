#include "features/feature_store.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/hash.h"

namespace slipway::features {
namespace {

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
      if (cell->is_int64()) return Value(types::Timestamp{cell->get_int64()});
      if (!cell->is_string()) return wrong("expected an RFC 3339 time or microseconds");
      const auto time = types::parse_rfc3339(std::string_view(cell->get_string()));
      if (!time) return wrong(time.error().message);
      return Value(*time);
    }
  }
  return Value();
}

void hash_cell(std::string& bytes, const Value& value) {
  bytes.push_back(static_cast<char>('0' + value.index()));
  bytes += base::to_text(to_pushed(value));
  bytes.push_back('\x1f');
}

std::vector<Value> row_of(const std::vector<const types::Column*>& columns, std::size_t row) {
  std::vector<Value> values;
  values.reserve(columns.size());
  for (const types::Column* column : columns) values.push_back(cell_of(*column, row));
  return values;
}

Result<std::vector<const types::Column*>> pick(const types::Frame& frame,
                                               const std::vector<NamedColumn>& names) {
  std::vector<const types::Column*> columns;
  for (const NamedColumn& name : names) columns.push_back(TRY(frame.column(name.name)));
  return columns;
}

std::size_t column_position(const std::vector<NamedColumn>& columns, std::string_view name) {
  const auto at = std::find_if(columns.begin(), columns.end(),
                               [&](const NamedColumn& c) { return c.name == name; });
  CHECK(at != columns.end());  // bound before
  return static_cast<std::size_t>(at - columns.begin());
}

}  // namespace

Result<std::shared_ptr<FeatureStore::State>> FeatureStore::bind(Definitions definitions) const {
  auto state = std::make_shared<State>();
  state->definitions = std::move(definitions);
  for (const Source& source : state->definitions.sources) {
    state->source_columns.push_back(TRY(tables_.columns(source.dataset)));
    std::vector<std::size_t> keys;
    for (const std::string& key : TRY(tables_.key(source.dataset)))
      keys.push_back(column_position(state->source_columns.back(), key));
    state->source_keys.push_back(std::move(keys));
  }
  for (const View& view : state->definitions.views) {
    if (view.is_on_demand()) {
      // Bound here to the request of the first service that uses it, for who asks for the view
      // alone; each service binds it to its own (BoundService::Part).
      const auto uses = [&](const Service& service) {
        return std::any_of(
            service.features.begin(), service.features.end(),
            [&](const std::string& f) { return f.substr(0, f.find('.')) == view.name; });
      };
      const auto service = std::find_if(state->definitions.services.begin(),
                                        state->definitions.services.end(), uses);
      const bool is_used = service != state->definitions.services.end();
      const std::vector<NamedColumn> columns =
          is_used ? request_columns(*service) : std::vector<NamedColumn>();
      state->views.push_back(TRY(BoundView::bind(view, nullptr, columns)));
      state->indexes.push_back(nullptr);
      state->requests.push_back(is_used ? &*service : nullptr);
      continue;
    }
    const Source* source = state->definitions.find_source(view.source);
    const auto at = static_cast<std::size_t>(source - state->definitions.sources.data());
    state->views.push_back(TRY(BoundView::bind(view, source, state->source_columns[at])));
    state->indexes.push_back(std::make_unique<ViewIndex>(state->views.back()));
    state->requests.push_back(nullptr);
  }
  for (const Service& service : state->definitions.services)
    state->services.push_back(TRY(BoundService::bind(service, state->views)));
  for (std::size_t v = 0; v < state->views.size(); ++v)
    state->shapes.push_back(shape_of(*state, v));
  return state;
}

Result<void> FeatureStore::set_definitions(Definitions definitions) {
  base::MutexLock replacing(replace_mutex_);
  TRY(replace(TRY(bind(std::move(definitions))), TRY(materialized()),
              [](std::int64_t) -> Result<void> { return {}; }));
  return {};
}

Result<std::int64_t> FeatureStore::replace(
    std::shared_ptr<State> fresh, std::optional<types::Timestamp> until,
    const std::function<Result<void>(std::int64_t)>& commit) {
  {
    std::unique_lock lock(mutex_);
    late_.emplace();
  }
  const Result<std::int64_t> loaded = [&]() -> Result<std::int64_t> {
    std::int64_t rows = 0;
    if (until) {
      rows = TRY(load_datasets(*fresh, *until));
      prune(*fresh, *until);
    }
    TRY(load_pushed(*fresh));
    TRY(commit(rows));
    return rows;
  }();
  std::unique_lock lock(mutex_);
  const std::vector<PushedRow> late = *std::exchange(late_, std::nullopt);
  if (!loaded) return loaded;
  for (const PushedRow& row : late) {
    const Source* source = fresh->definitions.find_source(row.source);
    if (source == nullptr) continue;
    const auto s = static_cast<std::size_t>(source - fresh->definitions.sources.data());
    insert_row(*fresh, s, TRY(read_pushed(*fresh, s, row.json)), row.identity);
  }
  state_ = std::move(fresh);
  return loaded;
}

Result<std::optional<types::Timestamp>> FeatureStore::materialized() const {
  return db_.read([](store::Reader& reader) {
    return reader.find("SELECT materialized FROM feature_state WHERE workspace = 'default'", {},
                       [](const store::Row& row) { return row.time(0); });
  });
}

Result<std::map<std::string, std::vector<FeatureStore::Output>>> FeatureStore::try_definitions(
    Definitions definitions) const {
  const std::shared_ptr<State> state = TRY(bind(std::move(definitions)));
  std::map<std::string, std::vector<Output>> services;
  for (const BoundService& service : state->services) {
    auto& outputs = services[service.service.name];
    for (const auto& output : service.outputs) outputs.push_back({output.name, output.type});
  }
  return services;
}

std::shared_ptr<const Definitions> FeatureStore::definitions() const {
  std::shared_lock lock(mutex_);
  return {state_, &state_->definitions};
}

std::uint64_t FeatureStore::identity_of(const State& state, std::size_t source,
                                        std::span<const Value> row) {
  std::string bytes;
  if (state.source_keys[source].empty()) {
    for (const Value& value : row) hash_cell(bytes, value);
  } else {
    for (const std::size_t key : state.source_keys[source]) hash_cell(bytes, row[key]);
  }
  // The sign bit is left out, so that it fits the database's integers.
  return base::hash64(bytes) >> 1;
}

void FeatureStore::insert_row(State& state, std::size_t source, std::span<const Value> row,
                              std::uint64_t identity) {
  for (std::size_t v = 0; v < state.views.size(); ++v) {
    if (state.indexes[v] != nullptr &&
        state.views[v].view.source == state.definitions.sources[source].name)
      state.indexes[v]->insert(row, identity);
  }
}

Result<std::int64_t> FeatureStore::load_datasets(State& state, types::Timestamp as_of) const {
  std::int64_t loaded = 0;
  for (std::size_t s = 0; s < state.definitions.sources.size(); ++s) {
    const Source& source = state.definitions.sources[s];
    const types::Frame frame = TRY(TRY(tables_.open(source.dataset))->rows({}));
    const auto columns = TRY(pick(frame, state.source_columns[s]));
    const types::Column* arrival =
        source.arrival_time.empty() ? nullptr : frame.find(source.arrival_time);
    for (std::size_t row = 0; row < frame.rows(); ++row) {
      if (arrival != nullptr && (!arrival->is_valid(row) || arrival->ints[row] > as_of.micros))
        continue;
      const std::vector<Value> values = row_of(columns, row);
      insert_row(state, s, values, identity_of(state, s, values));
      ++loaded;
    }
  }
  return loaded;
}

void FeatureStore::prune(State& state, types::Timestamp watermark) {
  for (const auto& index : state.indexes) {
    if (index != nullptr) index->prune(watermark);
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

Result<void> FeatureStore::load_pushed(State& state) const {
  constexpr auto kEver = std::numeric_limits<std::int64_t>::max();
  for (std::size_t source = 0; source < state.definitions.sources.size(); ++source) {
    TRY(each_pushed(state, source, {-kEver}, {kEver},
                    [&](std::span<const Value> row, std::uint64_t identity) {
                      insert_row(state, source, row, identity);
                    }));
  }
  return {};
}

Result<std::int64_t> FeatureStore::materialize(types::Timestamp as_of, bool keeps_later) {
  base::MutexLock replacing(replace_mutex_);
  const auto before = TRY(materialized());
  if (keeps_later && before && *before >= as_of) return 0;
  return replace(TRY(bind(*definitions())), as_of, [&](std::int64_t rows) {
    return db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(
          tx.execute("INSERT INTO feature_state(workspace, materialized) VALUES('default', ?) "
                     "ON CONFLICT(workspace) DO UPDATE SET materialized = excluded.materialized",
                     {as_of}));
      return tx.append_event({.kind = "features.materialized",
                              .subject = "features",
                              .payload = {{"as_of", types::to_rfc3339(as_of)}, {"rows", rows}}});
    });
  });
}

Result<std::int64_t> FeatureStore::push(const std::string& source_name, const JsonArray& rows) {
  std::shared_ptr<State> state;
  {
    std::shared_lock lock(mutex_);
    state = state_;
  }
  const Source* source = state->definitions.find_source(source_name);
  if (source == nullptr)
    return base::error(Code::kNotFound, "no such source: source={}", source_name);
  const auto s = static_cast<std::size_t>(source - state->definitions.sources.data());
  const std::vector<NamedColumn>& columns = state->source_columns[s];
  struct Pushed {
    std::vector<Value> values;
    std::uint64_t identity;
    types::Timestamp event, arrival;
    std::string text;
    bool fresh = false;
  };
  std::vector<Pushed> pushed;
  const types::Timestamp now = clock_.now();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto in_row = [&](const Error& error) {
      return Error(error).with_context(fmt::format("row {}", i));
    };
    if (!rows[i].is_object())
      return in_row(base::error(Code::kInvalidArgument, "expected an object"));
    const JsonObject& object = rows[i].get_object();
    for (const auto& member : object) {
      const std::string_view name = member.key();
      if (std::none_of(columns.begin(), columns.end(),
                       [&](const NamedColumn& c) { return c.name == name; })) {
        return in_row(
            base::error(Code::kInvalidArgument, "the source has no such column: column={}", name));
      }
    }
    Pushed row;
    JsonObject stored;
    for (const NamedColumn& column : columns) {
      Result<Value> value = cell_from_json(object.if_contains(column.name), column);
      if (!value) return in_row(value.error());
      if (is_null(*value) && column.name == source->arrival_time &&
          column.name != source->event_time)
        *value = now;
      if (!is_null(*value)) stored[column.name] = to_pushed(*value);
      row.values.push_back(std::move(*value));
    }
    if (!source->event_time.empty()) {
      const Value& event = row.values[column_position(columns, source->event_time)];
      const Value& arrival = row.values[column_position(columns, source->arrival_time)];
      if (is_null(event))
        return in_row(base::error(Code::kInvalidArgument, "the event time is missing: column={}",
                                  source->event_time));
      row.event = std::get<types::Timestamp>(event);
      row.arrival = std::get<types::Timestamp>(arrival);
    }
    row.identity = identity_of(*state, s, row.values);
    // Who pushes may not know what tells the dataset's rows apart; all that was said does.
    const auto is_missing = [&](std::size_t key) { return is_null(row.values[key]); };
    if (std::ranges::any_of(state->source_keys[s], is_missing))
      row.identity = base::hash64(base::to_text(stored)) >> 1;
    row.text = base::to_text(stored);
    pushed.push_back(std::move(row));
  }
  const std::int64_t fresh = TRY(db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    std::int64_t count = 0;
    for (Pushed& row : pushed) {
      const std::int64_t changed =
          TRY(tx.execute("INSERT INTO feature_rows(source, event_time, arrival_time, identity, "
                         "row) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                         {source_name, row.event, row.arrival,
                          static_cast<std::int64_t>(row.identity), row.text}));
      row.fresh = changed > 0;
      count += changed;
    }
    return count;
  }));
  std::unique_lock lock(mutex_);
  const Source* present = state_->definitions.find_source(source_name);
  for (Pushed& row : pushed) {
    if (!row.fresh) continue;
    if (state_ == state) {
      insert_row(*state_, s, row.values, row.identity);
    } else if (present != nullptr) {  // it may have read the row already, which changes nothing
      const auto at = static_cast<std::size_t>(present - state_->definitions.sources.data());
      insert_row(*state_, at, TRY(read_pushed(*state_, at, row.text)), row.identity);
    }
    if (late_) late_->push_back({source_name, std::move(row.text), row.identity});
  }
  return fresh;
}

Result<const BoundService*> FeatureStore::find_service(const State& state,
                                                       const std::string& name) const {
  for (const BoundService& service : state.services) {
    if (service.service.name == name) return &service;
  }
  return base::error(Code::kNotFound, "no such feature service: service={}", name);
}

Result<std::vector<FeatureStore::Output>> FeatureStore::outputs(const std::string& service) const {
  std::shared_lock lock(mutex_);
  std::vector<Output> outputs;
  for (const BoundService::Output& output : TRY(find_service(*state_, service))->outputs)
    outputs.push_back({output.name, output.type});
  return outputs;
}

Result<std::vector<Value>> FeatureStore::lookup(
    const std::string& service, const std::vector<std::pair<std::string, Value>>& request,
    std::optional<types::Timestamp> as_of, std::span<const std::string> wanted) const {
  std::shared_lock lock(mutex_);
  const BoundService& bound = *TRY(find_service(*state_, service));
  std::vector<Value> row(bound.service.request.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    for (const auto& [name, value] : request) {
      if (name == bound.service.request[i].name) row[i] = value;
    }
  }
  if (!as_of) {
    const auto* time = std::get_if<types::Timestamp>(&row[bound.event_time]);
    if (time == nullptr)
      return base::error(
          Code::kInvalidArgument,
          "the request column {} is missing: it says when the features are asked for",
          bound.service.event_time);
    as_of = *time;
  }
  std::vector<const ViewIndex*> indexes;
  for (const auto& index : state_->indexes) indexes.push_back(index.get());
  std::vector<Value> out(bound.outputs.size());
  bound.read(row, *as_of, state_->views, indexes, out);
  if (wanted.empty()) return out;
  std::vector<Value> picked(wanted.size());
  std::size_t at = 0;  // wanted features usually stand in the service's order
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::size_t tried = 0;
    while (tried < out.size() && bound.outputs[at].name != wanted[i]) {
      at = (at + 1) % out.size();
      ++tried;
    }
    if (tried == out.size()) {
      return base::error(Code::kFailedPrecondition,
                         "the feature service no longer gives a feature: service={} feature={}",
                         service, wanted[i]);
    }
    picked[i] = out[at];
  }
  return picked;
}

Result<std::size_t> FeatureStore::find_view(const State& state, const std::string& name) {
  for (std::size_t v = 0; v < state.views.size(); ++v) {
    if (state.views[v].view.name == name) return v;
  }
  return base::error(Code::kNotFound, "no such view: view={}", name);
}

FeatureStore::ViewShape FeatureStore::shape_of(const State& state, std::size_t view) {
  const BoundView& bound = state.views[view];
  ViewShape shape;
  for (std::size_t i = 0; i < bound.names.size(); ++i)
    shape.features.push_back({bound.names[i], bound.types[i], bound.are_whole[i]});
  if (bound.view.is_on_demand()) {
    if (state.requests[view] == nullptr) return shape;  // reads nothing
    const std::vector<NamedColumn> columns = request_columns(*state.requests[view]);
    std::vector<bool> are_read(columns.size());
    for (const Expression& input : bound.inputs) {
      for (const std::size_t column : input.columns()) are_read[column] = true;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (are_read[i])
        shape.inputs.push_back({columns[i].name, columns[i].type, columns[i].is_whole});
    }
    shape.event_time = state.requests[view]->event_time;
    return shape;
  }
  const Source* source = state.definitions.find_source(bound.view.source);
  const auto s = static_cast<std::size_t>(source - state.definitions.sources.data());
  for (const std::size_t key : bound.keys) {
    const NamedColumn& column = state.source_columns[s][key];
    shape.inputs.push_back({column.name, column.type, column.is_whole});
  }
  return shape;
}

Result<FeatureStore::ViewShape> FeatureStore::view_shape(const std::string& view) const {
  std::shared_lock lock(mutex_);
  return state_->shapes[TRY(find_view(*state_, view))];
}

Result<FeatureStore::ViewRows> FeatureStore::read_rows(
    const std::string& view, std::span<const Value> inputs,
    std::span<const types::Timestamp> as_of) const {
  std::shared_lock lock(mutex_);
  const std::size_t v = TRY(find_view(*state_, view));
  const ViewShape& shape = state_->shapes[v];
  const std::size_t width = shape.inputs.size(), features = shape.features.size();
  if (inputs.size() != width * as_of.size())
    return base::error(Code::kFailedPrecondition, "the view has changed: view={}", view);
  const BoundView& bound = state_->views[v];
  ViewRows rows{.values = std::vector<Value>(features * as_of.size()),
                .sights = std::vector<Sight>(as_of.size())};
  std::vector<std::size_t> positions;  // of the inputs, in what the view is bound to
  std::vector<Value> request;
  if (bound.view.is_on_demand() && state_->requests[v] != nullptr) {
    const std::vector<NamedColumn> columns = request_columns(*state_->requests[v]);
    request.resize(columns.size());
    for (const Output& input : shape.inputs)
      positions.push_back(column_position(columns, input.name));
  } else {
    for (std::size_t i = 0; i < width; ++i) positions.push_back(i);
  }
  for (std::size_t row = 0; row < as_of.size(); ++row) {
    const auto cells = inputs.subspan(row * width, width);
    const auto out = std::span(rows.values).subspan(row * features, features);
    if (bound.view.is_on_demand()) {
      for (std::size_t i = 0; i < width; ++i) request[positions[i]] = cells[i];
      for (std::size_t i = 0; i < features; ++i) out[i] = bound.inputs[i].evaluate(request);
    } else if (const std::optional<std::string> key = key_of(cells, positions)) {
      state_->indexes[v]->read(*key, as_of[row], out);
      rows.sights[row] = state_->indexes[v]->sight(*key, as_of[row]);
    }
  }
  return rows;
}

Result<FeatureStore::SourceShape> FeatureStore::source_shape(const std::string& source) const {
  std::shared_lock lock(mutex_);
  const Source* found = state_->definitions.find_source(source);
  if (found == nullptr) return base::error(Code::kNotFound, "no such source: source={}", source);
  const auto s = static_cast<std::size_t>(found - state_->definitions.sources.data());
  SourceShape shape{.columns = state_->source_columns[s], .are_read = {}};
  shape.are_read.resize(shape.columns.size());
  for (const BoundView& bound : state_->views) {
    if (bound.view.source != source) continue;
    for (const std::size_t key : bound.keys) shape.are_read[key] = true;
    if (bound.event_time) shape.are_read[*bound.event_time] = true;
    for (const Expression& input : bound.inputs) {
      for (const std::size_t column : input.columns()) shape.are_read[column] = true;
    }
  }
  return shape;
}

}  // namespace slipway::features
