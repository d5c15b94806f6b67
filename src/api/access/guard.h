// Login over HTTP: Basic with a name and a password, or Bearer with a token.
#pragma once

#include "access/access.h"
#include "api/http/guard.h"

namespace slipway::api::access {

class LoginGuard final : public http::Guard {
 public:
  // `access` must outlive the guard.
  explicit LoginGuard(slipway::access::Access& access) : access_(access) {}

  bool recognize(http::Request& request) override;
  std::optional<http::Response> check(const http::Route* route, http::Request& request) override;

 private:
  slipway::access::Access& access_;
};

// "You are not authenticated", with the challenge that makes a browser ask; in the words that
// clients of the route's protocol (http::Route::tag) look for.
http::Response unauthenticated(std::string_view protocol);
http::Response forbidden(std::string_view protocol);

}  // namespace slipway::api::access
