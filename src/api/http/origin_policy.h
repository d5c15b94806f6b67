// What browsers may do: which Host headers are answered (against DNS rebinding), whose pages may
// call and change things (CORS), and the headers that protect our own pages. The rules and texts
// are those of MLflow's security middleware, with these differences: loopback is always answered,
// because the server's own pipelines call it there; "private" is decided by the address, so that
// 10.evil.example is not; a page's calls to its own host are allowed; all paths are protected.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/router.h"

namespace slipway::http {

// Immutable, and safe to use from several threads.
class OriginPolicy {
 public:
  struct Options {
    bool enabled = false;
    std::string allowed_hosts;    // with commas, `*` as a wildcard; empty: private addresses
    std::string allowed_origins;  // the same for whose pages may call; empty: those of localhost
    std::string frame_options = "SAMEORIGIN";  // "NONE": no such header
  };

  explicit OriginPolicy(const Options& options);

  // A refusal, or the answer to a browser that asks what it may do; nothing: go on. Before routing:
  // needs method, path and headers.
  std::optional<Response> intercept(const Request& request) const;
  // Adds what protects the reply, and lets the page of an allowed origin read it.
  void protect(const Request& request, Response& response) const;

 private:
  bool is_host_allowed(std::string_view host) const;
  bool is_origin_allowed(std::string_view origin) const;
  void add_cors(std::string_view origin, Response& response) const;

  bool enabled_;
  std::vector<std::string> hosts_, origins_;
  bool any_origin_ = false;
  std::string frame_options_;
};

}  // namespace slipway::http
