#include "api/own/event_stream_routes.h"

#include "api/own/loop_wire.h"
#include "api/own/server_sent_events.h"

namespace slipway::api::own {
namespace {

using http::Request;
using http::Response;

class NewsSink final : public ReplySink<store::EventSink> {
 public:
  NewsSink(std::weak_ptr<http::ReplyStream> stream, std::string user, const MayHear& may_hear)
      : ReplySink(std::move(stream)), user_(std::move(user)), may_hear_(may_hear) {}

  bool begin(std::int64_t last, bool missed) override {
    return write(fmt::format("{}event: begin\nid: {}\ndata: {}\n\n", kRetry, last,
                             base::to_text(JsonObject{{"missed", missed}})));
  }
  // What was not for this user counts too: coming back goes on behind it.
  bool tell(std::span<const store::Event> events) override {
    JsonArray changes;
    for (const store::Event& event : events) {
      if (may_hear_ && !may_hear_(user_, event)) continue;
      changes.push_back(JsonObject{{"kind", event.kind}, {"subject", event.subject}});
    }
    if (changes.empty()) return is_open();
    return write(fmt::format("event: changes\nid: {}\ndata: {}\n\n", events.back().sequence,
                             base::to_text(JsonObject{{"changes", std::move(changes)}})));
  }

 private:
  const std::string user_;
  const MayHear may_hear_;
};

}  // namespace

std::vector<http::Route> event_stream_routes(store::EventFeed& feed, MayHear may_hear,
                                             StreamOptions options) {
  const auto stream = [&feed, may_hear = std::move(may_hear),
                       options](const Request& request) -> Result<Response> {
    auto reply = std::make_shared<http::ReplyStream>(options.waiting_bytes_max);
    auto after = read_event_id<std::int64_t>(request.header("Last-Event-ID"));
    if (!after) after = read_event_id<std::int64_t>(request.query("after").value_or(""));
    TRY(feed.listen(after, std::make_shared<NewsSink>(reply, request.user, may_hear)));
    return event_stream(std::move(reply));
  };
  return {{.method = http::Method::kGet,
           .pattern = "/slipway/v1/events/stream",
           .summary = "Server-sent events: kind and subject of what happens and this user may "
                      "read of. Last-Event-ID, or after, goes on where it stopped; a beginning "
                      "says whether something was missed.",
           .handler = answering(stream),
           .tag = "slipway"}};
}

}  // namespace slipway::api::own
