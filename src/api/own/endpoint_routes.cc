#include "api/own/endpoint_routes.h"

#include <map>
#include <set>

#include "api/own/loop_wire.h"
#include "serving/log_rows.h"

namespace slipway::api::own {
namespace {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;
using releases::Releases;

constexpr std::uint64_t kLabelsBytesMax = 64ull << 20;
constexpr base::Duration kAskedMax = base::Duration::days(366);

Response revision_reply(const releases::Revision& revision) {
  return reply({{"revision", revision.number}, {"entry", revision.to_json()}});
}

// A status with what the endpoint's models take and did since the server started.
JsonObject with_models(const releases::EndpointStatus& status,
                       const serving::Endpoints& endpoints) {
  JsonObject object = status.to_json();
  JsonArray models;
  std::size_t bytes = 0;
  for (const serving::VariantMemory& variant : endpoints.memory(status.endpoint.name())) {
    const serving::VersionStatistics& of = variant.statistics;
    bytes += variant.bytes;
    models.push_back({{"variant", variant.name},
                      {"version", of.version},
                      {"in_memory", variant.in_memory},
                      {"memory_bytes", variant.bytes},
                      {"requests", of.requests},
                      {"rows", of.rows},
                      {"errors", of.failures},
                      {"calls", of.calls}});
  }
  object["memory_bytes"] = bytes;
  object["models"] = std::move(models);
  return object;
}

Result<Response> list(Releases& releases, const serving::Endpoints& serving) {
  JsonArray endpoints;
  for (const auto& status : TRY(releases.statuses()))
    endpoints.push_back(with_models(status, serving));
  return reply({{"endpoints", std::move(endpoints)}});
}

Result<Response> revisions(Releases& releases, const Request& request) {
  const auto before = TRY(query_integer(request, "before"));
  JsonArray entries;
  for (const auto& revision : TRY(releases.revisions(request.param("name"), before,
                                                     TRY(query_limit(request, 100, 1000))))) {
    entries.push_back(revision.to_json());
  }
  return reply({{"revisions", std::move(entries)}});
}

Result<Response> deploy(Releases& releases, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  return revision_reply(TRY(releases.deploy(
      request.param("name"), TRY(base::get_string(body, "model")),
      TRY(base::find_string(body, "reason")).value_or(""), TRY(read_actor(request, body)))));
}

Result<Response> rollback(Releases& releases, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto done = TRY(releases.rollback(request.param("name"),
                                          TRY(base::find_string(body, "reason")).value_or(""),
                                          TRY(read_actor(request, body))));
  return reply({{"revision", done.revision.number},
                {"seconds", done.seconds},
                {"entry", done.revision.to_json()}});
}

using Change = Result<releases::Revision> (Releases::*)(const std::string&, const std::string&,
                                                        const std::string&);
Result<Response> change(Releases& releases, Change method, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  return revision_reply(TRY((releases.*method)(request.param("name"),
                                               TRY(base::find_string(body, "reason")).value_or(""),
                                               TRY(read_actor(request, body)))));
}

// A number, true or false, or a class's name; null says that the outcome will never be known.
Result<void> read_value(const JsonObject& label, std::size_t index, monitor::LabelDraft& draft) {
  const Json* value = label.if_contains("value");
  if (value != nullptr && value->is_null()) return {};
  if (value != nullptr && value->is_bool()) {
    draft.value = value->get_bool() ? 1.0 : 0.0;
  } else if (value != nullptr && value->is_number()) {
    draft.value = value->to_number<double>();
  } else if (value != nullptr && value->is_string() && !value->get_string().empty()) {
    draft.class_name = std::string(value->get_string());
  } else {
    return base::error(Code::kInvalidArgument,
                       "a label needs a value, a number, true, false, a class's name or null: "
                       "row={} id={}",
                       index, draft.request_id);
  }
  return {};
}

Result<Response> add_labels(Releases& releases, monitor::Monitor& monitor, bool rehearses,
                            const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(releases.require(endpoint));
  const JsonObject body = TRY(read_body(request));
  const Json* labels = body.if_contains("labels");
  if (labels == nullptr || !labels->is_array()) {
    return base::error(Code::kInvalidArgument, "labels must be a list");
  }
  std::vector<monitor::LabelDraft> drafts;
  for (const Json& item : labels->as_array()) {
    if (!item.is_object()) {
      return base::error(Code::kInvalidArgument, "a label must be an object: row={}",
                         drafts.size());
    }
    const JsonObject& label = item.as_object();
    const std::size_t index = drafts.size();
    monitor::LabelDraft& draft = drafts.emplace_back();
    draft.request_id = TRY(base::get_string(label, "id"));
    TRY(read_value(label, index, draft));
    draft.event_time = TRY(read_time(label, "event_time"));
    draft.arrival_time = TRY(read_time(label, "arrival_time"));
  }
  const auto receipt = TRY(monitor.add_labels(
      endpoint, drafts,
      rehearses ? monitor::Monitor::Arrival::kGiven : monitor::Monitor::Arrival::kStamped));
  return reply({{"added", receipt.added},
                {"unchanged", receipt.unchanged},
                {"corrected", receipt.corrected}});
}

// Of a logged request, as who asks may see it. Returns the names of what is masked.
JsonArray hide(JsonObject& logged, const governance::Masks& masks, const Masking& masking) {
  JsonArray masked;
  for (const char* part : {"features", "request"}) {
    Json* columns = logged.if_contains(part);
    if (columns == nullptr) continue;
    governance::apply_masks(columns->as_object(), masks, masking.key());
    for (const auto& [column, mask] : masks) {
      if (columns->as_object().contains(column)) masked.emplace_back(column);
    }
  }
  return masked;
}

Result<Response> one_request(Releases& releases, monitor::Monitor& monitor, RequestLookup& requests,
                             Masking& masking, const Request& request) {
  const std::string& endpoint = request.param("name");
  const std::string& id = request.param("id");
  TRY(releases.require(endpoint));
  JsonArray labels;
  for (const monitor::Label& label : TRY(monitor.labels().history(endpoint, id))) {
    JsonObject object{{"arrival_time", types::to_rfc3339(label.arrival_time)}};
    object["value"] = label.value                ? Json(*label.value)
                      : label.class_name.empty() ? Json(nullptr)
                                                 : Json(label.class_name);
    object["event_time"] =
        label.event_time ? Json(types::to_rfc3339(*label.event_time)) : Json(nullptr);
    labels.push_back(std::move(object));
  }
  JsonObject logged = TRY(requests.request(endpoint, id));
  logged["masked"] = hide(logged, TRY(masking.of_names(request)), masking);
  return reply({{"request", std::move(logged)}, {"labels", std::move(labels)}});
}

Json in_ms(const std::optional<double>& latency_us) {
  return latency_us ? Json(*latency_us / 1000) : Json(nullptr);
}

Result<Response> traffic(Releases& releases, serving::Endpoints& endpoints,
                         const Request& request) {
  const std::string& name = request.param("name");
  TRY(releases.require(name));
  JsonArray minutes;
  // Nothing has answered yet: there was no request.
  if (const auto recent = endpoints.recent_minutes(name)) {
    for (const serving::MinuteOfRequests& minute : *recent) {
      minutes.push_back({{"start", types::to_rfc3339(minute.start)},
                         {"requests", minute.requests},
                         {"errors", minute.errors},
                         {"latency_ms_p50", in_ms(minute.latency_us_p50)},
                         {"latency_ms_p95", in_ms(minute.latency_us_p95)},
                         {"latency_ms_p99", in_ms(minute.latency_us_p99)}});
    }
  }
  return reply({{"endpoint", name}, {"minutes", std::move(minutes)}});
}

// Of a column of the request log.
Json logged_cell(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return nullptr;
  if (column.type == types::ColumnType::kString) return Json(column.strings[row]);
  return base::number_or_null(column.number(row));
}

// A request's place in the order of event time, then of ids.
using Place = std::pair<std::int64_t, std::string>;

Result<Place> read_place(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos)
    return base::error(Code::kInvalidArgument, "after must be the `next` of a page: {}", text);
  return Place{TRY(types::parse_rfc3339(std::string_view(text).substr(0, slash))).micros,
               text.substr(slash + 1)};
}

// Live rows of a day or less, each id once; inputs as the model read them, and what came with them.
Result<std::map<Place, JsonObject>> asked_in(RequestLookup& requests, const std::string& endpoint,
                                             base::Timestamp from, base::Timestamp to) {
  static const std::set<std::string_view> fixed = {
      "request_id", "endpoint",          "variant",       "role",
      "revision",   "latency_us",        "model_version", "event_time",
      "prediction", "prediction_values", "arrival_time",  "traffic",
      "error",      "input_violations"};
  const types::Frame frame = TRY(requests.requests(endpoint, from, to, {}));
  std::map<Place, JsonObject> found;
  const types::Column& ids = *TRY(frame.column("request_id"));
  const types::Column& roles = *TRY(frame.column("role"));
  const types::Column& times = *TRY(frame.column("event_time"));
  const types::Column& traffic = *TRY(frame.column("traffic"));
  const types::Column& errors = *TRY(frame.column("error"));
  const types::Column& predictions = *TRY(frame.column("prediction"));
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    if (roles.strings[row] != "live") continue;
    const auto [place, is_first] = found.try_emplace({times.ints[row], ids.strings[row]});
    if (!is_first) continue;
    JsonObject features, came_with;
    for (const types::Column& column : frame.columns()) {
      if (fixed.contains(column.name)) continue;
      const std::string_view name = column.name;
      if (name.starts_with(serving::kRequestPrefix))
        came_with[name.substr(serving::kRequestPrefix.size())] = logged_cell(column, row);
      else
        features[name] = logged_cell(column, row);
    }
    place->second = {{"id", ids.strings[row]},
                     {"event_time", types::to_rfc3339({times.ints[row]})},
                     {"traffic", traffic.strings[row]},
                     {"error", logged_cell(errors, row)},
                     {"prediction", logged_cell(predictions, row)},
                     {"features", std::move(features)},
                     {"request", std::move(came_with)}};
  }
  return found;
}

Result<Response> asked(Releases& releases, monitor::Monitor& monitor, RequestLookup& requests,
                       Masking& masking, const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(releases.require(endpoint));
  const auto from = TRY(query_time(request, "from")), until = TRY(query_time(request, "until"));
  if (!from || !until || *from >= *until || *until - *from > kAskedMax) {
    return base::error(Code::kInvalidArgument,
                       "from and until are needed, `from` the earlier and at most {} days before "
                       "`until`",
                       kAskedMax.micros / base::Duration::days(1).micros);
  }
  const std::size_t limit = TRY(query_limit(request, 1000, 10'000));
  const governance::Masks masks = TRY(masking.of_names(request));
  std::optional<Place> after;
  if (const auto text = request.query("after")) after = TRY(read_place(*text));
  // A day at a time, so that no more than one is in memory.
  JsonArray rows;
  std::vector<std::string> ids;
  Json next = nullptr;
  base::Timestamp begin = after ? std::max(*from, base::Timestamp{after->first}) : *from;
  while (begin < *until && next.is_null()) {
    const base::Timestamp end = std::min(*until, begin + base::Duration::days(1));
    auto day = TRY(asked_in(requests, endpoint, begin, end));
    for (auto at = after ? day.upper_bound(*after) : day.begin(); at != day.end(); ++at) {
      if (rows.size() == limit) {
        next = fmt::format("{}/{}", std::string_view(rows.back().at("event_time").as_string()),
                           ids.back());
        break;
      }
      ids.push_back(at->first.second);
      hide(at->second, masks, masking);
      rows.emplace_back(std::move(at->second));
    }
    begin = end;
  }
  const auto labels = TRY(monitor.labels().find(endpoint, ids, {INT64_MAX}));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Json& label = rows[i].as_object()["label"];
    const auto known = labels.find(ids[i]);
    if (known == labels.end()) continue;
    label =
        JsonObject{{"arrival_time", types::to_rfc3339(known->second.arrival)},
                   {"value", known->second.value                ? Json(*known->second.value)
                             : known->second.class_name.empty() ? Json(nullptr)
                                                                : Json(known->second.class_name)}};
  }
  return reply({{"requests", std::move(rows)}, {"next", std::move(next)}});
}

Result<base::Duration> duration_or(const JsonObject& body, std::string_view key,
                                   base::Duration otherwise) {
  const auto text = TRY(base::find_string(body, key));
  if (!text) return otherwise;
  auto duration = types::parse_duration(*text);
  if (!duration) return std::move(duration).error().with_context(key);
  return *duration;
}

Result<Response> start_experiment(Releases& releases, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  releases::ExperimentDraft draft;
  draft.model = TRY(base::get_string(body, "model"));
  draft.metric = TRY(base::get_string(body, "metric"));
  draft.percent = TRY(base::find_int(body, "percent")).value_or(draft.percent);
  if (const auto better = TRY(base::find_string(body, "better"))) {
    if (*better != "higher" && *better != "lower") {
      return base::error(Code::kInvalidArgument, "better must be higher or lower: got={}", *better);
    }
    draft.higher_is_better = *better == "higher";
  }
  draft.confidence = TRY(base::find_double(body, "confidence")).value_or(draft.confidence);
  draft.min_rows = TRY(base::find_int(body, "min_rows")).value_or(draft.min_rows);
  draft.check = TRY(duration_or(body, "check", draft.check));
  draft.duration = TRY(duration_or(body, "duration", draft.duration));
  draft.promote_winner = TRY(base::find_bool(body, "promote_winner")).value_or(false);
  return revision_reply(TRY(releases.start_experiment(
      request.param("name"), draft, TRY(base::find_string(body, "reason")).value_or(""),
      TRY(read_actor(request, body)))));
}

// Two variants side by side: a shadow request by request, live ones by their means.
Result<Response> comparison(Releases& releases, monitor::Monitor& monitor, RequestLookup& requests,
                            const Request& request) {
  constexpr double kAlpha = 0.05;
  const std::string& endpoint = request.param("name");
  const auto status = TRY(releases.status(endpoint));
  const auto metric = request.query("metric");
  const auto measure =
      TRY(monitor.measure(endpoint, metric ? std::optional(std::string(*metric)) : std::nullopt));
  const auto b = request.query("b");
  if (!b) return base::error(Code::kInvalidArgument, "b is missing: the variant to compare with a");
  const base::Timestamp until = TRY(query_time(request, "to")).value_or(base::Timestamp{INT64_MAX});
  base::Timestamp since;  // the revision that answers now has these variants
  if (status.current) since = status.current->event_time;
  if (const auto from = TRY(query_time(request, "from"))) since = *from;
  TRY(requests.check_rows(endpoint, since, until));
  return reply(TRY(monitor.compare(endpoint, std::string(request.query("a").value_or("live")),
                                   std::string(*b), measure, kAlpha, since, until))
                   .to_json());
}

}  // namespace

std::vector<http::Route> endpoint_routes(Releases& releases, monitor::Monitor& monitor,
                                         RequestLookup& requests, Masking& masking,
                                         serving::Endpoints& endpoints,
                                         std::function<bool()> rehearses) {
  const std::string base = "/slipway/v1/endpoints";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Every endpoint with its current revision and the state of its release.",
       .handler =
           answering([&releases, &endpoints](const Request&) { return list(releases, endpoints); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}",
       .summary =
           "One endpoint: current revision, variants with weights, state of the release, last "
           "good revision.",
       .handler = answering([&releases, &endpoints](const Request& request) -> Result<Response> {
         return reply(with_models(TRY(releases.status(request.param("name"))), endpoints));
       }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/revisions",
       .summary = "The endpoint's ledger, newest first; page by before and limit.",
       .handler = answering([&releases](const Request& r) { return revisions(releases, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/traffic",
       .summary = "Requests, errors and percentiles of latency in each minute of the last hour, of "
                  "the wall clock and this server; the last minute is not over.",
       .handler = answering(
           [&releases, &endpoints](const Request& r) { return traffic(releases, endpoints, r); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/deploy",
       .summary = "Puts a model in charge of all requests now.",
       .handler = answering([&releases](const Request& r) { return deploy(releases, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/rollback",
       .summary = "Goes back to the last good revision and holds the endpoint.",
       .handler = answering([&releases](const Request& r) { return rollback(releases, r); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/hold",
       .summary = "Stops following the model's alias.",
       .handler = answering(
           [&releases](const Request& r) { return change(releases, &Releases::hold, r); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/follow",
       .summary = "Follows the model's alias again.",
       .handler = answering(
           [&releases](const Request& r) { return change(releases, &Releases::follow, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/experiment",
       .summary = "Gives a challenger part of the requests until the declared metric decides.",
       .handler =
           answering([&releases](const Request& r) { return start_experiment(releases, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/experiment",
       .summary = "How the experiment stands, and a verdict in words.",
       .handler = answering([&releases](const Request& request) -> Result<Response> {
         return reply(TRY(releases.experiment(request.param("name"))).to_json());
       }),
       .tag = "slipway"},
      {.method = Method::kDelete,
       .pattern = base + "/{name}/experiment",
       .summary = "Ends the experiment without a verdict.",
       .handler = answering([&releases](const Request& r) {
         return change(releases, &Releases::stop_experiment, r);
       }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/comparison",
       .summary = "Two variants side by side: how their answers differ, and which does better by "
                  "a metric.",
       .handler = answering([&releases, &monitor, &requests](const Request& r) {
         return comparison(releases, monitor, requests, r);
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/labels",
       .summary = "Adds what turned out to be true, by request id; the same label again changes "
                  "nothing.",
       .handler = answering([&releases, &monitor, rehearses](const Request& r) {
         return add_labels(releases, monitor, rehearses(), r);
       }),
       .body_bytes_max = kLabelsBytesMax,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/requests",
       .summary = "What was asked from `from` until `until`, with inputs and labels, in the order "
                  "of event time; page by after and limit.",
       .handler = answering([&releases, &monitor, &requests, &masking](const Request& r) {
         return asked(releases, monitor, requests, masking, r);
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/requests/{id}",
       .summary = "One logged request with its features, predictions and labels.",
       .handler = answering([&releases, &monitor, &requests, &masking](const Request& r) {
         return one_request(releases, monitor, requests, masking, r);
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
