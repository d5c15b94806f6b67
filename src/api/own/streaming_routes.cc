#include "api/own/streaming_routes.h"

#include "api/own/loop_wire.h"
#include "base/json_document.h"

namespace slipway::api::own {
namespace {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;
using store::LocalLog;
using streams::Streams;

Result<Response> list(Streams& streams) {
  JsonArray found;
  for (const streams::Stream& stream : TRY(streams.list())) found.push_back(stream.to_json());
  return reply({{"streams", std::move(found)}});
}

Result<Response> set_paused(Streams& streams, const Request& request, bool paused) {
  const JsonObject body = TRY(read_body(request));
  const std::string actor = TRY(read_actor(request, body));
  return reply(TRY(streams.set_paused(request.param("name"), paused, actor)).to_json());
}

// The topic's name was part of a path: what is wrong with it is told as of an address.
Result<std::string> topic_of(const Request& request) {
  return TRY(store::parse_topic_address("log:/" + request.param("name"))).topic;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  return base::to_text(value);
}

Result<store::Message> read_message(const Json& given, std::size_t index) {
  if (!given.is_object())
    return base::error(Code::kInvalidArgument, "a message must be an object: index={}", index);
  const JsonObject& object = given.get_object();
  store::Message message;
  message.key = TRY(base::find_string(object, "key"));
  const Json* const value = object.if_contains("value");
  if (value == nullptr)
    return base::error(Code::kInvalidArgument, "a message needs a value, or null: index={}", index);
  if (!value->is_null()) message.value = text_of(*value);
  if (const auto time = TRY(read_time(object, "time"))) message.time = *time;
  if (const Json* const headers = object.if_contains("headers");
      headers != nullptr && !headers->is_null()) {
    if (!headers->is_object())
      return base::error(Code::kInvalidArgument, "headers must be an object: index={}", index);
    for (const auto& [name, text] : headers->get_object()) {
      std::string content = text_of(text);
      message.headers.emplace_back(std::string(name), std::move(content));
    }
  }
  return message;
}

Result<Response> write(LocalLog& topics, const Request& request) {
  const std::string topic = TRY(topic_of(request));
  const JsonObject body = TRY(read_body(request));
  const Json* const given = body.if_contains("messages");
  if (given == nullptr || !given->is_array())
    return base::error(Code::kInvalidArgument, "messages is missing or no list");
  std::vector<store::Message> messages;
  for (const Json& each : given->get_array()) {
    store::Message message = TRY(read_message(each, messages.size()));
    messages.push_back(std::move(message));
  }
  const std::int64_t first =
      messages.empty() ? TRY(topics.topic(topic)).end : TRY(topics.append(topic, messages));
  return reply({{"topic", topic}, {"first_offset", first}, {"messages", messages.size()}});
}

// Bytes that are no UTF-8 are not shown, but how many there are.
Json shown(const std::optional<std::string>& bytes) {
  if (!bytes) return nullptr;
  if (base::is_utf8(*bytes)) return Json(*bytes);
  return JsonObject{{"bytes", bytes->size()}};
}

Result<Response> read(LocalLog& topics, Masking& masking, const Request& request) {
  const std::string topic = TRY(topic_of(request));
  // Which bytes of a message are which column, nobody knows.
  if (!TRY(masking.of_names(request)).empty()) {
    return base::error(Code::kPermissionDenied,
                       "messages are shown as they are, and columns are masked for you (`tags:` of "
                       "slipway.yaml names the roles that may read them): topic={}",
                       topic);
  }
  const std::int64_t offset = TRY(query_integer(request, "offset")).value_or(0);
  JsonArray found;
  for (const auto& each : TRY(topics.read(topic, offset, TRY(query_limit(request, 100, 10'000))))) {
    JsonObject headers;
    for (const auto& [name, value] : each.message.headers) headers[name] = shown(value);
    JsonObject object{{"offset", each.offset}};
    object["key"] = shown(each.message.key);
    object["value"] = shown(each.message.value);
    object["time"] = types::to_rfc3339(each.message.time);
    object["headers"] = std::move(headers);
    found.push_back(std::move(object));
  }
  const LocalLog::Topic known = TRY(topics.topic(topic));
  return reply({{"topic", topic},
                {"first_offset", known.first},
                {"end_offset", known.end},
                {"messages", std::move(found)}});
}

Result<Response> list_topics(LocalLog& topics) {
  JsonArray found;
  for (const LocalLog::Topic& topic : TRY(topics.topics())) {
    found.push_back(
        JsonObject{{"name", topic.name}, {"first_offset", topic.first}, {"end_offset", topic.end}});
  }
  return reply({{"topics", std::move(found)}});
}

}  // namespace

std::vector<http::Route> streaming_routes(Streams& streams, LocalLog& topics, Masking& masking) {
  const std::string base = "/slipway/v1/streams", topic = "/slipway/v1/topics";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Every stream with its state, lag, rate and dead letters.",
       .handler = answering([&streams](const Request&) { return list(streams); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}",
       .summary = "One stream, with the partitions that this server reads.",
       .handler = answering([&streams](const Request& request) -> Result<Response> {
         return reply(TRY(streams.get(request.param("name"))).to_json());
       }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/pause",
       .summary = "Reads nothing more until it is resumed; stays so over restarts.",
       .handler = answering([&streams](const Request& r) { return set_paused(streams, r, true); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/resume",
       .summary = "Goes on where it was paused.",
       .handler = answering([&streams](const Request& r) { return set_paused(streams, r, false); }),
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = topic,
       .summary = "The topics of the embedded log.",
       .handler = answering([&topics](const Request&) { return list_topics(topics); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = topic + "/{name}/messages",
       .summary = "Messages of a topic of the embedded log, from `offset` on, at most `limit`.",
       .handler =
           answering([&topics, &masking](const Request& r) { return read(topics, masking, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = topic + "/{name}/messages",
       .summary = "Appends messages to a topic of the embedded log; durable when it answers.",
       .handler = answering([&topics](const Request& r) { return write(topics, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
