// Talks to a server: one call, JSON in and out, errors as sentences and exit codes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/json.h"
#include "base/result.h"

namespace slipway::cli {

// How the command was called; filled by the global flags and the environment.
struct Context {
  std::string url = "http://127.0.0.1:5000";  // --url, SLIPWAY_URL
  std::string token;                          // SLIPWAY_TOKEN
  bool json = false;                          // --json: the reply itself on stdout
  double reconnect_seconds = 60;              // --reconnect-seconds, see patience.h
};

class Client {
 public:
  explicit Client(const Context& context);

  // The reply's JSON. An error reply becomes an Error with the server's code and message.
  Result<Json> get(const std::string& path);
  Result<Json> post(const std::string& path, const JsonObject& body);
  Result<Json> send(std::string_view method, const std::string& path, const JsonObject& body);
  // A body that is JSON text already; the reply is thrown away.
  Result<void> post_text(const std::string& path, const std::string& body);
  // The reply's bytes as they are; without a body a GET.
  Result<base::HttpReply> fetch(const std::string& path,
                                const std::optional<JsonObject>& body = std::nullopt);
  // The same into a file, which is replaced, however long it takes. The reply has no body.
  Result<base::HttpReply> download(const std::string& path, const JsonObject& body,
                                   const std::filesystem::path& file);
  // Bytes as they are in both directions.
  Result<std::string> post_bytes(const std::string& path, std::string_view bytes);
  // Bytes as they are, to a path that takes a file.
  Result<void> put(const std::string& path, std::string_view bytes);
  // The reply's body piece by piece, until its end or until `each` gives false.
  Result<void> stream(const std::string& path, const base::HttpClient::Headers& headers,
                      const std::function<bool(std::string_view piece)>& each);

 private:
  Result<Json> send(std::string_view method, const std::string& path, const std::string& body);

  std::string url_;
  base::HttpClient http_;
};

// Says the error on stderr, with what to do next where that is known, and gives the exit code.
int fail(const Error& error, const Context& context);

// "/slipway/v1/models/{}/versions" with percent-encoded arguments.
std::string path_of(std::string_view format, std::initializer_list<std::string_view> arguments);

}  // namespace slipway::cli
