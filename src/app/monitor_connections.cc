#include "app/monitor_connections.h"

#include <cmath>
#include <functional>

#include "base/json.h"
#include "base/log.h"
#include "features/expression.h"
#include "features/plan.h"
#include "features/written_times.h"
#include "types/timestamp.h"

namespace slipway::app {

Result<releases::CanaryFacts> MonitoredVariants::facts(const std::string& endpoint,
                                                       const std::string& variant,
                                                       base::Timestamp since, base::Timestamp until,
                                                       double slow_over_ms) {
  CHECK(monitor_ != nullptr);
  TRY(log_.check_rows(endpoint, since, until));
  const auto summary = TRY(monitor_->summarize(endpoint, variant, since, until, slow_over_ms));
  return releases::CanaryFacts{.requests = summary.requests,
                               .errors = summary.errors,
                               .latency_ms_p99 = summary.latency_ms_p99,
                               .slow = summary.slow,
                               .labels = summary.labels,
                               .calibration_bias = summary.calibration_bias,
                               .calibration_bias_error = summary.calibration_bias_error};
}

Result<releases::ExperimentFacts> MonitoredVariants::compare(
    const std::string& endpoint, const std::string& live, const std::string& challenger,
    const std::string& metric, double alpha, base::Timestamp since, base::Timestamp until) {
  CHECK(monitor_ != nullptr);
  const auto measure = TRY(monitor_->measure(endpoint, metric));
  TRY(log_.check_rows(endpoint, since, until));
  const auto compared =
      TRY(monitor_->compare(endpoint, live, challenger, measure, alpha, since, until));
  return releases::ExperimentFacts{.live_rows = compared.a.rows,
                                   .challenger_rows = compared.b.rows,
                                   .live_value = compared.a.value,
                                   .challenger_value = compared.b.value,
                                   .low = compared.interval.low,
                                   .high = compared.interval.high};
}

Result<std::optional<bool>> MonitoredVariants::higher_is_better(const std::string& endpoint,
                                                                const std::string& metric) {
  CHECK(monitor_ != nullptr);
  switch (TRY(monitor_->measure(endpoint, metric))) {
    case monitor::Measure::kLabel:
    case monitor::Measure::kPrediction:
      return std::optional<bool>();
    case monitor::Measure::kAccuracy:
      return std::optional(true);
    case monitor::Measure::kLogLoss:
    case monitor::Measure::kBrier:
    case monitor::Measure::kAbsoluteError:
    case monitor::Measure::kErrorRate:
    case monitor::Measure::kLatencyMs:
      break;
  }
  return std::optional(false);
}

Result<types::Frame> LoggedRequests::requests(const std::string& endpoint, base::Timestamp from,
                                              base::Timestamp to,
                                              const std::vector<std::string>& columns) {
  return log_.read(endpoint, from, to, columns);
}

Result<void> LoggedRequests::each_part(const std::string& endpoint, base::Timestamp from,
                                       base::Timestamp to, const std::vector<std::string>& columns,
                                       const EachPart& each) {
  return log_.each_part(endpoint, {.from = from, .to = to}, columns, each);
}

Result<JsonObject> LoggedRequests::request(const std::string& endpoint, const std::string& id) {
  return log_.find(endpoint, id);
}

Result<std::vector<std::string>> ServedRequests::endpoints() {
  std::vector<std::string> names;
  for (const auto& status : TRY(releases_.statuses())) {
    if (status.current) names.push_back(status.endpoint.name());
  }
  return names;
}

Result<void> ServedRequests::each_part(const std::string& endpoint, base::Timestamp from,
                                       base::Timestamp to, const EachPart& each) {
  using enum serving::RequestLog::TimeOf;
  return log_.each_part(endpoint,
                        {.time = clock_.rehearses() ? kEvent : kArrival, .from = from, .to = to},
                        {}, [&](types::Frame& part) { return each(part); });
}

namespace {

// Those of the column's values that are wanted, each with its rows.
std::vector<monitor::ServedRows::Slice> slices_of(
    const types::Column& column, const std::function<bool(const std::string&)>& is_wanted) {
  const std::vector<std::string> values = monitor::slice_values(column);
  std::map<std::string, std::int64_t> counts;
  for (const std::string& value : values) {
    if (!value.empty()) ++counts[value];
  }
  std::vector<std::pair<std::int64_t, std::string>> common;
  for (const auto& [value, count] : counts) common.emplace_back(-count, value);
  std::sort(common.begin(), common.end());
  std::vector<monitor::ServedRows::Slice> slices;
  std::unordered_map<std::string, std::size_t> positions;
  for (const auto& [count, value] : common) {
    std::string name = fmt::format("{}={}", column.name, value);
    if (!is_wanted(name)) continue;
    positions[value] = slices.size();
    slices.push_back({std::move(name), std::vector<bool>(values.size())});
  }
  for (std::size_t row = 0; row < values.size(); ++row) {
    const auto at = positions.find(values[row]);
    if (at != positions.end()) slices[at->second].picks[row] = true;
  }
  return slices;
}

}  // namespace

Result<std::vector<monitor::ServedRows::Slice>> ServedRequests::slices(const std::string& endpoint,
                                                                       const types::Frame& part,
                                                                       std::set<std::string>& known,
                                                                       std::size_t most) {
  std::vector<Slice> found;
  if (monitor_ == nullptr) return found;
  std::set<std::string> seen;  // two monitors may declare the same
  const auto is_wanted = [&](const std::string& name) {
    if (known.size() < most) known.insert(name);
    return known.contains(name) && seen.insert(name).second;
  };
  const auto definitions = monitor_->definitions();
  const auto each = [&](const auto& visit) {
    for (const monitor::MonitorDefinition& definition : definitions) {
      if (definition.endpoint != endpoint) continue;
      for (const monitor::DeclaredSlice& slice : definition.slices) visit(slice);
    }
  };
  std::erase_if(known, [&](const std::string& name) {
    bool is_declared = false;
    each([&](const monitor::DeclaredSlice& slice) {
      is_declared |= slice.is_column() ? name.starts_with(slice.name + "=") : name == slice.name;
    });
    return !is_declared;
  });
  while (known.size() > most) known.erase(std::prev(known.end()));
  each([&](const monitor::DeclaredSlice& slice) {
    if (slice.is_column()) return;
    auto picks = conditions_->holds(slice.when, part);
    if (picks && is_wanted(slice.name)) found.push_back({slice.name, std::move(*picks)});
  });
  each([&](const monitor::DeclaredSlice& slice) {
    const types::Column* const column = slice.is_column() ? part.find(slice.name) : nullptr;
    if (column == nullptr) return;
    for (Slice& one : slices_of(*column, is_wanted)) found.push_back(std::move(one));
  });
  return found;
}

Result<std::optional<base::Timestamp>> ServedFeatures::oldest_view(const std::string& endpoint) {
  std::optional<base::Timestamp> oldest;
  const auto status = releases_.status(endpoint);
  if (!status && status.error().code != Code::kNotFound) return status.error();
  if (!status) return oldest;
  const auto definitions = features_.definitions();
  const features::Service* service =
      definitions->find_service(status->endpoint.definition.features);
  if (service == nullptr) return oldest;
  for (const auto& [name, newest] : features_.freshness()) {
    const features::View* view = definitions->find_view(name);
    if (!newest || view == nullptr || !features::needs(*definitions, *service, *view)) continue;
    if (!oldest || *newest < *oldest) oldest = newest;
  }
  return oldest;
}

namespace {

Result<datasets::RowAnswers> answers_of(const std::string& condition, const types::Frame& frame) {
  std::vector<features::NamedColumn> known;
  for (const types::Column& column : frame.columns())
    known.push_back(
        {column.name, features::value_type(column.type), column.type == types::ColumnType::kInt64});
  const features::Expression expression = TRY(features::Expression::parse(condition, known));
  if (expression.type() != features::ValueType::kBool)
    return base::error(Code::kInvalidArgument, "a condition is a yes or no: got={}", condition);
  datasets::RowAnswers answers;
  std::vector<types::Column> values(frame.columns().size());
  std::vector<const types::Column*> columns(frame.columns().size(), nullptr);
  for (const std::size_t at : expression.columns()) {
    values[at] = features::as_values(frame.columns()[at]);
    columns[at] = &values[at];
    answers.columns.push_back(frame.columns()[at].name);
  }
  answers.holds = expression.evaluate(columns, frame.rows());
  return answers;
}

}  // namespace

Result<datasets::RowAnswers> row_answers(const std::string& condition, const types::Frame& frame) {
  if (const auto times = features::check_written_times(condition); !times) {
    const std::string& why = times.error().message;
    base::log_warning("app", "a time that is none is missing in every row: condition={} {}",
                      base::to_text(base::Json(condition)), why.substr(0, why.find('\n')));
  }
  return answers_of(condition, frame);
}

Result<std::vector<bool>> SliceConditions::holds(const std::string& when,
                                                 const types::Frame& frame) {
  const types::Column holds = TRY(answers_of(when, frame)).holds;
  std::vector<bool> picks(frame.rows());
  for (std::size_t row = 0; row < picks.size(); ++row) picks[row] = holds.number(row) == 1;
  return picks;
}

Result<monitor::Attributions> ModelAttributions::attributions(
    const std::string& endpoint, std::int64_t version, const types::Frame& frame,
    const std::vector<std::size_t>& rows) {
  const auto inputs = TRY(endpoints_.inputs(endpoint));
  serving::PredictRequest request{.endpoint = endpoint, .version = version};
  request.batch.rows = rows.size();
  for (const serving::InputSpec& input : *inputs) {
    const types::Column* column = frame.find(input.name);
    if (!input.is_column() || column == nullptr) continue;
    request.batch.names.push_back(input.name);
    for (const std::size_t row : rows) {
      serving::Cell& cell = request.batch.cells.emplace_back();
      if (!column->is_valid(row)) continue;
      if (column->type == types::ColumnType::kString) {
        if (input.is_text() && !column->strings[row].empty())
          cell = std::string_view(column->strings[row]);
      } else if (const double number = column->number(row);
                 !input.is_text() && !std::isnan(number)) {
        cell = number;
      }
    }
  }
  const serving::Explained explained = TRY(endpoints_.explain(request));
  if (explained.refusal) return *explained.refusal;
  monitor::Attributions mean{.rows = static_cast<std::int64_t>(rows.size())};
  std::size_t at = 0;
  for (std::size_t i = 0; i < rows.size() * explained.explanation.sums; ++i) {
    for (const std::string& input : explained.inputs)
      mean.inputs[input] +=
          std::abs(explained.explanation.values[at++]) / static_cast<double>(rows.size());
  }
  return mean;
}

Result<std::string> TrainingRows::find_entities(const std::string& service) {
  const auto definitions = features_.definitions();
  const features::Service* found = definitions->find_service(service);
  if (found == nullptr)
    return base::error(Code::kNotFound, "no such feature service: service={}", service);
  for (const auto& definition : TRY(datasets_.definitions())) {
    const auto snapshot = datasets_.snapshot(definition.name);
    if (!snapshot) continue;
    const auto has = [&](const features::RequestColumn& wanted) {
      return std::any_of(snapshot->schema.columns.begin(), snapshot->schema.columns.end(),
                         [&](const auto& column) { return column.first == wanted.name; });
    };
    if (std::all_of(found->request.begin(), found->request.end(), has)) return definition.name;
  }
  return base::error(Code::kNotFound,
                     "no dataset has all request columns of the feature service: service={}",
                     service);
}

Result<types::Frame> TrainingRows::reference(const std::string& endpoint, base::Timestamp from,
                                             base::Timestamp to) {
  const std::string service = TRY(releases_.status(endpoint)).endpoint.definition.features;
  if (service.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "the endpoint has no feature service to take a reference from: endpoint={}",
                       endpoint);
  }
  const std::string entities = TRY(find_entities(service));
  features::HistoryResult history = TRY(features_.history(
      {.service = service, .entities = entities, .as_of = to, .from = from, .until = to}));
  types::Frame frame;
  for (const auto& output : TRY(features_.outputs(service))) {
    types::Column* column = history.frame.find(output.name);
    if (column == nullptr) continue;
    if (column->type == types::ColumnType::kDouble || column->type == types::ColumnType::kString) {
      TRY(frame.add(std::move(*column)));
      continue;
    }
    types::Column numbers = types::Column::of_type(output.name, types::ColumnType::kDouble);
    for (std::size_t row = 0; row < column->size(); ++row) {
      column->is_valid(row) ? numbers.append_double(column->number(row)) : numbers.append_null();
    }
    TRY(frame.add(std::move(numbers)));
  }
  return frame;
}

}  // namespace slipway::app
