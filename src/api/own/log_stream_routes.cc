#include "api/own/log_stream_routes.h"

#include "api/own/loop_wire.h"
#include "api/own/server_sent_events.h"
#include "base/utf8.h"

namespace slipway::api::own {
namespace {

using http::Request;
using http::Response;

// The id of an event is the byte that the next one begins with.
class TextSink final : public ReplySink<pipelines::LogSink> {
 public:
  using ReplySink::ReplySink;

  bool tell(std::int64_t from, std::int64_t end, std::string_view text) override {
    return write(
        fmt::format("{}event: text\nid: {}\ndata: {}\n\n", kRetry, end,
                    base::to_text(JsonObject{{"from", from}, {"text", base::valid_utf8(text)}})));
  }
  bool over(std::int64_t end) override {
    return write(fmt::format("event: over\nid: {}\ndata: {{}}\n\n", end));
  }
};

Result<Response> stream(pipelines::LogFeed& feed, const StreamOptions& options,
                        const Request& request) {
  auto after = read_event_id<std::int64_t>(request.header("Last-Event-ID"));
  if (!after) after = TRY(query_integer(request, "after"));
  if (after.value_or(0) < 0)
    return base::error(Code::kInvalidArgument, "after must be 0 or more: got={}", *after);
  auto reply = std::make_shared<http::ReplyStream>(options.waiting_bytes_max);
  TRY(feed.follow(request.param("id"), request.param("step"), after.value_or(0),
                  std::make_shared<TextSink>(reply)));
  return event_stream(std::move(reply));
}

}  // namespace

std::vector<http::Route> log_stream_routes(pipelines::LogFeed& feed, StreamOptions options) {
  return {{.method = http::Method::kGet,
           .pattern = "/slipway/v1/pipeline-runs/{id}/steps/{step}/log/stream",
           .summary = "Server-sent events: what a step has written and writes, until it is over. "
                      "Last-Event-ID, or after, is the byte to go on from.",
           .handler = answering(
               [&feed, options](const Request& request) { return stream(feed, options, request); }),
           .tag = "slipway"}};
}

}  // namespace slipway::api::own
