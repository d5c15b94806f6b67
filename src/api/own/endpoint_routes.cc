#include "api/own/endpoint_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;
using releases::Releases;

constexpr std::uint64_t kLabelsBytesMax = 64ull << 20;

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

Result<Response> one_request(Releases& releases, monitor::Monitor& monitor, RequestLookup& requests,
                             const Request& request) {
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
  return reply({{"request", TRY(requests.request(endpoint, id))}, {"labels", std::move(labels)}});
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
  draft.percent = static_cast<int>(TRY(base::find_int(body, "percent")).value_or(draft.percent));
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
Result<Response> comparison(Releases& releases, monitor::Monitor& monitor, const Request& request) {
  constexpr double kAlpha = 0.05;
  const std::string& endpoint = request.param("name");
  const auto status = TRY(releases.status(endpoint));
  const auto metric = request.query("metric");
  const auto measure =
      TRY(monitor.measure(endpoint, metric ? std::optional(std::string(*metric)) : std::nullopt));
  const auto b = request.query("b");
  if (!b) return base::error(Code::kInvalidArgument, "b is missing: the variant to compare with a");
  const auto until = TRY(query_time(request, "to"));
  base::Timestamp since;  // the revision that answers now has these variants
  if (status.current) since = status.current->event_time;
  if (const auto from = TRY(query_time(request, "from"))) since = *from;
  return reply(TRY(monitor.compare(endpoint, std::string(request.query("a").value_or("live")),
                                   std::string(*b), measure, kAlpha, since,
                                   until.value_or(base::Timestamp{INT64_MAX})))
                   .to_json());
}

}  // namespace

std::vector<http::Route> endpoint_routes(Releases& releases, monitor::Monitor& monitor,
                                         RequestLookup& requests, serving::Endpoints& endpoints,
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
       .handler = answering(
           [&releases, &monitor](const Request& r) { return comparison(releases, monitor, r); }),
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
       .pattern = base + "/{name}/requests/{id}",
       .summary = "One logged request with its features, predictions and labels.",
       .handler = answering([&releases, &monitor, &requests](const Request& r) {
         return one_request(releases, monitor, requests, r);
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
