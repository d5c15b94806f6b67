#include "api/own/feature_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using features::FeatureStore;
using features::Value;
using http::Method;
using http::Request;
using http::Response;

constexpr std::uint64_t kPushBytesMax = 64ull << 20;

JsonObject with_about(JsonObject of, const features::About& about) {
  of["owner"] = about.owner;
  of["description"] = about.description;
  JsonObject tags;
  for (const auto& [name, value] : about.tags) tags[name] = value;
  of["tags"] = std::move(tags);
  return of;
}

Result<Response> describe(FeatureStore& store) {
  const auto definitions = store.definitions();
  JsonArray sources, views, services;
  for (const auto& source : definitions->sources) {
    JsonArray key;
    for (const std::string& column : source.deduplication_key) key.push_back(Json(column));
    sources.push_back(with_about({{"name", source.name},
                                  {"dataset", source.dataset},
                                  {"event_time", source.event_time},
                                  {"arrival_time", source.arrival_time},
                                  {"deduplication_key", std::move(key)}},
                                 source.about));
  }
  for (const auto& view : definitions->views) {
    JsonArray names, keys, outputs;
    JsonObject reads;
    for (const std::string& name : view.feature_names()) names.push_back(Json(name));
    for (const std::string& key : view.keys) keys.push_back(Json(key));
    if (const auto shape = store.view_shape(view.name)) {  // not yet gone
      for (const auto& output : shape->features) {
        outputs.push_back(
            JsonObject{{"name", output.name}, {"type", features::value_type_name(output.type)}});
      }
      for (std::size_t i = 0; i < shape->reads.size(); ++i) {
        JsonArray columns;
        for (const std::string& column : shape->reads[i]) columns.push_back(Json(column));
        reads[shape->features[i].name] = std::move(columns);
      }
    }
    views.push_back(with_about({{"name", view.name},
                                {"source", view.source},
                                {"keys", std::move(keys)},
                                {"features", std::move(names)},
                                {"outputs", std::move(outputs)},
                                {"reads", std::move(reads)}},
                               view.about));
  }
  for (const auto& service : definitions->services) {
    JsonArray request, outputs;
    for (const auto& column : service.request)
      request.push_back(JsonObject{{"name", column.name}, {"type", types::type_name(column.type)}});
    for (const auto& output : TRY(store.outputs(service.name))) {
      outputs.push_back(
          JsonObject{{"name", output.name}, {"type", features::value_type_name(output.type)}});
    }
    services.push_back(with_about({{"name", service.name},
                                   {"version", service.version},
                                   {"event_time", service.event_time},
                                   {"request", std::move(request)},
                                   {"outputs", std::move(outputs)}},
                                  service.about));
  }
  const types::Timestamp now = store.now();
  std::map<std::string, types::Timestamp> newest;
  for (const auto& view : store.freshness()) {
    if (view.newest) newest[view.view] = *view.newest;
  }
  for (Json& item : views) {
    JsonObject& view = item.get_object();
    const auto found = newest.find(std::string(std::string_view(view["name"].get_string())));
    view["newest"] = found == newest.end() ? Json() : Json(types::to_rfc3339(found->second));
    view["age_seconds"] = found == newest.end()
                              ? Json()
                              : Json(static_cast<double>((now - found->second).micros) / 1e6);
  }
  const auto materialized = TRY(store.materialized());
  const features::OnlineStore::Size size = store.online().size();
  return reply(
      {{"sources", std::move(sources)},
       {"views", std::move(views)},
       {"services", std::move(services)},
       {"online",
        JsonObject{{"store", store.online().name()},
                   {"materialized", materialized ? Json(types::to_rfc3339(*materialized)) : Json()},
                   {"memory_bytes", size.memory_bytes},
                   {"disk_bytes", size.disk_bytes}}}});
}

Result<const JsonArray*> get_rows(const JsonObject& body) {
  const Json* rows = body.if_contains("rows");
  if (rows == nullptr || !rows->is_array())
    return base::error(Code::kInvalidArgument, "rows must be a list of objects");
  return &rows->get_array();
}

Result<Response> materialize(FeatureStore& store, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto as_of = TRY(read_time(body, "as_of"));
  // Nothing is known of later: an incremental one after it would find nothing new for as long.
  features::Materialization wanted{.as_of = std::min(as_of.value_or(store.now()), store.now())};
  wanted.is_incremental = TRY(base::find_bool(body, "incremental")).value_or(false);
  wanted.from = TRY(read_time(body, "from"));
  wanted.until = TRY(read_time(body, "until"));
  wanted.rows_per_second = TRY(base::find_int(body, "rows_per_second")).value_or(0);
  const bool is_range = wanted.from || wanted.until;
  if (!as_of && !wanted.is_incremental && !is_range) {
    return base::error(Code::kInvalidArgument,
                       "as_of is missing: what is known when? Or incremental, or from and until");
  }
  if (is_range && (as_of || wanted.is_incremental)) {
    return base::error(Code::kInvalidArgument,
                       "from and until look again for what was known already: as_of and "
                       "incremental don't go with them");
  }
  if (wanted.from && wanted.until && *wanted.until < *wanted.from)
    return base::error(Code::kInvalidArgument, "from is after until");
  if (wanted.rows_per_second < 0)
    return base::error(Code::kInvalidArgument, "rows_per_second must not be negative");
  return reply({{"rows", TRY(store.materialize(wanted))}});
}

// {"stream": {"name": "kafka://...", "partition": 0, "offsets": [7, 8]}}
Result<std::optional<features::StreamPosition>> read_position(const JsonObject& body) {
  const Json* stream = body.if_contains("stream");
  if (stream == nullptr || stream->is_null()) return std::optional<features::StreamPosition>();
  if (!stream->is_object())
    return base::error(Code::kInvalidArgument, "stream must have name, partition and offsets");
  const JsonObject& object = stream->get_object();
  features::StreamPosition position;
  position.stream = TRY(base::get_string(object, "name"));
  position.partition = TRY(base::find_int(object, "partition")).value_or(0);
  const Json* offsets = object.if_contains("offsets");
  if (offsets == nullptr || !offsets->is_array())
    return base::error(Code::kInvalidArgument, "stream.offsets must be a list, one a row");
  for (const Json& offset : offsets->get_array()) {
    if (!offset.is_int64())
      return base::error(Code::kInvalidArgument, "stream.offsets must be whole numbers");
    position.offsets.push_back(offset.get_int64());
  }
  return std::optional(std::move(position));
}

Result<Response> offsets(const FeatureStore& store, const Request& request) {
  const std::string source(request.query("source").value_or("")),
      stream(request.query("stream").value_or(""));
  if (source.empty() || stream.empty())
    return base::error(Code::kInvalidArgument, "source and stream are missing: of which?");
  JsonArray partitions;
  for (const auto& [partition, next] : TRY(store.next_offsets(source, stream)))
    partitions.push_back(JsonObject{{"partition", partition}, {"next", next}});
  return reply({{"source", source}, {"stream", stream}, {"partitions", std::move(partitions)}});
}

Result<Value> read_value(const Json& json, const features::RequestColumn& column) {
  if (json.is_null()) return Value();
  if (column.type == types::ColumnType::kTimestamp && json.is_string()) {
    auto time = types::parse_rfc3339(std::string_view(json.get_string()));
    if (!time) return std::move(time).error().with_context(column.name);
    return Value(*time);
  }
  if (column.type == types::ColumnType::kTimestamp && json.is_int64()) {
    auto time = features::time_of_micros(json.get_int64());
    if (!time) return std::move(time).error().with_context(column.name);
    return time;
  }
  if (column.type == types::ColumnType::kString && json.is_string())
    return Value(std::string(std::string_view(json.get_string())));
  if (column.type == types::ColumnType::kInt64 && json.is_int64())
    return features::whole_number(json.get_int64());
  if (column.type != types::ColumnType::kString && column.type != types::ColumnType::kTimestamp &&
      json.is_number())
    return Value(json.to_number<double>());
  if (column.type == types::ColumnType::kBool && json.is_bool())
    return Value(json.get_bool() ? 1.0 : 0.0);
  return base::error(Code::kInvalidArgument, "{} must be a {}", column.name,
                     types::type_name(column.type));
}

Json to_json(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return base::number_or_null(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return Json(*text);
  if (const auto* time = std::get_if<types::Timestamp>(&value))
    return Json(types::to_rfc3339(*time));
  return nullptr;
}

Result<Response> online(FeatureStore& store, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string name = TRY(base::get_string(body, "service"));
  const auto as_of = TRY(read_time(body, "as_of"));
  const auto definitions = store.definitions();
  const features::Service* service = definitions->find_service(name);
  if (service == nullptr)
    return base::error(Code::kNotFound, "no such feature service: service={}", name);
  JsonArray names;
  std::vector<std::string> wanted;  // a declaration may change its order meanwhile
  for (const auto& output : TRY(store.outputs(name))) {
    names.push_back(Json(output.name));
    wanted.push_back(output.name);
  }
  std::vector<std::vector<std::pair<std::string, Value>>> requests;
  for (const Json& item : *TRY(get_rows(body))) {
    const std::size_t number = requests.size();
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "row {} must be an object", number);
    auto& row = requests.emplace_back();
    for (const auto& column : service->request) {
      if (const Json* cell = item.get_object().if_contains(column.name)) {
        auto value = read_value(*cell, column);
        if (!value) return std::move(value).error().with_context(fmt::format("row {}", number));
        row.emplace_back(column.name, std::move(*value));
      }
    }
  }
  std::vector<FeatureStore::LookupRow> asked;
  for (const auto& row : requests) asked.push_back({row, as_of});
  JsonArray rows;
  std::int64_t version = 0;
  for (const auto& found : TRY(store.lookup_rows(name, asked, wanted, &version))) {
    JsonArray values;
    for (const Value& value : found) values.push_back(to_json(value));
    rows.push_back(std::move(values));
  }
  return reply({{"names", std::move(names)}, {"rows", std::move(rows)}, {"version", version}});
}

JsonObject describe(const features::ServiceVersion& version) {
  return {{"version", version.version},
          {"since", types::to_rfc3339(version.since)},
          {"definition", version.definition}};
}

Result<Response> service_versions(const FeatureStore& store, const std::string& service) {
  JsonArray versions;
  for (const auto& version : TRY(store.versions().all(service)))
    versions.push_back(describe(version));
  return reply({{"service", service}, {"versions", std::move(versions)}});
}

Result<Response> skew_report(features::SkewMeter& skew, Masking& masking, const Request& request) {
  JsonObject report = skew.report(std::string(request.query("endpoint").value_or("")));
  const governance::Masks masks = TRY(masking.of_names(request));
  for (Json& row : report["features"].as_array()) {
    JsonObject& feature = row.as_object();
    const auto mask = masks.find(std::string_view(feature["feature"].as_string()));
    if (mask == masks.end()) continue;
    if (Json& first = feature["first"]; first.is_object()) {
      for (const char* value : {"served", "recomputed"})
        first.as_object()[value] = governance::masked(first.at(value), mask->second, masking.key());
    }
    for (const char* side : {"last_served", "last_recomputed"}) {
      if (!feature[side].is_object()) continue;
      for (const char* quantile : {"p10", "p50", "p90"})
        feature[side].as_object()[quantile] = nullptr;
    }
    // "always 41"
    feature["detail"] = nullptr;
    for (auto& [reason, of] : feature["reasons"].as_object()) of.as_object()["detail"] = "";
  }
  return reply(report);
}

}  // namespace

std::vector<http::Route> feature_routes(FeatureStore& store, features::SkewMeter& skew,
                                        Masking& masking) {
  const std::string base = "/slipway/v1/features";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Sources, views and services as declared.",
       .handler = answering([&store](const Request&) { return describe(store); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/services/{name}/versions",
       .summary = "Definitions that a service has had, the newest first, and since when.",
       .handler = answering(
           [&store](const Request& r) { return service_versions(store, r.param("name")); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/online",
       .summary = "A service's features for request rows, as known now or at as_of.",
       .handler = answering([&store](const Request& r) { return online(store, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/materialize",
       .summary = "Loads for online reads what the datasets knew at as_of; only what is new with "
                  "incremental; a range of event times again with from, until.",
       .handler = answering([&store](const Request& r) { return materialize(store, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/materialize",
       .summary = "How far a materialization is.",
       .handler = answering([&store](const Request&) -> Result<Response> {
         const features::MaterializationProgress progress = store.progress();
         return reply({{"running", progress.is_running},
                       {"source", progress.source},
                       {"rows_done", progress.rows_done},
                       {"rows_all", progress.rows_all}});
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/offsets",
       .summary = "Where to go on reading a stream whose messages are pushed to a source.",
       .handler = answering([&store](const Request& r) { return offsets(store, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/push",
       .summary = "Adds rows of a source; durable on return; the same row again changes nothing.",
       .handler = answering([&store](const Request& request) -> Result<Response> {
         const JsonObject body = TRY(read_body(request));
         const JsonArray& rows = *TRY(get_rows(body));
         return reply({{"added", TRY(store.push(TRY(base::get_string(body, "source")), rows,
                                                TRY(read_position(body))))},
                       {"rows", rows.size()}});
       }),
       .body_bytes_max = kPushBytesMax,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/skew",
       .summary =
           "Served values that differ when they are recomputed, by endpoint and feature, with "
           "the reason: of one endpoint with endpoint.",
       .handler =
           answering([&skew, &masking](const Request& r) { return skew_report(skew, masking, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/explain",
       .summary = "A served request: its values, recomputed, and the rows they come from; of one "
                  "endpoint or feature with endpoint, feature.",
       .handler = answering([&skew, &masking](const Request& r) -> Result<Response> {
         // Rows of sources, and what was computed from them.
         if (!TRY(masking.of_names(r)).empty()) {
           return base::error(Code::kPermissionDenied,
                              "an explanation shows rows as they are, and columns are masked for "
                              "you (`tags:` of slipway.yaml names the roles that may read them)");
         }
         const auto id = r.query("request");
         if (!id || id->empty())
           return base::error(Code::kInvalidArgument, "request is missing: the id of a request");
         return reply(
             TRY(skew.explain(std::string(*id), std::string(r.query("endpoint").value_or("")),
                              std::string(r.query("feature").value_or("")))));
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
