#include "api/own/stream_routes.h"

#include <charconv>
#include <cmath>

#include "api/http/reply_stream.h"
#include "api/own/loop_wire.h"
#include "tracking/metric_sampling.h"

namespace slipway::api::own {
namespace {

using http::Request;
using http::Response;
using tracking::FeedEvent;

// With a beginning: how long a browser waits before it comes back, in milliseconds.
constexpr std::string_view kRetry = "retry: 2000\n";
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

class EventStream final : public tracking::FeedSink {
 public:
  explicit EventStream(std::weak_ptr<http::ReplyStream> stream) : stream_(std::move(stream)) {}
  bool offer(const FeedEvent& event) override {
    const auto stream = stream_.lock();
    return stream && stream->write(as_text(event));
  }
  void stay_alive() override {
    if (const auto stream = stream_.lock()) stream->write(": nothing new\n\n");
  }
  bool is_open() const override {
    const auto stream = stream_.lock();
    return stream && stream->is_open();
  }
  bool is_drained() const override {
    const auto stream = stream_.lock();
    return stream && stream->is_drained();
  }
  void end() override {
    if (const auto stream = stream_.lock()) stream->end();
  }

 private:
  const std::weak_ptr<http::ReplyStream> stream_;  // the reply owns it
};

// An id that isn't ours is no reason to refuse: the client begins anew.
std::optional<std::uint64_t> last_event_id(const Request& request) {
  const std::string_view text = request.header("Last-Event-ID");
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<Response> curves(tracking::Runs& runs, const Request& request) {
  const std::size_t most = TRY(query_limit(request, kCurvesMax, kCurvesMax));
  JsonArray array;
  for (const auto& points : TRY(tracking::sample_curves(runs, request.param("id"), most)))
    array.push_back(points_json(points));
  return reply({{"curves", std::move(array)}});
}

Result<Response> stream(tracking::MetricFeed& feed, const StreamOptions& options,
                        const Request& request) {
  auto stream = std::make_shared<http::ReplyStream>(options.waiting_bytes_max);
  TRY(feed.watch(request.param("id"), last_event_id(request),
                 std::make_shared<EventStream>(stream)));
  Response response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.stream = http::StreamBody{std::move(stream), std::nullopt};
  return response;
}

}  // namespace

std::vector<http::Route> stream_routes(tracking::Runs& runs, tracking::MetricFeed& feed,
                                       StreamOptions options) {
  return {{.method = http::Method::kGet,
           .pattern = "/slipway/v1/runs/{id}/metrics/curves",
           .summary = "The histories of a run's first metrics by name, at most limit of them, each "
                      "thinned out to what a chart can show.",
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
