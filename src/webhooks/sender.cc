#include "webhooks/sender.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "base/ip_address.h"

namespace slipway::webhooks {
namespace {

struct Free {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

struct Url {
  std::string scheme, host;
};

// kInvalidArgument: brackets that don't fit, a port that is no number.
Result<Url> split(const std::string& url) {
  const auto wrong = [&](std::string_view why) {
    return base::error(Code::kInvalidArgument, "Invalid webhook URL '{}': {}", url, why);
  };
  Url parts;
  const std::size_t colon = url.find("://");
  if (colon == std::string::npos) {
    parts.scheme = url.substr(0, std::min(url.find(':'), url.size()));
    if (parts.scheme.size() == url.size()) parts.scheme.clear();
    return parts;
  }
  parts.scheme = url.substr(0, colon);
  std::string authority = url.substr(colon + 3);
  authority.resize(std::min(authority.find_first_of("/?#"), authority.size()));
  if (const std::size_t at = authority.rfind('@'); at != std::string::npos)
    authority.erase(0, at + 1);
  if (authority.find_first_of(" \t\r\n\\") != std::string::npos) return wrong("no valid host");
  std::string port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string::npos) return wrong("a bracket is not closed");
    parts.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (!port.empty() && port[0] != ':') return wrong("no valid host");
  } else {
    const std::size_t at = authority.find(':');
    parts.host = authority.substr(0, at);
    if (at != std::string::npos) port = authority.substr(at);
  }
  if (port.find_first_not_of("0123456789", 1) != std::string::npos)
    return wrong("the port is no number");
  return parts;
}

}  // namespace

Result<void> check_url(const std::string& url, const UrlPolicy& policy) {
  if (url.find_first_not_of(" \t\r\n") == std::string::npos) {
    return base::error(Code::kInvalidArgument,
                       "Webhook URL cannot be empty or just whitespace: '{}'", url);
  }
  const Url parts = TRY(split(url));
  if (std::find(policy.schemes.begin(), policy.schemes.end(), parts.scheme) ==
      policy.schemes.end()) {
    std::string allowed;
    for (const std::string& scheme : policy.schemes)
      allowed += (allowed.empty() ? "" : ", ") + scheme;
    return base::error(Code::kInvalidArgument,
                       "Invalid webhook URL scheme: '{}'. Allowed schemes are: {}.", parts.scheme,
                       allowed);
  }
  if (parts.host.empty()) {
    return base::error(Code::kInvalidArgument, "Webhook URL must include a hostname: '{}'", url);
  }
  if (policy.private_addresses) return {};
  addrinfo* list = nullptr;
  if (getaddrinfo(parts.host.c_str(), nullptr, nullptr, &list) != 0) return {};
  const std::unique_ptr<addrinfo, Free> owner(list);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (!base::is_public_address(entry->ai_addr)) {
      return base::error(Code::kInvalidArgument,
                         "Webhook URL must not resolve to a non-public IP address: host={}",
                         parts.host);
    }
  }
  return {};
}

Result<base::HttpReply> HttpSender::post(const std::string& url, const std::string& body,
                                         const base::HttpClient::Headers& headers) {
  using Peers = base::HttpClient::Options::Peers;
  base::HttpClient client({.base_url = url,
                           .timeout_ms = static_cast<long>(timeout_seconds_) * 1000,
                           .reply_bytes_max = kReplyBytesMax,
                           .peers = policy_.private_addresses ? Peers::kAny : Peers::kPublic,
                           .ca_file = policy_.ca_file});
  return client.send("POST", "", body, headers);
}

Result<void> HttpSender::mail(base::MailServer server, const base::Mail& mail) {
  using Peers = base::HttpClient::Options::Peers;
  server.ca_file = policy_.ca_file;
  server.peers = policy_.private_addresses ? Peers::kAny : Peers::kPublic;
  server.timeout_ms = static_cast<long>(timeout_seconds_) * 1000;
  return base::send_mail(server, mail);
}

}  // namespace slipway::webhooks
