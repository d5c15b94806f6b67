#include "app/passed_on.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/http_client.h"
#include "base/mutex.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using http::Method;
using http::Request;
using http::Response;

// A request that has it is not passed on once more: who leads has changed meanwhile.
constexpr std::string_view kMark = "slipway-passed-on";

constexpr std::array kPatterns = {"/slipway/v1/{path*}", "/v1/{path*}",  "/v2",
                                  "/v2/{path*}",         "/score",       "/endpoints/{path*}",
                                  "/lfs/{path*}",        "/apis/{path*}"};

// Of one connection alone (RFC 9110, 7.6.1), or written anew.
bool is_of_connection(std::string_view name) {
  constexpr std::array kNames = {
      "connection",  "host",    "content-length",   "keep-alive", "te",     "transfer-encoding",
      "trailer",     "upgrade", "proxy-connection", "date",       "expect", "accept-encoding",
      "content-type"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// Connections to the server that leads, each used by one thread at a time.
class Clients {
 public:
  Clients(pipelines::ServerTable& servers, std::size_t reply_bytes_max)
      : servers_(servers), reply_bytes_max_(reply_bytes_max) {}

  Result<Response> pass_on(const Request& request) {
    if (!request.header(kMark).empty())
      return base::error(Code::kUnavailable,
                         "which server leads is just changing: try again in a moment");
    const auto url = TRY(servers_.leader_url());
    if (!url)
      return base::error(Code::kUnavailable,
                         "another server on this database does this, and it does not answer yet: "
                         "try again in a moment");
    base::HttpClient client = take(*url);
    auto reply =
        client.send(http::method_name(request.method), request.target, request.body, sent(request));
    if (!reply)
      return base::error(Code::kUnavailable,
                         "another server on this database does this, and it does not answer: "
                         "url={} why={}",
                         *url, reply.error().message);
    give_back(*url, std::move(client));
    if (reply->body.size() > reply_bytes_max_)
      return base::error(Code::kResourceExhausted,
                         "the reply is longer than this server passes on: ask {} itself: "
                         "bytes_max={} (setting body-bytes-max)",
                         *url, reply_bytes_max_);
    Response response{.status = reply->status,
                      .content_type = std::string(reply->header("content-type")),
                      .body = std::move(reply->body)};
    for (auto& [name, value] : reply->headers) {
      if (!is_of_connection(name)) response.headers.emplace_back(name, std::move(value));
    }
    return response;
  }

 private:
  static constexpr std::size_t kIdleMax = 8;

  static base::HttpClient::Headers sent(const Request& request) {
    base::HttpClient::Headers headers;
    for (const auto& [name, value] : request.headers) {
      if (!is_of_connection(base::lowered(name))) headers.emplace_back(name, value);
    }
    // None of curl's own.
    headers.emplace_back("Content-Type", request.header("content-type"));
    headers.emplace_back(kMark, "1");
    return headers;
  }

  base::HttpClient take(const std::string& url) {
    const base::MutexLock lock(mutex_);
    if (url != url_) idle_.clear();
    url_ = url;
    if (idle_.empty())
      return base::HttpClient({.base_url = url, .reply_bytes_max = reply_bytes_max_ + 1});
    base::HttpClient client = std::move(idle_.back());
    idle_.pop_back();
    return client;
  }
  void give_back(const std::string& url, base::HttpClient client) {
    const base::MutexLock lock(mutex_);
    if (url == url_ && idle_.size() < kIdleMax) idle_.push_back(std::move(client));
  }

  pipelines::ServerTable& servers_;
  const std::size_t reply_bytes_max_;
  base::Mutex mutex_;
  std::string url_ GUARDED_BY(mutex_);
  std::vector<base::HttpClient> idle_ GUARDED_BY(mutex_);
};

}  // namespace

std::vector<http::Route> passed_on_routes(pipelines::ServerTable& servers,
                                          std::size_t reply_bytes_max) {
  const auto clients = std::make_shared<Clients>(servers, reply_bytes_max);
  std::vector<http::Route> routes;
  for (const char* pattern : kPatterns) {
    for (const Method method : {Method::kGet, Method::kPost, Method::kPut, Method::kPatch,
                                Method::kDelete, Method::kOptions}) {
      routes.push_back({.method = method,
                        .pattern = pattern,
                        .summary = "Passed on to the server that leads.",
                        .handler =
                            [clients](const Request& request) {
                              Result<Response> response = clients->pass_on(request);
                              return response ? std::move(*response)
                                              : http::error_response(response.error());
                            },
                        .tag = "passed-on",
                        .is_open = true});  // who leads asks who it is
    }
  }
  return routes;
}

}  // namespace slipway::app
