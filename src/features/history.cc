// Training sets: the same views over whole datasets, each entity row as known at its own time.
#include "features/feature_store.h"

namespace slipway::features {

Result<HistoryResult> FeatureStore::history(const HistoryRequest& request) const {
  const std::shared_ptr<State> state = TRY(bind(*definitions()));
  const BoundService& service = *TRY(find_service(*state, request.service));

  // Every row that had arrived by as_of; reads filter by each entity row's own time.
  TRY(load_datasets(*state, request.as_of));

  const types::Frame entities = TRY(tables_.rows(request.entities));
  const std::vector<NamedColumn> entity_columns = TRY(tables_.columns(request.entities));
  std::vector<const types::Column*> cells, request_cells, key_cells;
  for (const NamedColumn& column : entity_columns)
    cells.push_back(TRY(entities.column(column.name)));
  for (const RequestColumn& column : service.service.request)
    request_cells.push_back(TRY(entities.column(column.name)));
  for (const std::string& key : TRY(tables_.key(request.entities)))
    key_cells.push_back(TRY(entities.column(key)));
  std::optional<Expression> label;
  if (!request.label.empty()) label = TRY(Expression::parse(request.label, entity_columns));
  const types::Column* arrival = TRY(entities.column(TRY(tables_.arrival_time(request.entities))));

  HistoryResult result;
  std::vector<types::Column> out;
  for (const types::Column* key : key_cells)
    out.push_back(types::Column::of_type(key->name, key->type));
  out.push_back(types::Column::of_type(service.service.event_time, types::ColumnType::kTimestamp));
  if (label) {
    out.push_back(types::Column::of_type(request.label_name, column_type(label->type())));
    out.push_back(
        types::Column::of_type(request.label_name + "_known_at", types::ColumnType::kTimestamp));
  }
  const std::size_t features_at = out.size();
  for (const BoundService::Output& output : service.outputs) {
    // A feature that has the name of a key or of the time is in the frame once.
    out.push_back(types::Column::of_type(output.name, column_type(output.type)));
  }

  std::vector<const ViewIndex*> indexes;
  for (const auto& index : state->indexes) indexes.push_back(index.get());
  std::vector<Value> row(request_cells.size()), values(service.outputs.size()),
      entity(cells.size());
  for (std::size_t i = 0; i < entities.rows(); ++i) {
    for (std::size_t c = 0; c < request_cells.size(); ++c) row[c] = cell_of(*request_cells[c], i);
    const auto* time = std::get_if<types::Timestamp>(&row[service.event_time]);
    if (time == nullptr || *time >= request.as_of) continue;
    if ((request.from && *time < *request.from) || (request.until && *time >= *request.until))
      continue;
    Value label_value;
    if (label) {
      const bool known = arrival->is_valid(i) && arrival->ints[i] <= request.as_of.micros;
      for (std::size_t c = 0; c < cells.size(); ++c) entity[c] = cell_of(*cells[c], i);
      if (known) label_value = label->evaluate(entity);
      if (is_null(label_value)) {
        ++result.unlabeled;
        continue;
      }
    }
    service.read(row, *time, state->views, indexes, values);
    std::size_t column = 0;
    for (const types::Column* key : key_cells) out[column++].append_from(*key, i);
    out[column++].append_int(time->micros);
    if (label) {
      append_value(out[column++], label_value);
      out[column].append_int(arrival->ints[i]);
    }
    for (std::size_t o = 0; o < values.size(); ++o) append_value(out[features_at + o], values[o]);
  }
  for (types::Column& column : out) {
    if (result.frame.find(column.name) == nullptr) TRY(result.frame.add(std::move(column)));
  }
  return result;
}

}  // namespace slipway::features
