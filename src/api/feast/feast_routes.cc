#include "api/feast/feast_routes.h"

#include "api/feast/cells.h"
#include "api/feast/data_frame.h"
#include "api/feast/errors.h"
#include "api/feast/online_answer.h"
#include "api/feast/online_request.h"
#include "api/feast/writes.h"

namespace slipway::api::feast {
namespace {

using features::FeatureStore;
using http::Method;
using http::Request;
using http::Response;

Response get_online_features(const FeatureStore& store, const Limits& limits,
                             const Request& request) {
  const auto asked = read_online_request(request.body);
  if (!asked) return malformed(asked.error());
  const auto wanted = find_wanted(store, *asked);
  if (!wanted) return feast_error(wanted.error(), asked->feature_service ? kNoService : kNoView);
  const auto answers = read_views(store, *asked, *wanted, limits.values_max);
  if (!answers) return feast_error(answers.error(), kNoRequestData);
  return Response::json(write_online_answer(*asked, *wanted, *answers));
}

// The member `df`.
Result<JsonObject> take_frame(JsonObject& body) {
  Json* frame = body.if_contains("df");
  if (frame == nullptr || !frame->is_object()) {
    return base::error(Code::kInvalidArgument,
                       "df must be an object: a list of values for each column");
  }
  return std::move(frame->get_object());
}

// What both ways to write send.
struct Written {
  std::string target;
  std::string to;
  JsonObject frame;
};

Result<Written> read_written(std::string_view text, std::string_view target) {
  JsonObject body = TRY(base::parse_json_object(text));
  Written written;
  written.target = TRY(base::get_string(body, target));
  written.to = TRY(base::find_string(body, "to")).value_or("online");
  written.frame = TRY(take_frame(body));
  return written;
}

Response push(FeatureStore& store, const Request& request) {
  const auto written = read_written(request.body, "push_source_name");
  if (!written) return malformed(written.error());
  const auto pushed = push_frame(store, written->target, written->to, written->frame);
  return pushed ? Response::json("") : feast_error(pushed.error(), kNoPushSource);
}

Response write_to_online_store(FeatureStore& store, const Request& request) {
  const auto written = read_written(request.body, "feature_view_name");
  if (!written) return malformed(written.error());
  const auto done = write_frame(store, written->target, written->frame);
  return done ? Response::json("null") : feast_error(done.error(), kNoObject);
}

struct Materialization {
  std::vector<std::string> views;
  std::optional<types::Timestamp> from;  // the incremental one has no start
  types::Timestamp until;
};

Result<Materialization> read_materialization(const FeatureStore& store, std::string_view text,
                                             bool is_incremental) {
  const JsonObject body = TRY(base::parse_json_object(text));
  Materialization wanted{.until = store.now()};
  if (const Json* views = body.if_contains("feature_views"); views && !views->is_null()) {
    if (!views->is_array())
      return base::error(Code::kInvalidArgument, "feature_views must be a list of texts");
    for (const Json& view : views->get_array()) {
      if (!view.is_string())
        return base::error(Code::kInvalidArgument, "feature_views must be a list of texts");
      wanted.views.emplace_back(std::string_view(view.get_string()));
    }
  }
  const bool ignores_times =
      TRY(base::find_bool(body, "disable_event_timestamp")).value_or(false) && !is_incremental;
  if (ignores_times) return wanted;
  const std::string end = TRY(base::get_string(body, "end_ts"));
  auto until = read_time(end);
  if (!until) return std::move(until).error().with_context("end_ts");
  if (!is_incremental) {
    const std::string begin = TRY(base::get_string(body, "start_ts"));
    auto from = read_time(begin);
    if (!from) return std::move(from).error().with_context("start_ts");
    if (*until < *from)
      return base::error(Code::kInvalidArgument, "start_ts is after end_ts: {} {}", begin, end);
    wanted.from = *from;
  }
  // What has not arrived yet can't be loaded.
  wanted.until = std::min(*until, wanted.until);
  return wanted;
}

Response materialize(FeatureStore& store, const Request& request, bool is_incremental) {
  const auto wanted = read_materialization(store, request.body, is_incremental);
  if (!wanted) return malformed(wanted.error());
  const auto definitions = store.definitions();
  JsonArray names;
  for (const features::View& view : definitions->views) {
    const bool is_named =
        wanted->views.empty() || std::ranges::find(wanted->views, view.name) != wanted->views.end();
    if (!view.is_on_demand() && is_named) names.push_back(Json(view.name));
  }
  for (const std::string& name : wanted->views) {
    if (definitions->find_view(name) == nullptr)
      return feast_error(base::error(Code::kNotFound, "Feature view {} does not exist", name));
  }
  // What was loaded once stays: an older end would take newer rows away again. A range is looked
  // through again, also where its rows are of a time that was loaded before.
  const auto before = store.materialized();
  if (!before) return feast_error(before.error());
  auto loaded = store.materialize({.as_of = wanted->until, .is_incremental = true});
  if (loaded && wanted->from && *before) {
    loaded =
        store.materialize({.as_of = wanted->until, .from = wanted->from, .until = wanted->until});
  }
  if (!loaded) return feast_error(loaded.error());
  if (request.query("async").value_or("false") == "true") {
    return Response::json(
        base::to_text(JsonObject{{"status", "accepted"}, {"feature_views", std::move(names)}}),
        202);
  }
  return Response::json("null");
}

}  // namespace

std::vector<http::Route> feast_routes(FeatureStore& store, Limits limits) {
  const auto refuse = [](const Request&, const Error& error) { return feast_error(error); };
  const auto route = [&](std::string pattern, std::string summary, http::Handler handler) {
    return http::Route{.method = Method::kPost,
                       .pattern = std::move(pattern),
                       .summary = std::move(summary),
                       .handler = std::move(handler),
                       .refuse = refuse,
                       .tag = "feast"};
  };
  std::vector<http::Route> routes = {
      route("/get-online-features", "Feast: features of views or a service for many entities.",
            [&store, limits](const Request& r) { return get_online_features(store, limits, r); }),
      route("/push", "Feast: adds rows of a source, durable on return.",
            [&store](const Request& r) { return push(store, r); }),
      route("/write-to-online-store", "Feast: adds rows of a view's source, durable on return.",
            [&store](const Request& r) { return write_to_online_store(store, r); }),
      route("/materialize", "Feast: loads what the datasets knew at end_ts.",
            [&store](const Request& r) { return materialize(store, r, false); }),
      route("/materialize-incremental", "Feast: loads what the datasets knew at end_ts.",
            [&store](const Request& r) { return materialize(store, r, true); })};
  for (http::Route& one : routes) {
    if (one.pattern == "/push" || one.pattern == "/write-to-online-store")
      one.body_bytes_max = limits.push_bytes_max;
  }
  return routes;
}

}  // namespace slipway::api::feast
