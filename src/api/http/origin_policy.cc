#include "api/http/origin_policy.h"

#include <arpa/inet.h>
#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/text.h"

namespace slipway::http {
namespace {

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

bool matches(const std::vector<std::string>& patterns, std::string_view text) {
  const std::string subject(text);
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return pattern.find('*') == std::string::npos
               ? pattern == subject
               : ::fnmatch(pattern.c_str(), subject.c_str(), 0) == 0;
  });
}

// "host", "host:port", "[v6]", "[v6]:port" without port and brackets.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

enum class Reach { kLoopback, kPrivate, kElsewhere };

// By the address itself; names are elsewhere, but for localhost. RFC 1918, RFC 4193.
Reach reach_of(std::string_view host) {
  const std::string name = base::lowered(host);
  if (name == "localhost") return Reach::kLoopback;
  in_addr v4{};
  if (::inet_pton(AF_INET, name.c_str(), &v4) == 1) {
    const std::uint32_t address = ntohl(v4.s_addr);
    if (address >> 24 == 127 || address == 0) return Reach::kLoopback;
    if (address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8)
      return Reach::kPrivate;
    return Reach::kElsewhere;
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, name.c_str(), &v6) == 1) {
    if (IN6_IS_ADDR_LOOPBACK(&v6)) return Reach::kLoopback;
    if ((v6.s6_addr[0] & 0xfe) == 0xfc) return Reach::kPrivate;
  }
  return Reach::kElsewhere;
}

// "http://host:port" as its "host:port"; empty for anything else, "null" included.
std::string_view host_of(std::string_view origin) {
  const std::size_t mark = origin.find("://");
  return mark == std::string_view::npos ? std::string_view() : origin.substr(mark + 3);
}

bool changes_something(Method method) {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch ||
         method == Method::kDelete;
}

Response refusal(const char* why) { return Response::text(why, 403); }

bool has_header(const Response& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return header.first == name; });
}

}  // namespace

OriginPolicy::OriginPolicy(const Options& options)
    : enabled_(options.enabled),
      hosts_(split_list(options.allowed_hosts)),
      origins_(split_list(options.allowed_origins)),
      any_origin_(std::find(origins_.begin(), origins_.end(), "*") != origins_.end()),
      frame_options_(options.frame_options) {
  std::transform(frame_options_.begin(), frame_options_.end(), frame_options_.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (frame_options_ == "NONE") frame_options_.clear();
}

bool OriginPolicy::is_host_allowed(std::string_view host) const {
  if (host.empty()) return false;
  const Reach reach = reach_of(without_port(host));
  if (reach == Reach::kLoopback) return true;
  if (hosts_.empty()) return reach == Reach::kPrivate;
  return matches(hosts_, host) || matches(hosts_, without_port(host));
}

bool OriginPolicy::is_origin_allowed(std::string_view origin) const {
  return any_origin_ || reach_of(without_port(host_of(origin))) == Reach::kLoopback ||
         matches(origins_, origin);
}

std::optional<Response> OriginPolicy::intercept(const Request& request) const {
  if (!enabled_) return std::nullopt;
  const std::string_view host = request.header("Host");
  // Probes may come under any name.
  if (request.path != "/health" && request.path != "/version" && !is_host_allowed(host))
    return refusal("Invalid Host header - possible DNS rebinding attack detected");
  const std::string_view origin = request.header("Origin");
  if (request.method == Method::kOptions &&
      !request.header("Access-Control-Request-Method").empty()) {
    Response response{.status = 204, .content_type = ""};
    if (!is_origin_allowed(origin)) return response;  // without permission the browser stops there
    response.headers = {{"Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT"},
                        {"Access-Control-Max-Age", "600"}};
    const std::string_view headers = request.header("Access-Control-Request-Headers");
    if (!headers.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", headers);
    return response;
  }
  if (!changes_something(request.method)) return std::nullopt;
  // Browsers say whose page sends a request (Origin; Fetch Metadata, W3C); programs don't, and need
  // not.
  const bool is_foreign = origin.empty() ? request.header("Sec-Fetch-Site") == "cross-site"
                                         : host_of(origin) != host && !is_origin_allowed(origin);
  if (is_foreign) return refusal("Cross-origin request blocked");
  return std::nullopt;
}

void OriginPolicy::add_cors(std::string_view origin, Response& response) const {
  if (!is_origin_allowed(origin)) return;
  if (any_origin_) {
    // Whoever allows everybody does not let them use the user's login.
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
    return;
  }
  response.headers.emplace_back("Access-Control-Allow-Origin", origin);
  response.headers.emplace_back("Access-Control-Allow-Credentials", "true");
  response.headers.emplace_back("Vary", "Origin");
}

void OriginPolicy::protect(const Request& request, Response& response) const {
  if (!enabled_) return;
  if (!has_header(response, "X-Content-Type-Options"))
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  if (!frame_options_.empty()) response.headers.emplace_back("X-Frame-Options", frame_options_);
  const std::string_view origin = request.header("Origin");
  if (!origin.empty()) add_cors(origin, response);
}

}  // namespace slipway::http
