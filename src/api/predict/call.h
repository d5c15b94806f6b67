// What the adapters of all prediction protocols over HTTP have in common: from a parsed body to the
// endpoint's answer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "api/http/router.h"
#include "api/predict/json_batch.h"
#include "base/json.h"
#include "serving/endpoints.h"

namespace slipway::api::predict {

struct Served {
  serving::Endpoints& endpoints;     // outlives the routes
  std::string version;               // of this server
  std::function<bool()> rehearses;   // whether callers may bring their own event time
  std::uint64_t body_bytes_max = 0;  // of a compressed body, once it is plain
};

// One a thread.
JsonReader& reader();

// What `endpoint` reads; both must outlive it.
ModelInputs model_inputs(serving::Endpoints& endpoints, const std::string& endpoint);

// kNotFound: versions are whole numbers.
Result<std::int64_t> parse_version(std::string_view text);

// kInvalidArgument: the project does not rehearse, or it is no RFC 3339 time.
Result<base::Timestamp> parse_event_time(std::string_view text, bool rehearses);

// Headers and the route's {version} count where the body doesn't say. `variant`: only that one may
// answer; empty: the slots decide.
Result<serving::Prediction> predict(const Served& served, const http::Request& request,
                                    std::string_view endpoint, ParsedRequest parsed,
                                    serving::UnknownInputs unknown, std::string_view variant = {});

// What it would answer, and what each input has to do with it.
Result<serving::Explained> explain_instances(const Served& served, const http::Request& request,
                                             const std::string& endpoint);

// A reply with an error's status; those who may try again are told when.
http::Response failed(JsonObject body, const Error& error);

// Which endpoint a request asks; empty: none, and the handler says so.
using EndpointOf = std::function<std::string(const http::Request&)>;
// The one that the path's {name} says.
std::string named_in_path(const http::Request& request);

// What `endpoint` answers to a body of instances; other members are ignored.
Result<serving::Prediction> predict_instances(const Served& served, const http::Request& request,
                                              const std::string& endpoint);

// The route runs where its requests arrive when that is quick, else in the queue of the endpoint;
// `refuse` says in the protocol that a request did not get as far as the handler.
using Refuse = std::function<http::Response(const http::Request&, const Error&)>;
void score_in_queue(http::Route& route, const Served& served, EndpointOf endpoint_of,
                    Refuse refuse);
// Of a protocol whose errors look alike to all.
void score_in_queue(http::Route& route, const Served& served, EndpointOf endpoint_of,
                    http::Response (*envelope)(const Error&));

// A handler out of one that may fail and the protocol's envelope.
template <typename Call, typename Refuse>
http::Handler answering(Call handle, Refuse envelope) {
  return [handle = std::move(handle), envelope](const http::Request& request) {
    Result<http::Response> response = handle(request);
    return response ? std::move(*response) : envelope(response.error());
  };
}

// An inline route of a protocol whose errors `envelope` makes.
using Handle = Result<http::Response> (*)(const Served&, const http::Request&);
using Envelope = http::Response (*)(const Error&);
http::Route route_of(const Served& served, http::Method method, std::string pattern,
                     std::string summary, Handle handle, Envelope envelope, std::string tag);

}  // namespace slipway::api::predict
