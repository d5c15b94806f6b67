// Server-sent events over a reply that goes on: what routes that push share.
#pragma once

#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "api/http/reply_stream.h"

namespace slipway::api::own {

// With a beginning: how long a browser waits before it comes back, in milliseconds.
inline constexpr std::string_view kRetry = "retry: 2000\n";

// A sink of a feed (tracking::FeedSink, store::EventSink) that writes to a reply.
template <typename Sink>
class ReplySink : public Sink {
 public:
  explicit ReplySink(std::weak_ptr<http::ReplyStream> stream) : stream_(std::move(stream)) {}
  void stay_alive() override { write(": nothing new\n\n"); }
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

 protected:
  bool write(std::string_view text) {
    const auto stream = stream_.lock();
    return stream && stream->write(text);
  }

 private:
  const std::weak_ptr<http::ReplyStream> stream_;  // the reply owns it
};

inline http::Response event_stream(std::shared_ptr<http::ReplyStream> stream) {
  http::Response response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.stream = http::StreamBody{std::move(stream), std::nullopt};
  return response;
}

// An id that isn't ours is no reason to refuse: the client begins anew.
template <typename Number>
std::optional<Number> read_event_id(std::string_view text) {
  Number number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace slipway::api::own
