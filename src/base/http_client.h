// A blocking HTTP/1.1 client that keeps its connection.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::base {

struct HttpReply {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // By its name in lower case; empty when it is not there.
  std::string_view header(std::string_view name) const;
};

// One thread at a time; make one per thread. Follows no redirects. Uses libcurl: proxies and TLS as
// its environment says.
class HttpClient {
 public:
  struct Options {
    std::string base_url;      // "http://127.0.0.1:5000"; put in front of every path
    std::string bearer_token;  // sent when not empty
    long connect_timeout_ms = 5'000;
    long timeout_ms = 600'000;
    std::size_t reply_bytes_max = 0;  // the rest of a longer body is left out; 0: no limit
    // kPublic refuses to connect to what is no public address (ip_address.h), whatever the name
    // resolved to before, and uses no proxy.
    enum class Peers { kAny, kPublic };
    Peers peers = Peers::kAny;
    std::string ca_file;  // certificates that are trusted, PEM; empty: the system's
    std::string ca_pem;   // instead of the file
    std::string certificate_pem, key_pem;  // who we are over TLS, when not empty
  };

  explicit HttpClient(Options options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  using Headers = std::vector<std::pair<std::string, std::string>>;

  // Any HTTP status is a reply; a HEAD has none of the body its headers tell of. kUnavailable:
  // nobody answered. kDeadlineExceeded: the time ran out. kPermissionDenied: Peers::kPublic.
  Result<HttpReply> send(std::string_view method, std::string_view path, std::string_view body = {},
                         const Headers& headers = {{"Content-Type", "application/json"}});

  // GET with the body written to `file`, which is replaced, instead of kept in memory.
  // kStorageFull: it doesn't fit. The reply's body is empty, but for a failure's.
  Result<HttpReply> download(std::string_view path, const std::filesystem::path& file);
  // The same with the reply to a POST of JSON, which may take as long as it needs.
  Result<HttpReply> download_posted(std::string_view path, std::string_view body,
                                    const std::filesystem::path& file);

  // GET, every piece of the body given to `each` as it comes, until the end or until `each` gives
  // false. No time limit beyond the connection's. The reply's body is empty. `goes_on` is asked
  // about once a second, also when nothing comes; false: kUnavailable.
  Result<HttpReply> stream(std::string_view path, const Headers& headers,
                           const std::function<bool(std::string_view piece)>& each,
                           const std::function<bool()>& goes_on = nullptr);

 private:
  Result<HttpReply> download(std::string_view method, std::string_view path, std::string_view body,
                             const Headers& headers, const std::filesystem::path& file,
                             long timeout_ms);
  Result<HttpReply> perform(std::string_view method, std::string_view path, std::string_view body,
                            const Headers& headers, long timeout_ms,
                            const std::function<bool(std::string_view piece)>& each,
                            const std::function<bool()>& goes_on = nullptr);

  struct State;
  std::unique_ptr<State> state_;
};

// RFC 3986: everything but unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);
// kInvalidArgument for a broken escape. '+' stays '+'.
Result<std::string> percent_decode(std::string_view text);

}  // namespace slipway::base
