#include "cli/recording.h"

#include "features/expression.h"
#include "store/parquet.h"

namespace slipway::cli {
namespace {

using base::Timestamp;
using Times = std::vector<std::optional<Timestamp>>;

Result<Times> times_in(const types::Frame& frame, const std::string& name) {
  const types::Column* column = TRY(frame.column(name));
  if (column->type != types::ColumnType::kTimestamp)
    return base::error(Code::kInvalidArgument, "not a column of times: column={}", name);
  Times times(column->size());
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (column->is_valid(row)) times[row] = Timestamp{column->ints[row]};
  }
  return times;
}

Result<std::vector<std::optional<double>>> labels_of(const types::Frame& frame,
                                                     const std::string& text) {
  std::vector<features::NamedColumn> columns;
  for (const types::Column& column : frame.columns())
    columns.push_back({column.name, features::value_type(column.type)});
  const features::Expression expression = TRY(features::Expression::parse(text, columns));
  std::vector<std::optional<double>> labels(frame.rows());
  std::vector<features::Value> cells(frame.columns().size());
  for (std::size_t row = 0; row < labels.size(); ++row) {
    for (std::size_t c = 0; c < cells.size(); ++c)
      cells[c] = features::cell_of(frame.columns()[c], row);
    const features::Value value = expression.evaluate(cells);
    if (const auto* number = std::get_if<double>(&value)) labels[row] = *number;
  }
  return labels;
}

}  // namespace

Result<Recording> read_recording(const RecordingFiles& files) {
  return as_recording(TRY(store::read_parquet(files.requests)), files);
}

Result<Recording> as_recording(types::Frame rows, const RecordingFiles& files) {
  Recording recording{.id = files.id, .event_time = files.event_time, .inputs = files.inputs};
  recording.requests = std::move(rows);
  const types::Frame& requests = recording.requests;
  for (const std::string& name : files.inputs) TRY(requests.column(name));
  if (TRY(requests.column(files.id))->type != types::ColumnType::kString)
    return base::error(Code::kInvalidArgument, "request ids must be texts: column={}", files.id);
  TRY(times_in(requests, files.event_time));
  if (!files.label.empty()) {
    recording.labels = TRY(labels_of(requests, files.label));
    recording.label_times = TRY(times_in(requests, files.label_time));
  }
  return recording;
}

Result<Recording::Source> read_source(const PushedFile& from) {
  Recording::Source source{.name = from.source};
  source.rows = TRY(store::read_parquet(from.file));
  source.times = TRY(times_in(source.rows, from.column));
  return source;
}

}  // namespace slipway::cli
