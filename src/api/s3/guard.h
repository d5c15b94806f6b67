// Login on S3's port: whoever signs with the secret of a token is its user.
#pragma once

#include "api/http/guard.h"
#include "api/s3/services.h"

namespace slipway::api::s3 {

class SignatureGuard final : public http::Guard {
 public:
  // `clock` must outlive the guard.
  SignatureGuard(FindCredential find, const base::Clock& clock, base::Duration skew_max)
      : find_(std::move(find)), clock_(clock), skew_max_(skew_max) {}

  bool recognize(http::Request& request) override;
  std::optional<http::Response> check(const http::Route* route, http::Request& request) override;

 private:
  Result<std::string> user_of(const http::Request& request) const;

  const FindCredential find_;
  const base::Clock& clock_;
  const base::Duration skew_max_;
};

}  // namespace slipway::api::s3
