// Calls of a cluster's API server.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/json.h"
#include "pipelines/kubernetes/cluster.h"

namespace slipway::pipelines {

// One thread at a time. Errors carry what the server says: kNotFound, kAlreadyExists,
// kPermissionDenied (401, 403), kFailedPrecondition (410: what was asked for is too old),
// kUnavailable (429, 5xx, a conflict with somebody's change, or nobody answers), kInvalidArgument.
class KubeClient {
 public:
  explicit KubeClient(const Cluster& cluster) : cluster_(cluster) {}

  Result<JsonObject> get(const std::string& path) { return call("GET", path, nullptr); }
  Result<JsonObject> create(const std::string& path, const JsonObject& object) {
    return call("POST", path, &object);
  }
  // RFC 7396.
  Result<JsonObject> merge(const std::string& path, const JsonObject& change) {
    return call("PATCH", path, &change);
  }
  // With what it owns, in the background. What isn't there is no error.
  Result<void> remove(const std::string& path);

  // Gives each line of the reply as it comes, without its end, until the reply ends or `goes_on`
  // says no (kUnavailable); the last one also if it has no end. Of an error's reply, too: what is
  // no line of what was asked for is to be passed over.
  Result<void> follow(const std::string& path, const std::function<void(std::string_view)>& each,
                      const std::function<bool()>& goes_on);
  // The same of what may have lines without an end, like those of a progress bar: pieces of whole
  // lines and of a long one, with their line feeds.
  Result<void> follow_text(const std::string& path,
                           const std::function<void(std::string_view)>& each,
                           const std::function<bool()>& goes_on);

 private:
  Result<JsonObject> call(std::string_view method, const std::string& path, const JsonObject* body);
  // Anew for each call, as the token may be another by then; the connection is kept while it isn't.
  Result<void> connect();
  // `each` is given what has come and isn't taken, and takes its first bytes.
  Result<void> stream(const std::string& path,
                      const std::function<std::size_t(std::string_view)>& each,
                      const std::function<bool()>& goes_on);

  const Cluster& cluster_;
  std::string token_;
  std::optional<base::HttpClient> http_;
};

}  // namespace slipway::pipelines
