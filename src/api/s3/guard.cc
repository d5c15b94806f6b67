#include "api/s3/guard.h"

#include "api/s3/faults.h"
#include "api/s3/signed_request.h"
#include "base/hash.h"

namespace slipway::api::s3 {

std::string secret_of_token(std::string_view key, std::string_view id) {
  return base::to_hex(base::hmac_sha256(key, fmt::format("S3 secret access key of {}", id)))
      .substr(0, 40);
}

FindCredential tokens_as_credentials(const access::Access& access, std::string key) {
  return [&access, key = std::move(key)](std::string_view id) -> std::optional<Credential> {
    std::optional<std::string> user = access.user_of_token(id);
    if (!user) return std::nullopt;
    return Credential{std::move(*user), secret_of_token(key, id)};
  };
}

Result<std::string> SignatureGuard::user_of(const http::Request& request) const {
  const std::optional<SignatureClaim> claim = TRY(find_claim(request));
  if (!claim) {
    return fault(Fault::kAccessDenied,
                 "requests have to be signed: give the client an access key of yours, which "
                 "`slipway tokens create NAME` makes");
  }
  const std::optional<Credential> credential = find_(claim->access_key);
  if (!credential) {
    return fault(Fault::kInvalidAccessKeyId,
                 "there is no such access key, or its token was revoked or has expired: `slipway "
                 "tokens create NAME` makes one: access_key={}",
                 claim->access_key);
  }
  TRY(check_claim(*claim, request, credential->secret, clock_.now(), skew_max_));
  return credential->user;
}

// Some hashes of a few hundred bytes: no reason to go to another thread.
bool SignatureGuard::recognize(http::Request& request) {
  Result<std::string> user = user_of(request);
  if (!user) return false;
  request.user = std::move(*user);
  return true;
}

std::optional<http::Response> SignatureGuard::check(const http::Route* /*route*/,
                                                    http::Request& request) {
  Result<std::string> user = user_of(request);
  if (!user) return error_reply(user.error(), request);
  request.user = std::move(*user);
  return std::nullopt;
}

}  // namespace slipway::api::s3
