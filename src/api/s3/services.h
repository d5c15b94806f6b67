// What the routes of S3 are made of.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "access/access.h"
#include "objects/buckets.h"
#include "objects/uploads.h"

namespace slipway::api::s3 {

// Whose requests an access key signs.
struct Credential {
  std::string user, secret;
};
// Nothing: there is no such key, or not any more.
using FindCredential = std::function<std::optional<Credential>(std::string_view access_key)>;

// The secret access key of the token `id`, which is its access key: made of `key`, which the server
// keeps, so that it need not keep the secret.
std::string secret_of_token(std::string_view key, std::string_view id);
// Tokens as access keys. `access` must outlive what is returned.
FindCredential tokens_as_credentials(const slipway::access::Access& access, std::string key);

struct Options {
  std::uint64_t object_bytes_max = 1ull << 40;  // in one request
  std::uint64_t request_bytes_max = 16 << 20;   // of one that is XML
};

struct Services {
  objects::Buckets& buckets;
  objects::Uploads& uploads;
  objects::Contents& contents;
  const slipway::access::Access* access = nullptr;  // null: nobody has to log in
  FindCredential find_credential;                   // with `access`
  Options options;
};

}  // namespace slipway::api::s3
