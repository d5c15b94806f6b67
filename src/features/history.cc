// Training sets: the same views over whole datasets, each entity row as known at its own time.

#include "features/feature_store.h"
#include "features/keyed_rows.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;
using Columns = std::vector<const Column*>;

// Columns of `frame` in the order of `names`; those it doesn't have are null.
Columns find_columns(const types::Frame& frame, const std::vector<NamedColumn>& names) {
  Columns columns;
  for (const NamedColumn& name : names) columns.push_back(frame.find(name.name));
  return columns;
}

// The entity rows that make up a training set, by position, and their labels.
struct Asked {
  std::vector<std::size_t> rows;
  std::optional<Column> labels;  // of those rows
  std::int64_t unlabeled = 0;
};

Asked choose(const HistoryRequest& request, const Column& time, const Column& arrival,
             const std::optional<Column>& labels) {
  Asked asked;
  for (std::size_t row = 0; row < time.size(); ++row) {
    if (!time.is_valid(row) || time.ints[row] >= request.as_of.micros) continue;
    if (request.from && time.ints[row] < request.from->micros) continue;
    if (request.until && time.ints[row] >= request.until->micros) continue;
    const bool is_known = arrival.is_valid(row) && arrival.ints[row] <= request.as_of.micros;
    if (labels && !(is_known && labels->is_valid(row))) {
      ++asked.unlabeled;
    } else {
      asked.rows.push_back(row);
    }
  }
  if (labels) asked.labels = labels->take(asked.rows);
  return asked;
}

}  // namespace

Result<std::vector<Column>> FeatureStore::read_view(const State& state, std::size_t view,
                                                    const Columns& keys,
                                                    const std::vector<std::int64_t>& times,
                                                    types::Timestamp as_of) const {
  const BoundView& bound = state.views[view];
  const Source* source = state.definitions.find_source(bound.view.source);
  const auto s = static_cast<std::size_t>(source - state.definitions.sources.data());
  const std::vector<NamedColumn>& columns = state.source_columns[s];

  const std::unique_ptr<Table> table = TRY(tables_.open(source->dataset));
  std::vector<std::string> names;
  for (const std::size_t column : bound.columns()) names.push_back(columns[column].name);
  const types::Frame rows = TRY(table->rows(names));

  // What tells rows apart is read when rows are alike: seldom.
  std::optional<Result<types::Frame>> identifying;
  Columns identifying_cells;
  const auto identity = [&](std::size_t row) -> std::uint64_t {
    if (!identifying) {
      std::vector<std::string> keys;
      for (const std::size_t key : state.source_keys[s]) keys.push_back(columns[key].name);
      identifying = table->rows(keys);
      if (*identifying) identifying_cells = find_columns(**identifying, columns);
    }
    if (!*identifying) return 0;
    std::vector<Value> values(columns.size());
    for (std::size_t column = 0; column < columns.size(); ++column) {
      if (identifying_cells[column] != nullptr)
        values[column] = cell_of(*identifying_cells[column], row);
    }
    return identity_of(state, s, values);
  };
  const KeyedRows keyed(bound, find_columns(rows, columns), rows.rows(), as_of, identity);
  if (identifying && !*identifying) return std::move(*identifying).error();
  return keyed.read(keys, times);
}

Result<HistoryResult> FeatureStore::history(const HistoryRequest& request) const {
  const std::shared_ptr<State> state = TRY(bind(*definitions()));
  const BoundService& service = *TRY(find_service(*state, request.service));

  const types::Frame entities = TRY(TRY(tables_.open(request.entities))->rows({}));
  const std::vector<NamedColumn> entity_columns = TRY(tables_.columns(request.entities));
  const std::vector<std::string> entity_keys = TRY(tables_.key(request.entities));
  Columns request_cells, key_cells;
  for (const RequestColumn& column : service.service.request)
    request_cells.push_back(TRY(entities.column(column.name)));
  for (const std::string& key : entity_keys) key_cells.push_back(TRY(entities.column(key)));
  const Column& arrival = *TRY(entities.column(TRY(tables_.arrival_time(request.entities))));
  const Column& time = *request_cells[service.event_time];
  if (time.type != ColumnType::kTimestamp) {
    return base::error(Code::kInvalidArgument, "dataset {}: {} is no timestamp", request.entities,
                       time.name);
  }
  std::optional<Column> labels;
  if (!request.label.empty()) {
    const Expression label = TRY(Expression::parse(request.label, entity_columns));
    labels = label.evaluate(find_columns(entities, entity_columns), entities.rows());
  }
  Asked asked = choose(request, time, arrival, labels);

  HistoryResult result{.frame = {}, .unlabeled = asked.unlabeled};
  const auto add = [&](Column column, std::string name) -> Result<void> {
    column.name = std::move(name);
    // A feature that has the name of a key or of the time is in the frame once.
    if (result.frame.find(column.name) != nullptr) return {};
    return result.frame.add(std::move(column));
  };
  for (const Column* key : key_cells) TRY(add(key->take(asked.rows), key->name));
  const Column times = time.take(asked.rows);
  TRY(add(times, service.service.event_time));
  if (asked.labels) {
    TRY(add(std::move(*asked.labels), request.label_name));
    TRY(add(arrival.take(asked.rows), request.label_name + "_known_at"));
  }

  std::vector<Column> asked_cells;
  Columns cells;
  for (const Column* column : request_cells) asked_cells.push_back(column->take(asked.rows));
  for (const Column& column : asked_cells) cells.push_back(&column);
  std::vector<std::vector<Column>> parts;
  for (const BoundService::Part& part : service.parts) {
    const BoundView& view = state->views[part.view];
    if (view.view.is_on_demand()) {
      std::vector<Column>& columns = parts.emplace_back();
      for (const Expression& input : part.on_demand)
        columns.push_back(input.evaluate(cells, asked.rows.size()));
      continue;
    }
    Columns keys;
    for (const std::size_t key : part.keys) keys.push_back(cells[key]);
    parts.push_back(TRY(read_view(*state, part.view, keys, times.ints, request.as_of)));
  }
  for (const BoundService::Output& output : service.outputs) {
    TRY(add(output.from_request ? as_values(asked_cells[output.position])
                                : std::move(parts[output.part][output.position]),
            output.name));
  }
  return result;
}

}  // namespace slipway::features
