// Reading MLflow's request bodies and writing its nouns. Field names and conventions live here and
// nowhere else: integers go out as numbers, empty fields are left out, NaN travels as text.
#pragma once

#include <string>
#include <vector>

#include "api/http/router.h"
#include "base/json.h"
#include "registry/registry.h"
#include "tracking/artifacts.h"
#include "tracking/experiments.h"
#include "tracking/values.h"

namespace slipway::api::mlflow {

// What MLflow checks of a request before it acts on it.
struct Parameter {
  enum class Kind { kText, kInteger, kNumber, kArray, kTexts };
  enum class Presence { kOptional, kRequired };
  std::string_view name;
  Kind kind = Kind::kText;
  Presence presence = Presence::kOptional;
};
constexpr Parameter required(std::string_view name, Parameter::Kind kind = Parameter::Kind::kText) {
  return {name, kind, Parameter::Presence::kRequired};
}
constexpr Parameter optional(std::string_view name, Parameter::Kind kind = Parameter::Kind::kText) {
  return {name, kind, Parameter::Presence::kOptional};
}

// Puts quotes around NaN, Infinity and -Infinity outside of texts: Python's json writes them bare,
// and MLflow's server reads them; as texts is how they travel otherwise.
std::string quote_special_numbers(std::string_view json);

// The fields of a request: the JSON body of a POST, PATCH or DELETE, or the query of a GET. A body
// that is no JSON counts as empty, as with MLflow, so that the error says which parameter is
// missing.
class Fields {
 public:
  explicit Fields(const http::Request& request);
  explicit Fields(JsonObject body) : body_(std::move(body)) {}

  // kInvalidArgument for the first parameter that is missing ("Missing value for required parameter
  // 'x'.") or of another type ("Invalid value 31 for parameter 'x' supplied"). run_uuid may stand
  // for run_id.
  Result<void> check(std::initializer_list<Parameter> parameters) const;

  // Empty when absent.
  std::string text(std::string_view name) const;
  // "Missing value for required parameter 'x'."
  Result<std::string> required(std::string_view name) const;
  // run_id, or its old name run_uuid.
  Result<std::string> run_id() const;
  // A number or a text with one. kInvalidArgument naming the field.
  Result<std::optional<std::int64_t>> integer(std::string_view name) const;
  // Also "NaN", "Infinity", "-Infinity".
  Result<double> number(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<JsonObject> objects(std::string_view name) const;
  bool has(std::string_view name) const { return body_.contains(name); }
  const JsonObject& body() const { return body_; }

 private:
  JsonObject body_;
  bool is_query_ = false;  // every value is text
};

// ACTIVE_ONLY, DELETED_ONLY, ALL; anything else counts as the first.
tracking::View read_view(std::string_view name);
Result<double> read_number(const Json& value, std::string_view name);
std::vector<tracking::KeyValue> read_pairs(const std::vector<JsonObject>& objects);
// `path` is where the metric stands in the request, for messages: "metrics[0]." or nothing.
Result<tracking::Metric> read_metric(const JsonObject& object, const std::string& path);

JsonArray to_json(const std::vector<tracking::KeyValue>& pairs);
JsonObject to_json(const tracking::Experiment& experiment);
JsonObject to_json(const tracking::Metric& metric);
JsonObject info_json(const tracking::Run& run);
JsonObject to_json(const tracking::Run& run);
JsonObject to_json(const tracking::LoggedModel& model);
JsonObject to_json(const registry::RegisteredModel& model);
JsonObject to_json(const registry::ModelVersion& version);
JsonObject to_json(const store::ObjectEntry& file, const std::string& parent);

// 200 with the object.
http::Response reply(const JsonObject& object);

}  // namespace slipway::api::mlflow
