#include "api/own/gate_routes.h"

#include "api/own/loop_wire.h"
#include "store/parquet.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using releases::Gates;

constexpr std::uint64_t kGateBytesMax = 256ull << 20;

Result<const JsonObject*> find_object(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  if (member == nullptr || member->is_null()) return static_cast<const JsonObject*>(nullptr);
  if (!member->is_object()) {
    return base::error(Code::kInvalidArgument, "{} must be an object", key);
  }
  return &member->as_object();
}

Result<releases::Contender> read_contender(const JsonObject& object) {
  releases::Contender contender;
  contender.version = TRY(base::find_int(object, "version"));
  contender.run_id = TRY(base::find_string(object, "run_id")).value_or("");
  contender.train_until = TRY(read_time(object, "train_until"));
  return contender;
}

// One column of the hold-out as a JSON list: times as text, days as text or whole numbers, the rest
// numbers.
Result<types::Column> read_column(const std::string& name, const JsonArray& values) {
  using enum types::ColumnType;
  const bool is_time = name == "event_time" || name == "arrival_time";
  const bool is_text = name == "day";
  types::Column column = types::Column::of_type(name, is_time   ? kTimestamp
                                                      : is_text ? kString
                                                                : kDouble);
  for (const Json& value : values) {
    if (value.is_null()) {
      column.append_null();
    } else if (is_time && value.is_string()) {
      auto time = types::parse_rfc3339(std::string_view(value.get_string()));
      if (!time) return std::move(time).error().with_context(name);
      column.append_int(time->micros);
    } else if (is_text && value.is_string()) {
      column.append_string(std::string(std::string_view(value.get_string())));
    } else if (is_text && value.is_int64()) {
      column.append_string(std::to_string(value.get_int64()));
    } else if (!is_time && !is_text && value.is_number()) {
      column.append_double(value.to_number<double>());
    } else if (!is_time && !is_text && value.is_bool()) {
      column.append_double(value.get_bool() ? 1 : 0);
    } else {
      return base::error(Code::kInvalidArgument,
                         "the hold-out has a value of the wrong type: column={} row={}", name,
                         column.size());
    }
  }
  return column;
}

Result<types::Frame> read_holdout(const JsonObject& holdout) {
  if (const auto file = TRY(base::find_string(holdout, "file"))) return store::read_parquet(*file);
  const JsonObject* columns = TRY(find_object(holdout, "columns"));
  if (columns == nullptr) {
    return base::error(Code::kInvalidArgument, "holdout needs a file or columns");
  }
  types::Frame frame;
  for (const auto& [name, values] : *columns) {
    if (!values.is_array()) {
      return base::error(Code::kInvalidArgument,
                         "a column of the hold-out must be a list: column={}",
                         std::string_view(name));
    }
    TRY(frame.add(TRY(read_column(name, values.as_array()))));
  }
  return frame;
}

Result<Response> judge(Gates& gates, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  releases::GateInput input{.model = request.param("name")};
  const JsonObject* candidate = TRY(find_object(body, "candidate"));
  const JsonObject* holdout = TRY(find_object(body, "holdout"));
  if (candidate == nullptr || holdout == nullptr) {
    return base::error(Code::kInvalidArgument, "a gate needs a candidate and a holdout");
  }
  input.candidate = TRY(read_contender(*candidate));
  if (const JsonObject* champion = TRY(find_object(body, "champion"))) {
    input.champion = TRY(read_contender(*champion));
  }
  input.baseline_rate = TRY(base::find_double(body, "baseline_rate"));
  if (const JsonObject* policy = TRY(find_object(body, "policy"))) {
    input.policy = TRY(releases::parse_gate_policy(*policy));
  }
  input.holdout = TRY(read_holdout(*holdout));
  return reply(TRY(gates.create(input, TRY(read_actor(request, body)))).to_json());
}

Result<Response> list(Gates& gates, const Request& request) {
  JsonArray found;
  for (const auto& gate :
       TRY(gates.list(request.param("name"), TRY(query_limit(request, 100, 1000))))) {
    found.push_back(gate.to_json());
  }
  return reply({{"gates", std::move(found)}});
}

Result<Response> promote(Gates& gates, releases::ModelAliases& aliases, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto done = TRY(
      releases::promote(gates, aliases, request.param("name"), TRY(base::get_string(body, "alias")),
                        TRY(base::get_int(body, "version")), TRY(base::get_string(body, "gate_id")),
                        TRY(read_actor(request, body))));
  JsonObject object{{"model", done.model},
                    {"alias", done.alias},
                    {"version", done.version},
                    {"gate_id", done.gate}};
  object["previous"] = done.previous ? Json(*done.previous) : Json(nullptr);
  return reply(object);
}

}  // namespace

std::vector<http::Route> gate_routes(Gates& gates, releases::ModelAliases& aliases) {
  return {
      {.method = Method::kPost,
       .pattern = "/slipway/v1/models/{name}/gate",
       .summary =
           "Judges a candidate against the champion, or a base rate, on a hold-out that neither "
           "was trained on, and keeps the verdict.",
       .handler = answering([&gates](const Request& r) { return judge(gates, r); }),
       .body_bytes_max = kGateBytesMax,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/models/{name}/gates",
       .summary = "The model's verdicts, newest first.",
       .handler = answering([&gates](const Request& r) { return list(gates, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/gates/{id}",
       .summary = "One verdict with every number.",
       .handler = answering([&gates](const Request& request) -> Result<Response> {
         return reply(TRY(gates.get(request.param("id"))).to_json());
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/models/{name}/promote",
       .summary = "Moves an alias to a version by a verdict that passed.",
       .handler =
           answering([&gates, &aliases](const Request& r) { return promote(gates, aliases, r); }),
       .lane = http::Lane::kControl,
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
