#include "api/own/drift_routes.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>

#include "api/own/loop_wire.h"
#include "monitor/drift/report.h"

namespace slipway::api::own {
namespace {

using datasets::Datasets;
using http::Method;
using http::Request;
using http::Response;
using monitor::ColumnSource;
using monitor::Monitor;

// A version of a dataset, a column at a time.
class SnapshotColumns final : public ColumnSource {
 public:
  SnapshotColumns(Datasets& datasets, datasets::Snapshot snapshot)
      : datasets_(datasets), snapshot_(std::move(snapshot)) {}

  std::int64_t rows() const override { return snapshot_.rows; }
  const std::vector<std::pair<std::string, types::ColumnType>>& columns() const override {
    return snapshot_.schema.columns;
  }
  Result<types::Column> read(const std::string& column) override {
    types::Frame frame = TRY(datasets_.rows(snapshot_, {column}));
    return std::move(frame.columns().front());
  }

 private:
  Datasets& datasets_;
  const datasets::Snapshot snapshot_;
};

enum class Side { kReference, kCurrent };

// "NAME" or "NAME@REST".
std::pair<std::string, std::optional<std::string>> split_at(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return {std::string(text), std::nullopt};
  return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

Result<std::unique_ptr<ColumnSource>> dataset_columns(Datasets& datasets, std::string_view text,
                                                      std::int64_t rows_max) {
  const auto [name, rest] = split_at(text);
  std::optional<std::int64_t> version;
  if (rest) {
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(rest->data(), rest->data() + rest->size(), number);
    if (ec != std::errc() || end != rest->data() + rest->size()) {
      return base::error(Code::kInvalidArgument,
                         "a dataset's version is a whole number: dataset:{}", text);
    }
    version = number;
  }
  datasets::Snapshot snapshot = TRY(datasets.snapshot(name, version));
  if (snapshot.rows > rows_max) {
    return base::error(Code::kInvalidArgument,
                       "more rows than a drift report takes: compare files on a machine of yours "
                       "(slipway monitor report FILE FILE), or raise --drift-rows-max: dataset={} "
                       "rows={} drift-rows-max={}",
                       name, snapshot.rows, rows_max);
  }
  std::unique_ptr<ColumnSource> columns =
      std::make_unique<SnapshotColumns>(datasets, std::move(snapshot));
  return columns;
}

Result<std::unique_ptr<ColumnSource>> monitor_columns(Monitor& monitor, std::string_view text,
                                                      Side side, std::int64_t rows_max) {
  const auto [name, rest] = split_at(text);
  if (!rest && side == Side::kReference) return monitor.reference_inputs(name);
  if (!rest) return monitor.newest_inputs(name, rows_max);
  const std::size_t dots = rest->find("..");
  if (dots == std::string::npos) {
    return base::error(Code::kInvalidArgument,
                       "a time is FROM..TO, both as 2024-01-31T00:00:00Z: monitor:{}", text);
  }
  const auto from = TRY(types::parse_rfc3339(rest->substr(0, dots)));
  const auto to = TRY(types::parse_rfc3339(rest->substr(dots + 2)));
  return monitor.inputs(name, from, to, rows_max);
}

constexpr std::string_view kDataset = "dataset:", kMonitor = "monitor:";

Result<std::unique_ptr<ColumnSource>> columns_of(Datasets& datasets, Monitor& monitor,
                                                 std::string_view text, Side side,
                                                 std::int64_t rows_max) {
  if (text.starts_with(kDataset)) {
    return dataset_columns(datasets, text.substr(kDataset.size()), rows_max);
  }
  if (text.starts_with(kMonitor)) {
    return monitor_columns(monitor, text.substr(kMonitor.size()), side, rows_max);
  }
  return base::error(
      Code::kInvalidArgument,
      "data is dataset:NAME, dataset:NAME@VERSION, monitor:NAME or monitor:NAME@FROM..TO: {}",
      text);
}

// A request log has predictions and most data sets have none: that is no difference of inputs.
void forget_prediction(std::string_view source, std::vector<std::string>& only_there) {
  if (source.starts_with(kMonitor)) std::erase(only_there, "prediction");
}

// How the monitor that is a side measures its predictions, unless a method was asked for.
Result<std::map<std::string, monitor::DriftRule>> rules_of_predictions(
    Monitor& monitor, const JsonObject& body, std::initializer_list<std::string_view> sides) {
  std::map<std::string, monitor::DriftRule> rules;
  if (body.contains("method") || body.contains("numeric_method") ||
      body.contains("categorical_method") || body.contains("text_method") ||
      body.contains("threshold")) {
    return rules;
  }
  for (const std::string_view side : sides) {
    if (!side.starts_with(kMonitor)) continue;
    const auto declared = TRY(monitor.definition(split_at(side.substr(kMonitor.size())).first));
    if (declared.drift.prediction) rules.try_emplace("prediction", *declared.drift.prediction);
  }
  return rules;
}

Result<std::vector<std::string>> names(const JsonObject& body, const char* key) {
  std::vector<std::string> found;
  const Json* given = body.if_contains(key);
  if (given == nullptr) return found;
  const auto refused = [&] {
    return base::error(Code::kInvalidArgument, "{} must be a list of names", key);
  };
  if (!given->is_array()) return refused();
  for (const Json& name : given->as_array()) {
    if (!name.is_string()) return refused();
    found.emplace_back(std::string_view(name.get_string()));
  }
  return found;
}

Result<std::vector<monitor::MultivariateRule>> multivariate_rules(const JsonObject& body) {
  std::vector<monitor::MultivariateRule> rules;
  const Json* given = body.if_contains("multivariate");
  if (given == nullptr) return rules;
  if (!given->is_array())
    return base::error(Code::kInvalidArgument, "multivariate must be a list of {{method: NAME}}");
  for (const Json& item : given->as_array()) {
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "multivariate must be a list of {{method: NAME}}");
    monitor::MultivariateRule rule;
    rule.method = TRY(base::get_string(item.as_object(), "method"));
    rule.threshold = TRY(base::find_double(item.as_object(), "threshold"));
    if (std::ranges::find(rules, rule.method, &monitor::MultivariateRule::method) != rules.end())
      return base::error(Code::kInvalidArgument, "multivariate names {} twice", rule.method);
    rules.push_back(std::move(rule));
  }
  return rules;
}

// As an address: its options are ?reference=, ?current= and ?columns=, names with commas.
JsonObject asked_in(const Request& request) {
  JsonObject asked;
  for (const char* key : {"reference", "current", "method"}) {
    if (const auto value = request.query(key)) asked[key] = *value;
  }
  const std::string columns(request.query("columns").value_or(""));
  JsonArray names;
  for (std::size_t from = 0; from < columns.size();) {
    const std::size_t comma = std::min(columns.find(',', from), columns.size());
    names.emplace_back(std::string_view(columns).substr(from, comma - from));
    from = comma + 1;
  }
  asked["columns"] = std::move(names);
  return asked;
}

Result<Response> report(Datasets& datasets, Monitor& monitor, std::int64_t rows_max,
                        const governance::Masks& masks, const JsonObject& body) {
  const std::string reference = TRY(base::get_string(body, "reference"));
  const std::string current = TRY(base::get_string(body, "current"));
  monitor::DriftReportOptions options;
  for (const auto& [key, value] : {std::pair("method", &options.method),
                                   {"numeric_method", &options.numeric_method},
                                   {"categorical_method", &options.categorical_method},
                                   {"text_method", &options.text_method},
                                   {"embedding_method", &options.embedding.method},
                                   {"embedding_distance", &options.embedding.distance}}) {
    if (auto given = TRY(base::find_string(body, key))) *value = std::move(*given);
  }
  options.threshold = TRY(base::find_double(body, "threshold")).value_or(options.threshold);
  options.drift_share = TRY(base::find_double(body, "drift_share")).value_or(options.drift_share);
  options.columns = TRY(names(body, "columns"));
  options.embeddings = TRY(names(body, "embeddings"));
  options.embedding.threshold = TRY(base::find_double(body, "embedding_threshold"));
  options.quality = TRY(base::find_bool(body, "quality")).value_or(false);
  if (const auto rows = TRY(base::find_int(body, "rows_together"))) {
    if (*rows < static_cast<std::int64_t>(monitor::kMultivariateRowsMin) ||
        *rows > static_cast<std::int64_t>(monitor::kMultivariateRowsMax)) {
      return base::error(Code::kInvalidArgument, "rows_together must be {} to {}: {}",
                         monitor::kMultivariateRowsMin, monitor::kMultivariateRowsMax, *rows);
    }
    options.rows_together = static_cast<std::size_t>(*rows);
  }
  options.multivariate = TRY(multivariate_rules(body));
  options.rules = TRY(rules_of_predictions(monitor, body, {current, reference}));
  const auto before = TRY(columns_of(datasets, monitor, reference, Side::kReference, rows_max));
  const auto now = TRY(columns_of(datasets, monitor, current, Side::kCurrent, rows_max));
  monitor::DriftReport found = TRY(monitor::compare_columns(*before, *now, options));
  for (monitor::ColumnReport& column : found.columns) {
    if (masks.contains(column.name)) column.hide_values();
  }
  found.reference_name = reference;
  found.current_name = current;
  forget_prediction(reference, found.only_in_reference);
  forget_prediction(current, found.only_in_current);
  return reply(found.to_json());
}

}  // namespace

std::vector<http::Route> drift_routes(Datasets& datasets, Monitor& monitor, Masking& masking,
                                      std::int64_t rows_max) {
  auto turn = std::make_shared<std::mutex>();
  const auto one_at_a_time = [&, rows_max, turn](const Request& request,
                                                 const JsonObject& body) -> Result<Response> {
    const std::unique_lock mine(*turn, std::try_to_lock);
    if (!mine.owns_lock()) {
      return base::error(Code::kResourceExhausted,
                         "another drift report is being made; try again when it is done");
    }
    return report(datasets, monitor, rows_max, TRY(masking.of_names(request)), body);
  };
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/drift",
       .summary = "Two data sets compared column by column, as a link: reference, current, method, "
                  "and columns by commas (all of them: none).",
       .handler = answering([one_at_a_time](const Request& request) {
         return one_at_a_time(request, asked_in(request));
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/drift",
       .summary = "Two data sets compared column by column: reference and current are "
                  "dataset:NAME[@VERSION] or monitor:NAME[@FROM..TO].",
       .handler = answering([one_at_a_time](const Request& request) -> Result<Response> {
         return one_at_a_time(request, TRY(read_body(request)));
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
