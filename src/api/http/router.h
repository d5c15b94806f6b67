// Requests, responses and the table of routes. Knows nothing of sockets (server.h) and nothing of
// what is served.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions };
std::string_view method_name(Method method);

// Path parameters by name, decoded: a handful, kept in place, and their memory is used again.
class PathParams {
 public:
  static constexpr std::size_t kMax = 8;                   // in one pattern
  using Param = std::pair<std::string_view, std::string>;  // the name is the pattern's own text

  const Param* begin() const { return params_.data(); }
  const Param* end() const { return params_.data() + size_; }
  const Param* find(std::string_view name) const;  // end() when there is none

  void clear() { size_ = 0; }
  std::string& add(std::string_view name);  // an empty value, to be filled

 private:
  std::array<Param, kMax> params_;
  std::size_t size_ = 0;
};

// Where the body of a request goes while it arrives.
class BodySink {
 public:
  virtual ~BodySink() = default;  // may block: destroyed on the data pool
  // The next bytes. May block: it is called on the data pool, one call after the other, and nothing
  // more is read from the peer meanwhile.
  virtual Result<void> write(std::string_view bytes) = 0;
};

// One request, valid while its handler runs. Views point into the connection's buffer.
struct Request {
  Method method = Method::kGet;
  std::string_view target;  // as sent: path and query
  std::string_view path;    // as sent, without the query, still percent-encoded
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;            // empty when the route takes a file
  std::filesystem::path body_file;  // Route::Body::kFile: the handler may move it away
  // Instead of the file, where Route::open_sink gave one: it has had the whole body.
  std::shared_ptr<BodySink> body_sink;
  std::string_view peer;  // address of the other side
  std::string user;       // who has logged in; empty: nobody had to
  PathParams path_params;
  // When it began to wait for a thread of its queue; unset: it didn't.
  std::chrono::steady_clock::time_point queued_at;

  std::string_view header(std::string_view name) const;  // case-insensitive; empty when absent
  // A decoded query parameter: the first of that name.
  std::optional<std::string> query(std::string_view name) const;
  std::vector<std::string> query_all(std::string_view name) const;
  const std::string& param(std::string_view name) const;  // CHECKs: the pattern has it
};

struct FileBody {
  std::filesystem::path file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::shared_ptr<const void> owner;  // goes when the reply has; of a temporary file: removes it
};

// Bytes of a reply that come from elsewhere while it is sent. One thread at a time reads, when it
// has sent what it got.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Fills the front of `out` with at least one byte. May block: it is called on the data pool. An
  // error breaks the connection off, so that the peer sees a broken reply.
  virtual Result<std::size_t> read(std::span<char> out) = 0;

  // A source whose bytes somebody else writes (reply_stream.h) keeps no thread waiting for them: it
  // takes `wake`, and calls it, from any thread and until close(), when there is something to read
  // or the end was reached. Its read() must not block, is called on the I/O thread, and may give
  // nothing. False: the source is read on the pool.
  virtual bool wake_with(std::function<void()> /*wake*/) { return false; }
  virtual bool is_ended() const {
    return false;
  }                        // nothing is left; asked where `bytes` is unknown
  virtual void close() {}  // nobody wants more
};

struct StreamBody {
  std::shared_ptr<BodySource> source;
  // The source has so many. Unknown, only of one that wakes: sent in chunks until it has ended, or,
  // to a client of HTTP/1.0, until the connection closes.
  std::optional<std::uint64_t> bytes;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::optional<FileBody> file;      // sent instead of `body`
  std::optional<StreamBody> stream;  // likewise
  std::vector<std::pair<std::string, std::string>> headers;

  static Response json(std::string body, int status = 200) {
    return {.status = status, .body = std::move(body)};
  }
  static Response text(std::string body, int status = 200) {
    return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
  }
};

using Handler = std::function<Response(const Request&)>;

// Where a handler runs. kInline: on the I/O thread that parsed the request; it must not block and
// must be quick (scoring, health). kData: the big pool. kControl: a pool of its own, so that
// rollback works when everything else is stuck. kScoring: models that wait or take their time, in
// queues (Route::queue) that can't take each other's threads.
enum class Lane { kInline, kData, kControl, kScoring };

struct Route {
  Method method = Method::kGet;
  // "/v1/things/{name}", "/v1/models/{name}:predict", "/files/{path*}" (the rest, slashes
  // included).
  std::string pattern;
  std::string summary;  // one sentence, for the OpenAPI description
  Handler handler;
  Lane lane = Lane::kData;
  // Instead of `lane`, for each request, when its body is here: on the I/O thread.
  std::function<Lane(const Request&)> choose_lane;
  // Lane::kScoring: the name of the queue that a request waits in.
  std::function<std::string(const Request&)> queue;
  // Says in the route's protocol that a request did not get as far as the handler: too large a
  // body, no room for it, a full lane; none: error_response.
  std::function<Response(const Request&, const base::Error&)> refuse;
  enum class Body { kMemory, kFile };
  Body body = Body::kMemory;
  // Of a route that takes a file: what takes the body in its place; nullptr: nothing does. Called
  // on the I/O thread when the head is there, so it must not block. An error refuses.
  std::function<Result<std::shared_ptr<BodySink>>(const Request&)> open_sink;
  std::uint64_t body_bytes_max = 0;  // 0: the server's default
  std::string tag;                   // protocol: "slipway", "mlflow", "oip"...

  // With login on: whether anybody may ask (probes), and what else the user needs. `permit` runs
  // before the handler, on its lane; of a route that takes a file on the data pool, before the body
  // is read, and sees none. A response refuses.
  bool is_open = false;
  std::function<std::optional<Response>(const Request&)> permit;
};

class Guard;  // guard.h

// Built once, then read by all threads. Matching allocates nothing.
class Router {
 public:
  void add(Route route);
  void add_all(std::vector<Route> routes);
  // Answers when no route matches under `prefix` (the longest prefix wins): each protocol has its
  // own envelope for that. `allowed` holds the methods that the path has, when only the method was
  // wrong.
  using Fallback = std::function<Response(const Request&, const std::vector<Method>& allowed)>;
  void set_fallback(std::string prefix, Fallback fallback);

  // Who may send requests; it must outlive the router's use. None: everybody may, and no route is
  // asked for its permit.
  void set_guard(Guard* guard) { guard_ = guard; }
  Guard* guard() const { return guard_; }

  // The route, with request.path_params filled and slashes at the path's front made one; or
  // nothing, and then `allowed` has the path's other methods.
  const Route* match(Request& request, std::vector<Method>& allowed) const;
  Response no_route(const Request& request, const std::vector<Method>& allowed) const;

  const std::deque<Route>& routes() const { return routes_; }
  // While the router is built.
  void each_route(const std::function<void(Route&)>& visit);
  // The refusal of the route's permit. Acts for the request's user.
  std::optional<Response> refuse(const Route& route, const Request& request) const;
  // The handler's reply, or the refusal of a permit that was not asked before the body was read.
  // Acts for the request's user.
  Response answer(const Route& route, const Request& request) const;

 private:
  std::deque<Route> routes_;  // they stay where they are: parameters are named by their patterns
  std::vector<std::pair<std::string, Fallback>> fallbacks_;
  Guard* guard_ = nullptr;
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_first_segment_;
};

// The status of our own API for each code; adapters with other conventions have their own table.
int http_status(base::Code code);
// {"error":{"code":"not_found","message":"..."}}
Response error_response(const base::Error& error);

}  // namespace slipway::http
