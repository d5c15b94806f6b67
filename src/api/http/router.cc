#include "api/http/router.h"

#include <strings.h>

#include "base/actor.h"
#include "base/check.h"
#include "base/http_client.h"
#include "base/json.h"

namespace slipway::http {
namespace {

// Splits off the text up to the next '/' (and drops that '/').
std::string_view take_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

// Encoded values of a pattern's parameters, in order.
using RawParams = std::array<std::string_view, PathParams::kMax>;

// Matches one path segment against "literal", "{name}", "{name}:suffix".
bool match_segment(std::string_view pattern, std::string_view segment, RawParams& raw,
                   std::size_t& count) {
  if (!pattern.starts_with('{')) return pattern == segment;
  const std::string_view suffix = pattern.substr(pattern.find('}') + 1);
  if (!segment.ends_with(suffix) || segment.size() == suffix.size()) return false;
  raw[count++] = segment.substr(0, segment.size() - suffix.size());
  return true;
}

bool match_text(std::string_view pattern, std::string_view path, RawParams& raw,
                std::size_t& count) {
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  while (true) {
    const bool last_pattern = pattern.find('/') == std::string_view::npos;
    const std::string_view expected = take_segment(pattern);
    if (expected.ends_with("*}")) {
      raw[count++] = path;
      return true;
    }
    const bool last_path = path.find('/') == std::string_view::npos;
    if (!match_segment(expected, take_segment(path), raw, count)) return false;
    if (last_pattern != last_path) {
      // "/files/{path*}" also matches "/files": the rest is empty.
      if (!last_path || !pattern.starts_with('{') || !pattern.ends_with("*}")) return false;
      raw[count++] = {};
      return true;
    }
    if (last_pattern) return true;
  }
}

// False also for a broken escape in a parameter.
bool match_pattern(std::string_view pattern, std::string_view path, PathParams& params) {
  RawParams raw;
  std::size_t count = 0;
  params.clear();
  if (!match_text(pattern, path, raw, count)) return false;
  for (std::size_t i = 0; i < count; ++i) {
    pattern.remove_prefix(pattern.find('{') + 1);
    std::string& value = params.add(pattern.substr(0, pattern.find_first_of("*}")));
    if (raw[i].find('%') == std::string_view::npos) {
      value = raw[i];
      continue;
    }
    Result<std::string> decoded = base::percent_decode(raw[i]);
    if (!decoded) return false;
    value = std::move(*decoded);
  }
  return true;
}

// Routes are looked up by method and the literal text of their first segments, up to the first
// parameter.
std::string_view first_segment(std::string_view path) {
  path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

void each_query_value(std::string_view target,
                      const std::function<bool(std::string_view, std::string_view)>& visit) {
  const std::size_t mark = target.find('?');
  std::string_view rest =
      mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t amp = rest.find('&');
    const std::string_view pair = rest.substr(0, amp);
    rest.remove_prefix(amp == std::string_view::npos ? rest.size() : amp + 1);
    const std::size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (!visit(pair.substr(0, equals), value)) return;
  }
}

// Form encoding: '+' is a space. A broken escape stays as it was written.
std::string decode_form(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return base::percent_decode(spaced).value_or(spaced);
}

}  // namespace

std::string_view method_name(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
  }
  return "GET";
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && ::strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  }
  return {};
}

std::optional<std::string> Request::query(std::string_view name) const {
  std::optional<std::string> found;
  each_query_value(target, [&](std::string_view key, std::string_view value) {
    if (decode_form(key) != name) return true;
    found = decode_form(value);
    return false;
  });
  return found;
}

std::vector<std::string> Request::query_all(std::string_view name) const {
  std::vector<std::string> found;
  each_query_value(target, [&](std::string_view key, std::string_view value) {
    if (decode_form(key) == name) found.push_back(decode_form(value));
    return true;
  });
  return found;
}

const std::string& Request::param(std::string_view name) const {
  const auto* found = path_params.find(name);
  CHECK(found != path_params.end());
  return found->second;
}

const PathParams::Param* PathParams::find(std::string_view name) const {
  return std::find_if(begin(), end(), [&](const Param& param) { return param.first == name; });
}

std::string& PathParams::add(std::string_view name) {
  CHECK(size_ < kMax);
  Param& param = params_[size_++];
  param.first = name;
  param.second.clear();
  return param.second;
}

void Router::add(Route route) {
  CHECK(route.pattern.starts_with('/'));
  CHECK(route.handler != nullptr);
  CHECK(static_cast<std::size_t>(std::count(route.pattern.begin(), route.pattern.end(), '{')) <=
        PathParams::kMax);
  const std::string_view first = first_segment(route.pattern);
  by_first_segment_[first.starts_with('{') ? std::string() : std::string(first)].push_back(
      routes_.size());
  routes_.push_back(std::move(route));
}

void Router::add_all(std::vector<Route> routes) {
  for (Route& route : routes) add(std::move(route));
}

void Router::set_fallback(std::string prefix, Fallback fallback) {
  fallbacks_.emplace_back(std::move(prefix), std::move(fallback));
}

const Route* Router::match(Request& request, std::vector<Method>& allowed) const {
  if (!request.path.starts_with('/')) return nullptr;
  // A base URL that ends in a slash makes two: from here on everybody sees one.
  while (request.path.starts_with("//")) request.path.remove_prefix(1);
  for (const std::string_view key : {first_segment(request.path), std::string_view()}) {
    const auto candidates = by_first_segment_.find(key);
    if (candidates == by_first_segment_.end()) continue;
    for (const std::size_t index : candidates->second) {
      const Route& route = routes_[index];
      // A HEAD is answered by the GET route; the server leaves the body out.
      const bool method_fits = route.method == request.method ||
                               (request.method == Method::kHead && route.method == Method::kGet);
      if (!match_pattern(route.pattern, request.path, request.path_params)) continue;
      if (method_fits) return &route;
      allowed.push_back(route.method);
    }
  }
  return nullptr;
}

Response Router::no_route(const Request& request, const std::vector<Method>& allowed) const {
  const std::pair<std::string, Fallback>* best = nullptr;
  for (const auto& fallback : fallbacks_) {
    if (request.path.starts_with(fallback.first) &&
        (best == nullptr || fallback.first.size() > best->first.size()))
      best = &fallback;
  }
  if (best != nullptr) return best->second(request, allowed);
  if (allowed.empty())
    return error_response(base::error(Code::kNotFound, "no such path: path={}", request.path));
  Response response = error_response(
      base::error(Code::kInvalidArgument, "the path does not take this method: method={} path={}",
                  method_name(request.method), request.path));
  response.status = 405;
  std::string list;
  for (Method method : allowed)
    list += (list.empty() ? "" : ", ") + std::string(method_name(method));
  response.headers.emplace_back("Allow", list);
  return response;
}

void Router::each_route(const std::function<void(Route&)>& visit) {
  for (Route& route : routes_) visit(route);
}

std::optional<Response> Router::refuse(const Route& route, const Request& request) const {
  if (guard_ == nullptr || !route.permit) return std::nullopt;
  const base::ActingAs acting(request.user);
  return route.permit(request);
}

Response Router::answer(const Route& route, const Request& request) const {
  if (route.body == Route::Body::kMemory) {
    if (std::optional<Response> refusal = refuse(route, request)) return std::move(*refusal);
  }
  const base::ActingAs acting(request.user);
  return route.handler(request);
}

int http_status(base::Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
      return 409;
    case Code::kFailedPrecondition:
      return 412;
    case Code::kConflict:
      return 409;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    case Code::kResourceExhausted:
      return 429;
    case Code::kStorageFull:
      return 507;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kCorruption:
      return 500;
    case Code::kInternal:
      return 500;
  }
  return 500;
}

Response error_response(const base::Error& error) {
  const JsonObject body{
      {"error", {{"code", base::code_name(error.code)}, {"message", error.message}}}};
  Response response = Response::json(base::to_text(body), http_status(error.code));
  if (error.code == Code::kResourceExhausted || error.code == Code::kUnavailable)
    response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace slipway::http
