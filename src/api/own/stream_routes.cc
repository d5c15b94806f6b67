#include "api/own/stream_routes.h"

#include <cmath>

#include "api/own/loop_wire.h"
#include "api/own/server_sent_events.h"
#include "tracking/metric_sampling.h"

namespace slipway::api::own {
namespace {

using http::Request;
using http::Response;
using tracking::FeedEvent;

constexpr std::size_t kCurvesMax = 100;

JsonArray points_json(const std::vector<tracking::Metric>& points) {
  JsonArray array;
  for (const tracking::Metric& point : points) {
    array.push_back(JsonObject{{"key", point.key},
                               {"value", std::isnan(point.value) ? Json("NaN") : Json(point.value)},
                               {"timestamp", point.timestamp_ms},
                               {"step", point.step}});
  }
  return array;
}

std::string as_text(const FeedEvent& event) {
  std::string_view name;
  JsonObject data;
  switch (event.kind) {
    case FeedEvent::Kind::kLatest:
      name = "latest";
      data["metrics"] = points_json(event.points);
      data["status"] = tracking::status_name(event.status);
      break;
    case FeedEvent::Kind::kPoints:
      name = "points";
      data["points"] = points_json(event.points);
      break;
    case FeedEvent::Kind::kStatus:
      name = "status";
      data["status"] = tracking::status_name(event.status);
      break;
  }
  return fmt::format("{}event: {}\nid: {}\ndata: {}\n\n",
                     event.kind == FeedEvent::Kind::kLatest ? kRetry : "", name, event.number,
                     base::to_text(data));
}

class MetricSink final : public ReplySink<tracking::FeedSink> {
 public:
  using ReplySink::ReplySink;
  bool offer(const FeedEvent& event) override { return write(as_text(event)); }
};

Result<Response> curves(tracking::Runs& runs, const Request& request) {
  const tracking::CurveQuery query{
      .keys = request.query_all("key"),
      .curves_max = TRY(query_limit(request, kCurvesMax, kCurvesMax)),
  };
  if (query.keys.size() > kCurvesMax) {
    return base::error(Code::kInvalidArgument, "at most {} metrics are named with key=: got={}",
                       kCurvesMax, query.keys.size());
  }
  JsonArray array;
  for (const auto& points : TRY(tracking::sample_curves(runs, request.param("id"), query)))
    array.push_back(points_json(points));
  return reply({{"curves", std::move(array)}});
}

Result<Response> stream(tracking::MetricFeed& feed, const StreamOptions& options,
                        const Request& request) {
  auto stream = std::make_shared<http::ReplyStream>(options.waiting_bytes_max);
  TRY(feed.watch(request.param("id"), read_event_id<std::uint64_t>(request.header("Last-Event-ID")),
                 std::make_shared<MetricSink>(stream)));
  return event_stream(std::move(stream));
}

}  // namespace

std::vector<http::Route> stream_routes(tracking::Runs& runs, tracking::MetricFeed& feed,
                                       StreamOptions options) {
  return {
      {.method = http::Method::kGet,
       .pattern = "/slipway/v1/runs/{id}/metrics/curves",
       .summary = "The histories of a run's metrics that are named (key, many times), else of its "
                  "first by name, at most limit of them, each thinned out to what a chart can "
                  "show, its peaks kept.",
       .handler = answering([&runs](const Request& request) { return curves(runs, request); }),
       .tag = "slipway"},
      {.method = http::Method::kGet,
       .pattern = "/slipway/v1/runs/{id}/metrics/stream",
       .summary = "Server-sent events: the latest values, then every new point as it is "
                  "committed, until the run ends. Last-Event-ID goes on where it stopped.",
       .handler = answering(
           [&feed, options](const Request& request) { return stream(feed, options, request); }),
       .tag = "slipway"}};
}

}  // namespace slipway::api::own
