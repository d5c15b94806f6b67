#include "api/mlflow/wire.h"

#include <charconv>
#include <cmath>

namespace slipway::api::mlflow {
namespace {

void put_text(JsonObject& object, std::string_view name, const std::string& value) {
  if (!value.empty()) object[name] = value;
}

void put_array(JsonObject& object, std::string_view name, JsonArray array) {
  if (!array.empty()) object[name] = std::move(array);
}

template <typename Pair>
JsonArray pairs_json(const std::vector<Pair>& pairs) {
  JsonArray array;
  for (const Pair& pair : pairs) array.push_back({{"key", pair.key}, {"value", pair.value}});
  return array;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  return value.is_null() ? std::string() : base::to_text(value);
}

std::string member_text(const JsonObject& object, std::string_view name) {
  const Json* member = object.if_contains(name);
  return member == nullptr ? std::string() : text_of(*member);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::int64_t> read_integer(const Json& value, std::string_view name) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_double())
    return static_cast<std::int64_t>(std::clamp(value.get_double(), -9.2e18, 9.2e18));
  if (value.is_string()) {
    if (const auto parsed = parse_integer(std::string_view(value.get_string()))) return *parsed;
  }
  return base::error(Code::kInvalidArgument,
                     "Invalid value {} for parameter '{}' supplied: expected an integer",
                     base::to_text(value), name);
}

// A value as MLflow quotes it: JSON, whole doubles with their ".0", long ones cut.
std::string quoted(const Json& value) {
  constexpr std::size_t kLengthMax = 200;
  if (value.is_double()) {
    std::string text = fmt::format("{}", value.get_double());
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    return text;
  }
  std::string text = base::to_text(value);
  if (text.size() > kLengthMax) text = text.substr(0, kLengthMax) + "...";
  return text;
}

// The type of a value in the words of MLflow's hint.
std::string_view python_type(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "NoneType";
    case boost::json::kind::bool_:
      return "bool";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return "int";
    case boost::json::kind::double_:
      return "float";
    case boost::json::kind::string:
      return "str";
    case boost::json::kind::array:
      return "list";
    case boost::json::kind::object:
      return "dict";
  }
  return "NoneType";
}

bool fits(const Json& value, Parameter::Kind kind, bool is_query) {
  switch (kind) {
    case Parameter::Kind::kText:
      return value.is_string() || is_query;
    case Parameter::Kind::kInteger:
      return read_integer(value, "").has_value();
    case Parameter::Kind::kNumber:
      return read_number(value, "").has_value();
    case Parameter::Kind::kArray:
      return value.is_array() || is_query;
    case Parameter::Kind::kTexts:
      return is_query ||
             (value.is_array() && std::all_of(value.get_array().begin(), value.get_array().end(),
                                              [](const Json& item) { return item.is_string(); }));
  }
  return false;
}

Error missing(std::string_view name) {
  return base::error(Code::kInvalidArgument,
                     "Missing value for required parameter '{}'. See the API docs for more "
                     "information about request parameters.",
                     name);
}

}  // namespace

Result<void> Fields::check(std::initializer_list<Parameter> parameters) const {
  for (const Parameter& parameter : parameters) {
    const Json* value = body_.if_contains(parameter.name);
    if (parameter.name == "run_id" && (value == nullptr || value->is_null()))
      value = body_.if_contains("run_uuid");
    const bool is_empty =
        value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty());
    if (is_empty && parameter.presence == Parameter::Presence::kRequired)
      return missing(parameter.name);
    if (value == nullptr || value->is_null() || fits(*value, parameter.kind, is_query_)) continue;
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter '{}' supplied:  Hint: Value was of type "
                       "'{}'. See the API docs for more information about request parameters.",
                       quoted(*value), parameter.name, python_type(*value));
  }
  return {};
}

std::string quote_special_numbers(std::string_view json) {
  std::string out;
  bool in_text = false;
  for (std::size_t at = 0; at < json.size();) {
    std::size_t length = 1;
    if (in_text) {
      if (json[at] == '\\') length = std::min<std::size_t>(2, json.size() - at);
      in_text = json[at] != '"';
    } else if (json[at] == '"') {
      in_text = true;
    } else {
      for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
        if (!json.substr(at).starts_with(word)) continue;
        out.append("\"").append(word).append("\"");
        at += word.size();
        length = 0;
        break;
      }
    }
    out.append(json.substr(at, length));
    at += length;
  }
  return out;
}

Fields::Fields(const http::Request& request) {
  if (request.method == http::Method::kGet || request.method == http::Method::kHead) {
    is_query_ = true;
    const std::size_t mark = request.target.find('?');
    std::string_view rest =
        mark == std::string_view::npos ? std::string_view() : request.target.substr(mark + 1);
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const std::string name(pair.substr(0, pair.find('=')));
      if (name.empty() || body_.contains(name)) continue;
      JsonArray values;
      for (const std::string& value : request.query_all(name)) values.emplace_back(value);
      if (values.size() == 1) {
        body_[name] = values[0];
      } else {
        body_[name] = std::move(values);
      }
    }
    return;
  }
  Result<JsonObject> parsed = base::parse_json_object(request.body);
  if (!parsed) parsed = base::parse_json_object(quote_special_numbers(request.body));
  if (parsed) body_ = std::move(*parsed);
}

std::string Fields::text(std::string_view name) const { return member_text(body_, name); }

Result<std::string> Fields::required(std::string_view name) const {
  std::string value = text(name);
  if (value.empty()) return missing(name);
  return value;
}

Result<std::string> Fields::run_id() const {
  std::string value = text("run_id");
  if (value.empty()) value = text("run_uuid");
  if (value.empty()) return required("run_id");
  return value;
}

Result<std::optional<std::int64_t>> Fields::integer(std::string_view name) const {
  const Json* member = body_.if_contains(name);
  if (member == nullptr || member->is_null()) return std::optional<std::int64_t>();
  return std::optional(TRY(read_integer(*member, name)));
}

Result<double> Fields::number(std::string_view name) const {
  const Json* member = body_.if_contains(name);
  if (member == nullptr) return required(name).error();
  return read_number(*member, name);
}

bool Fields::boolean(std::string_view name) const {
  const Json* member = body_.if_contains(name);
  return member != nullptr && (member->is_bool() ? member->get_bool() : text_of(*member) == "true");
}

std::vector<std::string> Fields::texts(std::string_view name) const {
  std::vector<std::string> values;
  const Json* member = body_.if_contains(name);
  if (member == nullptr) return values;
  if (member->is_array()) {
    for (const Json& item : member->get_array()) values.push_back(text_of(item));
  } else if (!member->is_null()) {
    values.push_back(text_of(*member));
  }
  return values;
}

std::vector<JsonObject> Fields::objects(std::string_view name) const {
  std::vector<JsonObject> values;
  const Json* member = body_.if_contains(name);
  if (member == nullptr || !member->is_array()) return values;
  for (const Json& item : member->get_array()) {
    if (item.is_object()) values.push_back(item.get_object());
  }
  return values;
}

tracking::View read_view(std::string_view name) {
  if (name == "DELETED_ONLY") return tracking::View::kDeleted;
  if (name == "ALL") return tracking::View::kAll;
  return tracking::View::kActive;
}

Result<double> read_number(const Json& value, std::string_view name) {
  if (value.is_number()) return value.to_number<double>();
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (text == "NaN") return std::nan("");
    if (text == "Infinity") return INFINITY;
    if (text == "-Infinity") return -INFINITY;
    double number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec == std::errc() && end == text.data() + text.size()) return number;
  }
  return base::error(Code::kInvalidArgument,
                     "Invalid value {} for parameter '{}' supplied: expected a number",
                     base::to_text(value), name);
}

std::vector<tracking::KeyValue> read_pairs(const std::vector<JsonObject>& objects) {
  std::vector<tracking::KeyValue> pairs;
  for (const JsonObject& object : objects)
    pairs.push_back({member_text(object, "key"), member_text(object, "value")});
  return pairs;
}

Result<tracking::Metric> read_metric(const JsonObject& object, const std::string& path) {
  tracking::Metric metric{.key = member_text(object, "key"),
                          .model_id = member_text(object, "model_id"),
                          .dataset_name = member_text(object, "dataset_name"),
                          .dataset_digest = member_text(object, "dataset_digest")};
  const Json* value = object.if_contains("value");
  const Json* timestamp = object.if_contains("timestamp");
  if (metric.key.empty()) return missing(path + "key");
  if (value == nullptr || value->is_null()) return missing(path + "value");
  if (timestamp == nullptr || timestamp->is_null()) return missing(path + "timestamp");
  metric.value = TRY(read_number(*value, path + "value"));
  metric.timestamp_ms = TRY(read_integer(*timestamp, path + "timestamp"));
  if (const Json* step = object.if_contains("step"); step != nullptr && !step->is_null())
    metric.step = TRY(read_integer(*step, path + "step"));
  return metric;
}

JsonArray to_json(const std::vector<tracking::KeyValue>& pairs) { return pairs_json(pairs); }

JsonObject to_json(const tracking::Experiment& experiment) {
  JsonObject object{{"experiment_id", experiment.id},
                    {"name", experiment.name},
                    {"artifact_location", experiment.artifact_location},
                    {"lifecycle_stage", tracking::stage_name(experiment.stage)},
                    {"last_update_time", experiment.updated.millis()},
                    {"creation_time", experiment.created.millis()}};
  put_array(object, "tags", pairs_json(experiment.tags));
  return object;
}

JsonObject to_json(const tracking::Metric& metric) {
  return {{"key", metric.key},
          {"value", std::isnan(metric.value) ? Json("NaN") : Json(metric.value)},
          {"timestamp", metric.timestamp_ms},
          {"step", metric.step}};
}

JsonObject info_json(const tracking::Run& run) {
  JsonObject info{{"run_id", run.id},
                  {"run_uuid", run.id},
                  {"run_name", run.name},
                  {"experiment_id", run.experiment_id},
                  {"user_id", run.user},
                  {"status", tracking::status_name(run.status)},
                  {"start_time", run.start_ms},
                  {"artifact_uri", run.artifact_uri},
                  {"lifecycle_stage", tracking::stage_name(run.stage)}};
  if (run.end_ms) info["end_time"] = *run.end_ms;
  return info;
}

JsonObject to_json(const tracking::Run& run) {
  JsonArray metrics, datasets, model_inputs, model_outputs;
  for (const tracking::Metric& metric : run.metrics) metrics.push_back(to_json(metric));
  for (const tracking::DatasetInput& input : run.datasets) {
    JsonObject dataset{{"name", input.name},
                       {"digest", input.digest},
                       {"source_type", input.source_type},
                       {"source", input.source}};
    put_text(dataset, "schema", input.schema);
    put_text(dataset, "profile", input.profile);
    JsonObject entry{{"dataset", std::move(dataset)}};
    put_array(entry, "tags", pairs_json(input.tags));
    datasets.push_back(std::move(entry));
  }
  for (const std::string& id : run.model_inputs)
    model_inputs.push_back(JsonObject{{"model_id", id}});
  for (const tracking::ModelOutput& output : run.model_outputs)
    model_outputs.push_back({{"model_id", output.model_id}, {"step", output.step}});
  JsonObject data, inputs, outputs;
  put_array(data, "metrics", std::move(metrics));
  put_array(data, "params", pairs_json(run.params));
  put_array(data, "tags", pairs_json(run.tags));
  put_array(inputs, "dataset_inputs", std::move(datasets));
  put_array(inputs, "model_inputs", std::move(model_inputs));
  put_array(outputs, "model_outputs", std::move(model_outputs));
  return {{"info", info_json(run)},
          {"data", std::move(data)},
          {"inputs", std::move(inputs)},
          {"outputs", std::move(outputs)}};
}

JsonObject to_json(const tracking::LoggedModel& model) {
  JsonObject info{{"model_id", model.id},
                  {"experiment_id", model.experiment_id},
                  {"name", model.name},
                  {"creation_timestamp_ms", model.created.millis()},
                  {"last_updated_timestamp_ms", model.updated.millis()},
                  {"artifact_uri", model.artifact_uri},
                  {"status", model.status}};
  put_text(info, "model_type", model.model_type);
  put_text(info, "source_run_id", model.source_run_id);
  put_text(info, "status_message", model.status_message);
  put_array(info, "tags", pairs_json(model.tags));
  JsonObject data;
  put_array(data, "params", pairs_json(model.params));
  JsonArray metrics;
  for (const tracking::ModelMetric& point : model.metrics) {
    JsonObject metric = to_json(point.metric);
    metric["model_id"] = point.metric.model_id;
    put_text(metric, "dataset_name", point.metric.dataset_name);
    put_text(metric, "dataset_digest", point.metric.dataset_digest);
    metric["run_id"] = point.run_id;
    metrics.push_back(std::move(metric));
  }
  put_array(data, "metrics", std::move(metrics));
  return {{"info", std::move(info)}, {"data", std::move(data)}};
}

JsonObject to_json(const registry::ModelVersion& version) {
  JsonObject object{{"name", version.model},
                    {"version", std::to_string(version.version)},
                    {"creation_timestamp", version.created.millis()},
                    {"last_updated_timestamp", version.updated.millis()},
                    {"current_stage", version.stage},
                    {"description", version.description},
                    {"source", version.source},
                    {"run_id", version.run_id},
                    {"status", "READY"},
                    {"run_link", version.run_link}};
  put_text(object, "model_id", version.model_id);
  put_array(object, "tags", pairs_json(version.tags));
  JsonArray aliases;
  for (const std::string& alias : version.aliases) aliases.emplace_back(alias);
  put_array(object, "aliases", std::move(aliases));
  return object;
}

JsonObject to_json(const registry::RegisteredModel& model) {
  JsonObject object{{"name", model.name},
                    {"creation_timestamp", model.created.millis()},
                    {"last_updated_timestamp", model.updated.millis()}};
  put_text(object, "description", model.description);
  JsonArray latest, aliases;
  for (const registry::ModelVersion& version : model.latest_versions)
    latest.push_back(to_json(version));
  for (const registry::Alias& alias : model.aliases)
    aliases.push_back({{"alias", alias.alias}, {"version", std::to_string(alias.version)}});
  put_array(object, "latest_versions", std::move(latest));
  put_array(object, "tags", pairs_json(model.tags));
  put_array(object, "aliases", std::move(aliases));
  return object;
}

JsonObject to_json(const store::ObjectEntry& file, const std::string& parent) {
  JsonObject object{{"path", parent.empty() ? file.name : parent + "/" + file.name},
                    {"is_dir", file.is_folder}};
  if (!file.is_folder && file.bytes > 0) object["file_size"] = file.bytes;
  return object;
}

http::Response reply(const JsonObject& object) {
  return http::Response::json(base::to_text(object));
}

}  // namespace slipway::api::mlflow
