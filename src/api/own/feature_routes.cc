#include "api/own/feature_routes.h"

#include "api/own/loop_wire.h"
#include "store/file_system.h"
#include "store/parquet.h"

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
    sources.push_back(with_about({{"name", source.name},
                                  {"dataset", source.dataset},
                                  {"event_time", source.event_time},
                                  {"arrival_time", source.arrival_time}},
                                 source.about));
  }
  for (const auto& view : definitions->views) {
    JsonArray names;
    for (const std::string& name : view.feature_names()) names.push_back(Json(name));
    views.push_back(
        with_about({{"name", view.name}, {"source", view.source}, {"features", std::move(names)}},
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
                                   {"event_time", service.event_time},
                                   {"request", std::move(request)},
                                   {"outputs", std::move(outputs)}},
                                  service.about));
  }
  return reply({{"sources", std::move(sources)},
                {"views", std::move(views)},
                {"services", std::move(services)}});
}

// "late = arr_delay > 15", or the expression alone, which is then called "label".
std::pair<std::string, std::string> split_label(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 >= text.size() || text[equals + 1] == '=' ||
      (equals > 0 && std::string_view("<>!").find(text[equals - 1]) != std::string_view::npos))
    return {"label", text};
  std::string name = text.substr(0, equals);
  while (!name.empty() && name.back() == ' ') name.pop_back();
  return {name, text.substr(equals + 1)};
}

// The file goes when nobody has this any more.
std::shared_ptr<const void> remove_later(const std::filesystem::path& file) {
  return std::shared_ptr<const std::filesystem::path>(new std::filesystem::path(file),
                                                      [](const std::filesystem::path* path) {
                                                        std::error_code ignored;
                                                        std::filesystem::remove(*path, ignored);
                                                        delete path;
                                                      });
}

Result<Response> history(FeatureStore& store, base::Random& random,
                         const std::filesystem::path& scratch, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  features::HistoryRequest wanted;
  wanted.service = TRY(base::get_string(body, "service"));
  wanted.entities = TRY(base::get_string(body, "entities"));
  wanted.from = TRY(read_time(body, "from"));
  wanted.until = TRY(read_time(body, "until"));
  if (const auto label = TRY(base::find_string(body, "label")); label && !label->empty())
    std::tie(wanted.label_name, wanted.label) = split_label(*label);
  const auto as_of = TRY(read_time(body, "as_of"));
  if (!as_of) return base::error(Code::kInvalidArgument, "as_of is missing: what is known when?");
  wanted.as_of = *as_of;
  const auto file = scratch / ("history-" + random.hex(8) + ".parquet");
  const std::shared_ptr<const void> owner = remove_later(file);
  store::ParquetWriter writer(file);
  std::size_t rows = 0;
  const features::HistoryResult result =
      TRY(store.history(wanted, [&](const types::Frame& some) -> Result<void> {
        rows += some.rows();
        return writer.append(some);
      }));
  TRY(writer.finish());
  Response response{.content_type = "application/vnd.apache.parquet"};
  response.file = {.file = file, .bytes = std::filesystem::file_size(file), .owner = owner};
  response.headers = {{"Slipway-Rows", std::to_string(rows)},
                      {"Slipway-Unlabeled", std::to_string(result.unlabeled)}};
  return response;
}

Result<const JsonArray*> get_rows(const JsonObject& body) {
  const Json* rows = body.if_contains("rows");
  if (rows == nullptr || !rows->is_array())
    return base::error(Code::kInvalidArgument, "rows must be a list of objects");
  return &rows->get_array();
}

Result<Value> read_value(const Json& json, const features::RequestColumn& column) {
  if (json.is_null()) return Value();
  if (column.type == types::ColumnType::kTimestamp && json.is_string()) {
    auto time = types::parse_rfc3339(std::string_view(json.get_string()));
    if (!time) return std::move(time).error().with_context(column.name);
    return Value(*time);
  }
  if (column.type == types::ColumnType::kString && json.is_string())
    return Value(std::string(std::string_view(json.get_string())));
  if (column.type == types::ColumnType::kInt64 && json.is_int64())
    return features::whole_number(json.get_int64());
  if (column.type != types::ColumnType::kString && json.is_number())
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
  JsonArray names, rows;
  for (const auto& output : TRY(store.outputs(name))) names.push_back(Json(output.name));
  for (const Json& item : *TRY(get_rows(body))) {
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "row {} must be an object", rows.size());
    std::vector<std::pair<std::string, Value>> row;
    for (const auto& column : service->request) {
      if (const Json* cell = item.get_object().if_contains(column.name)) {
        auto value = read_value(*cell, column);
        if (!value)
          return std::move(value).error().with_context(fmt::format("row {}", rows.size()));
        row.emplace_back(column.name, std::move(*value));
      }
    }
    JsonArray values;
    for (const Value& value : TRY(store.lookup(name, row, as_of))) values.push_back(to_json(value));
    rows.push_back(std::move(values));
  }
  return reply({{"names", std::move(names)}, {"rows", std::move(rows)}});
}

}  // namespace

std::vector<http::Route> feature_routes(FeatureStore& store, features::SkewMeter& skew,
                                        base::Random& random,
                                        const std::filesystem::path& scratch) {
  const std::string base = "/slipway/v1/features";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Sources, views and services as declared.",
       .handler = answering([&store](const Request&) { return describe(store); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/history",
       .summary = "A training set as Parquet: a point-in-time join over a dataset's rows.",
       .handler = answering([&store, &random, scratch](const Request& r) {
         return history(store, random, scratch, r);
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/online",
       .summary = "A service's features for request rows, as known now or at as_of.",
       .handler = answering([&store](const Request& r) { return online(store, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/materialize",
       .summary = "Loads for online reads what the datasets knew at as_of.",
       .handler = answering([&store](const Request& request) -> Result<Response> {
         const auto as_of = TRY(read_time(TRY(read_body(request)), "as_of"));
         if (!as_of) return base::error(Code::kInvalidArgument, "as_of is missing");
         return reply({{"rows", TRY(store.materialize(*as_of))}});
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/push",
       .summary = "Adds rows of a source; durable on return; the same row again changes nothing.",
       .handler = answering([&store](const Request& request) -> Result<Response> {
         const JsonObject body = TRY(read_body(request));
         const JsonArray& rows = *TRY(get_rows(body));
         return reply({{"added", TRY(store.push(TRY(base::get_string(body, "source")), rows))},
                       {"rows", rows.size()}});
       }),
       .body_bytes_max = kPushBytesMax,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/skew",
       .summary =
           "Served values that differ when they are recomputed, by endpoint and feature, with "
           "the reason: of one endpoint with endpoint.",
       .handler = answering([&skew](const Request& r) -> Result<Response> {
         return reply(skew.report(std::string(r.query("endpoint").value_or(""))));
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/explain",
       .summary = "A served request: its values, recomputed, and the rows they come from; of one "
                  "endpoint or feature with endpoint, feature.",
       .handler = answering([&skew](const Request& r) -> Result<Response> {
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
