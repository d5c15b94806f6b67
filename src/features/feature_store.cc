#include "features/feature_store.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/hash.h"
#include "features/window_reader.h"

namespace slipway::features {
namespace {

void hash_cell(std::string& bytes, const Value& value) {
  bytes.push_back(static_cast<char>('0' + value.index()));
  bytes += base::to_text(to_pushed(value));
  bytes.push_back('\x1f');
}

std::size_t column_position(const std::vector<NamedColumn>& columns, std::string_view name) {
  const auto at = std::find_if(columns.begin(), columns.end(),
                               [&](const NamedColumn& c) { return c.name == name; });
  CHECK(at != columns.end());  // bound before
  return static_cast<std::size_t>(at - columns.begin());
}

// A dataset has one row of a key: if a correction has the same, it is put aside, and no training
// set can tell what was known before it. kInvalidArgument.
Result<void> check_deduplication(const Source& source, const std::vector<NamedColumn>& columns,
                                 const std::vector<std::size_t>& dataset_key) {
  const std::vector<std::string>& key = source.deduplication_key;
  const auto is_in_key = [&](std::size_t column) {
    return std::ranges::find(key, columns[column].name) != key.end();
  };
  if (key.empty() || dataset_key.empty() || !std::ranges::all_of(dataset_key, is_in_key)) return {};
  return base::error(Code::kInvalidArgument,
                     "source {}: a corrected row has the same key of dataset {} as the one that it "
                     "corrects, so that the dataset can't have both: add {} to the dataset's key",
                     source.name, source.dataset, source.arrival_time);
}

// So many rows are looked up with one question: a store on another machine has others to answer.
constexpr std::size_t kRowsPerRead = 1'000;

// Where the wanted features stand among a service's. kFailedPrecondition: one is not given.
Result<std::vector<std::size_t>> output_positions(const BoundService& bound,
                                                  std::span<const std::string> wanted) {
  std::vector<std::size_t> positions;
  positions.reserve(wanted.size());
  std::size_t at = 0;  // wanted features usually stand in the service's order
  for (const std::string& name : wanted) {
    std::size_t tried = 0;
    while (tried < bound.outputs.size() && bound.outputs[at].name != name) {
      at = (at + 1) % bound.outputs.size();
      ++tried;
    }
    if (tried == bound.outputs.size()) {
      return base::error(Code::kFailedPrecondition,
                         "the feature service no longer gives a feature: service={} feature={}",
                         bound.service.name, name);
    }
    positions.push_back(at);
  }
  return positions;
}

}  // namespace

Result<std::shared_ptr<FeatureStore::State>> FeatureStore::bind(Definitions definitions,
                                                                TableSource& tables) const {
  auto state = std::make_shared<State>();
  state->definitions = std::move(definitions);
  for (const Source& source : state->definitions.sources) {
    state->source_columns.push_back(TRY(tables.columns(source.dataset)));
    std::vector<std::size_t> keys;
    for (const std::string& key : TRY(tables.key(source.dataset)))
      keys.push_back(column_position(state->source_columns.back(), key));
    TRY(check_deduplication(source, state->source_columns.back(), keys));
    state->source_keys.push_back(std::move(keys));
  }
  const std::vector<View>& views = state->definitions.views;
  state->views.resize(views.size());
  state->kept.resize(views.size());
  state->alone.resize(views.size());
  for (std::size_t v = 0; v < views.size(); ++v) {
    state->views[v].view = views[v];
    if (views[v].is_on_demand()) continue;
    const Source* source = state->definitions.find_source(views[v].source);
    const auto at = static_cast<std::size_t>(source - state->definitions.sources.data());
    state->views[v] = TRY(BoundView::bind(views[v], source, state->source_columns[at]));
    Kept& kept = state->kept[v];
    kept.layout = layout_of(state->views[v], options_.history);
    kept.fingerprint = fingerprint_of(state->views[v], *source, state->source_columns[at],
                                      state->source_keys[at], kept.layout);
  }
  for (std::size_t v = 0; v < views.size(); ++v) {
    if (!views[v].is_on_demand()) continue;
    // Bound here to the request of the first service that uses it, for who asks for the view
    // alone; each service binds it to its own (BoundService::Part).
    const auto uses = [&](const Service& service) {
      return std::ranges::any_of(service.features, [&](const std::string& f) {
        return f.substr(0, f.find('.')) == views[v].name;
      });
    };
    const auto service = std::ranges::find_if(state->definitions.services, uses);
    if (service == state->definitions.services.end()) {
      state->views[v] = TRY(BoundView::bind(views[v], nullptr, {}));  // it reads nothing
      continue;
    }
    Service alone = *service;
    alone.features = {views[v].name};
    state->views[v] =
        TRY(BoundView::bind(views[v], nullptr, readable_columns(alone, state->views)));
    state->alone[v] = TRY(BoundService::bind(alone, state->views));
  }
  for (const Service& service : state->definitions.services)
    state->services.push_back(TRY(BoundService::bind(service, state->views)));
  for (std::size_t v = 0; v < state->views.size(); ++v)
    state->shapes.push_back(shape_of(*state, v));
  return state;
}

Result<Materialized> FeatureStore::materializations() const {
  const auto found = TRY(db_.read([](store::Reader& reader) {
    return reader.find("SELECT materialized, loads FROM feature_state WHERE workspace = 'default'",
                       {}, [](const store::Row& row) {
                         return Materialized{.loads = row.int64(1), .until = row.time(0)};
                       });
  }));
  return found.value_or(Materialized());
}

Result<std::optional<types::Timestamp>> FeatureStore::materialized() const {
  return TRY(materializations()).until;
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

std::shared_ptr<const FeatureStore::State> FeatureStore::state() const {
  const base::MutexLock lock(mutex_);
  return state_;
}

std::shared_ptr<const Definitions> FeatureStore::definitions() const {
  const std::shared_ptr<const State> present = state();
  return {present, &present->definitions};
}

Result<void> FeatureStore::check_readable() const {
  if (is_behind_) {
    return base::error(Code::kUnavailable,
                       "the online store ({}) is away or being brought up to date: try again soon",
                       online_->name());
  }
  return {};
}

Result<std::shared_ptr<const FeatureStore::State>> FeatureStore::readable() const {
  TRY(check_readable());
  return state();
}

Error FeatureStore::noted(Error error) const {
  if (error.code == Code::kUnavailable) is_suspect_ = true;
  return error;
}

std::optional<std::size_t> FeatureStore::State::find_source(std::string_view name) const {
  const Source* source = definitions.find_source(name);
  if (source == nullptr) return std::nullopt;
  return static_cast<std::size_t>(source - definitions.sources.data());
}

bool FeatureStore::State::is_like(const State& other) const {
  return definitions == other.definitions && source_columns == other.source_columns &&
         source_keys == other.source_keys;
}

std::vector<FeatureStore::Freshness> FeatureStore::freshness() const {
  std::vector<Freshness> views;
  const std::shared_ptr<const State> present = state();
  for (std::size_t v = 0; v < present->views.size(); ++v) {
    if (present->views[v].view.is_on_demand()) continue;
    Freshness& view = views.emplace_back(Freshness{present->views[v].view.name, std::nullopt});
    const auto& newest = present->kept[v].newest;
    if (newest && *newest != kAlways) view.newest = types::Timestamp{*newest};
  }
  return views;
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

Result<const BoundService*> FeatureStore::find_service(const State& state,
                                                       const std::string& name) const {
  for (const BoundService& service : state.services) {
    if (service.service.name == name) return &service;
  }
  return base::error(Code::kNotFound, "no such feature service: service={}", name);
}

Result<std::vector<FeatureStore::Output>> FeatureStore::outputs(const std::string& service) const {
  const std::shared_ptr<const State> present = state();
  std::vector<Output> outputs;
  for (const BoundService::Output& output : TRY(find_service(*present, service))->outputs)
    outputs.push_back({output.name, output.type});
  return outputs;
}

Result<std::vector<Value>> FeatureStore::lookup(
    const std::string& service, const std::vector<std::pair<std::string, Value>>& request,
    std::optional<types::Timestamp> as_of, std::span<const std::string> wanted) const {
  const LookupRow row{request, as_of};
  std::vector<std::vector<Value>> found = TRY(lookup_rows(service, {&row, 1}, wanted));
  return std::move(found.front());
}

Result<std::vector<std::vector<Value>>> FeatureStore::lookup_rows(
    const std::string& service, std::span<const LookupRow> rows,
    std::span<const std::string> wanted, std::int64_t* version) const {
  const std::shared_ptr<const State> present = TRY(readable());
  const BoundService& bound = *TRY(find_service(*present, service));
  if (version != nullptr) *version = present->definitions.find_service(service)->version;
  const std::vector<std::size_t> positions = TRY(output_positions(bound, wanted));
  std::vector<std::vector<Value>> out;
  out.reserve(rows.size());
  std::vector<ServiceRow> some;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    ServiceRow& row = some.emplace_back();
    row.request.resize(bound.service.request.size());
    for (std::size_t i = 0; i < row.request.size(); ++i) {
      for (const auto& [name, value] : rows[r].request) {
        if (name == bound.service.request[i].name) row.request[i] = value;
      }
    }
    const auto* own = std::get_if<types::Timestamp>(&row.request[bound.event_time]);
    if (!rows[r].as_of && own == nullptr) {
      Error error =
          base::error(Code::kInvalidArgument,
                      "the request column {} is missing: it says when the features are asked for",
                      bound.service.event_time);
      return rows.size() > 1 ? std::move(error).with_context(fmt::format("row {}", r)) : error;
    }
    row.as_of = rows[r].as_of ? *rows[r].as_of : *own;
    if (some.size() < kRowsPerRead && r + 1 < rows.size()) continue;
    for (std::vector<Value>& values : TRY(read_service(*present, bound, some))) {
      if (wanted.empty()) {
        out.push_back(std::move(values));
        continue;
      }
      std::vector<Value>& picked = out.emplace_back();
      picked.reserve(positions.size());
      for (const std::size_t position : positions) picked.push_back(values[position]);
    }
    some.clear();
  }
  return out;
}

Result<std::vector<std::vector<Value>>> FeatureStore::read_service(
    const State& state, const BoundService& bound, std::span<const ServiceRow> rows) const {
  const std::size_t width = bound.parts.size();
  std::vector<std::vector<Value>> parts(rows.size() * width);  // of one row after the other
  std::vector<std::string> keys;
  std::vector<OnlineStore::Place> places;
  std::vector<std::size_t> part_of;  // by place
  keys.reserve(parts.size());        // places refer to them
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const BoundService::Part& part = bound.parts[p % width];
    const std::vector<Value>& request = rows[p / width].request;
    const BoundView& view = state.views[part.view];
    parts[p].resize(view.names.size());
    if (view.view.is_on_demand()) continue;
    if (std::optional<std::string> key = key_of(request, part.keys)) {
      keys.push_back(std::move(*key));
      places.push_back({state.kept[part.view].table, keys.back()});
      part_of.push_back(p);
    }
  }
  Result<void> outcome;
  if (!places.empty()) {
    const auto answered = online_->read(places, [&](std::size_t place, std::string_view bytes) {
      const std::size_t p = part_of[place], v = bound.parts[p % width].view;
      std::string scratch;
      const auto packed = PackedRows::open(state.kept[v].layout, bytes, scratch);
      if (packed) {
        read_features(state.views[v], *packed, rows[p / width].as_of, parts[p]);
      } else {
        outcome = packed.error();
      }
    });
    if (!answered) return noted(answered.error());
    TRY(check_readable());
    TRY(std::move(outcome));
  }
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const BoundService::Part& part = bound.parts[p % width];
    if (part.on_demand.empty()) continue;
    std::vector<Value> cells = rows[p / width].request;
    for (const BoundService::Feature& feature : part.features)
      cells.push_back(parts[p / width * width + feature.part][feature.position]);
    for (std::size_t i = 0; i < part.on_demand.size(); ++i)
      parts[p][i] = part.on_demand[i].evaluate(cells);
  }
  std::vector<std::vector<Value>> out(rows.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out[r].reserve(bound.outputs.size());
    for (const BoundService::Output& output : bound.outputs) {
      out[r].push_back(output.from_request ? computable(rows[r].request[output.position])
                                           : parts[r * width + output.part][output.position]);
    }
  }
  return out;
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
    if (!state.alone[view]) return shape;  // reads nothing
    const BoundService& alone = *state.alone[view];
    const BoundService::Part& part = alone.parts.back();
    const std::vector<NamedColumn> columns = request_columns(alone.service);
    std::vector<std::string> readable;
    for (const NamedColumn& column : columns) readable.push_back(column.name);
    for (const BoundService::Feature& feature : part.features)
      readable.push_back(state.views[alone.parts[feature.part].view].names[feature.position]);
    for (const Expression& input : part.on_demand) {
      std::vector<std::string>& names = shape.reads.emplace_back();
      for (const std::size_t column : input.columns()) names.push_back(readable[column]);
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool is_key = std::ranges::find(part.keys, i) != part.keys.end();
      const bool is_read = std::ranges::any_of(part.on_demand, [&](const Expression& input) {
        return std::ranges::find(input.columns(), i) != input.columns().end();
      });
      if (is_key || is_read)
        shape.inputs.push_back({columns[i].name, columns[i].type, columns[i].is_whole, is_key});
    }
    shape.event_time = alone.service.event_time;
    return shape;
  }
  const Source* source = state.definitions.find_source(bound.view.source);
  const auto s = static_cast<std::size_t>(source - state.definitions.sources.data());
  for (const std::size_t key : bound.keys) {
    const NamedColumn& column = state.source_columns[s][key];
    shape.inputs.push_back({column.name, column.type, column.is_whole, true});
  }
  // A column's feature is one, an aggregate's are as many as there are windows.
  const std::size_t plain = bound.view.columns.size();
  for (std::size_t i = 0; i < bound.inputs.size(); ++i) {
    std::vector<std::string> names;
    for (const std::size_t column : bound.inputs[i].columns())
      names.push_back(state.source_columns[s][column].name);
    shape.reads.insert(shape.reads.end(), i < plain ? 1 : bound.view.windows.size(), names);
  }
  return shape;
}

Result<FeatureStore::ViewShape> FeatureStore::view_shape(const std::string& view) const {
  const std::shared_ptr<const State> present = state();
  return present->shapes[TRY(find_view(*present, view))];
}

Result<FeatureStore::ViewRows> FeatureStore::read_rows(
    const std::string& view, std::span<const Value> inputs,
    std::span<const types::Timestamp> as_of) const {
  const std::shared_ptr<const State> present = TRY(readable());
  const std::size_t v = TRY(find_view(*present, view));
  const ViewShape& shape = present->shapes[v];
  const std::size_t width = shape.inputs.size(), features = shape.features.size();
  if (inputs.size() != width * as_of.size())
    return base::error(Code::kFailedPrecondition, "the view has changed: view={}", view);
  const BoundView& bound = present->views[v];
  ViewRows rows{.values = std::vector<Value>(features * as_of.size()),
                .sights = std::vector<Sight>(as_of.size())};
  if (bound.view.is_on_demand()) {
    if (present->alone[v]) {
      rows.values = TRY(compute(*present, *present->alone[v], shape, inputs, as_of));
    } else {
      for (std::size_t i = 0; i < rows.values.size(); ++i)
        rows.values[i] = bound.inputs[i % features].evaluate({});
    }
    return rows;
  }
  std::vector<std::size_t> positions(width);
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  std::vector<std::string> keys;
  std::vector<std::size_t> row_of;  // by key
  keys.reserve(as_of.size());
  for (std::size_t row = 0; row < as_of.size(); ++row) {
    const auto cells = inputs.subspan(row * width, width);
    if (std::optional<std::string> key = key_of(cells, positions)) {
      keys.push_back(std::move(*key));
      row_of.push_back(row);
    }
  }
  if (keys.empty()) return rows;
  std::vector<OnlineStore::Place> places;
  for (const std::string& key : keys) places.push_back({present->kept[v].table, key});
  std::string scratch;
  Result<void> outcome;
  const auto answered = online_->read(places, [&](std::size_t place, std::string_view bytes) {
    const std::size_t row = row_of[place];
    const auto packed = PackedRows::open(present->kept[v].layout, bytes, scratch);
    if (!packed) {
      outcome = packed.error();
      return;
    }
    read_features(bound, *packed, as_of[row],
                  std::span(rows.values).subspan(row * features, features));
    rows.sights[row] = sight_of(bound, *packed, as_of[row]);
  });
  if (!answered) return noted(answered.error());
  TRY(check_readable());
  TRY(std::move(outcome));
  return rows;
}

Result<std::vector<Value>> FeatureStore::compute(const State& state, const BoundService& alone,
                                                 const ViewShape& shape,
                                                 std::span<const Value> inputs,
                                                 std::span<const types::Timestamp> as_of) const {
  const std::vector<NamedColumn> columns = request_columns(alone.service);
  const std::size_t width = shape.inputs.size();
  std::vector<Value> values;
  std::vector<ServiceRow> some;
  for (std::size_t row = 0; row < as_of.size(); ++row) {
    ServiceRow& one = some.emplace_back();
    one.request.resize(columns.size());
    one.as_of = as_of[row];
    for (std::size_t i = 0; i < width; ++i)
      one.request[column_position(columns, shape.inputs[i].name)] = inputs[row * width + i];
    if (some.size() < kRowsPerRead && row + 1 < as_of.size()) continue;
    for (std::vector<Value>& of_row : TRY(read_service(state, alone, some)))
      std::ranges::move(of_row, std::back_inserter(values));
    some.clear();
  }
  return values;
}

Result<FeatureStore::SourceShape> FeatureStore::source_shape(const std::string& source) const {
  const std::shared_ptr<const State> present = state();
  const Source* found = present->definitions.find_source(source);
  if (found == nullptr) return base::error(Code::kNotFound, "no such source: source={}", source);
  const auto s = static_cast<std::size_t>(found - present->definitions.sources.data());
  SourceShape shape{
      .columns = present->source_columns[s], .are_read = {}, .keys = present->source_keys[s]};
  shape.are_read.resize(shape.columns.size());
  for (const BoundView& bound : present->views) {
    if (bound.view.source != source) continue;
    for (const std::size_t key : bound.keys) shape.are_read[key] = true;
    if (bound.event_time) shape.are_read[*bound.event_time] = true;
    for (const std::size_t key : bound.deduplication_key) shape.are_read[key] = true;
    for (const Expression& input : bound.inputs) {
      for (const std::size_t column : input.columns()) shape.are_read[column] = true;
    }
  }
  return shape;
}

}  // namespace slipway::features
