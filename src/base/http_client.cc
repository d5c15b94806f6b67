#include "base/http_client.h"

#include <curl/curl.h>

#include <fstream>

#include "base/hash.h"
#include "base/public_socket.h"
#include "base/text.h"

namespace slipway::base {

struct HttpClient::State {
  Options options;
  CURL* curl = curl_easy_init();
  ~State() {
    if (curl != nullptr) curl_easy_cleanup(curl);
  }
};

namespace {

using EachPiece = std::function<bool(std::string_view)>;

// What curl calls with each piece; a number that isn't `count` ends the transfer.
std::size_t give_piece(char* data, std::size_t size, std::size_t count, void* each) {
  return (*static_cast<const EachPiece*>(each))({data, size * count}) ? size * count : 0;
}

// What curl calls about once a second; a number that isn't 0 ends the transfer.
int ask_to_go_on(void* goes_on, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(goes_on))() ? 0 : 1;
}

std::size_t append_header(char* data, std::size_t size, std::size_t count, void* out) {
  const std::string_view line(data, size * count);
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    std::string name = lowered(line.substr(0, colon));
    const std::size_t first = line.find_first_not_of(" \t\r\n", colon + 1);
    const std::size_t last = line.find_last_not_of(" \t\r\n");
    static_cast<HttpReply*>(out)->headers.emplace_back(
        std::move(name),
        first == std::string_view::npos ? "" : line.substr(first, last - first + 1));
  }
  return line.size();
}

}  // namespace

std::string_view HttpReply::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return {};
}

HttpClient::HttpClient(Options options) : state_(std::make_unique<State>()) {
  CHECK(state_->curl != nullptr);
  state_->options = std::move(options);
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpReply> HttpClient::send(std::string_view method, std::string_view path,
                                   std::string_view body, const Headers& headers) {
  std::string received;
  HttpReply reply = TRY(
      perform(method, path, body, headers, state_->options.timeout_ms, [&](std::string_view piece) {
        const std::size_t most = state_->options.reply_bytes_max;
        const std::size_t room = most == 0 ? piece.size() : most - received.size();
        received += piece.substr(0, room);
        return piece.size() <= room;
      }));
  reply.body = std::move(received);
  return reply;
}

Result<HttpReply> HttpClient::download(std::string_view path, const std::filesystem::path& file) {
  return download("GET", path, {}, {}, file, state_->options.timeout_ms);
}

Result<HttpReply> HttpClient::download_posted(std::string_view path, std::string_view body,
                                              const std::filesystem::path& file) {
  return download("POST", path, body, {{"Content-Type", "application/json"}}, file, 0);
}

Result<HttpReply> HttpClient::download(std::string_view method, std::string_view path,
                                       std::string_view body, const Headers& headers,
                                       const std::filesystem::path& file, long timeout_ms) {
  constexpr std::size_t kErrorBytesMax = 64 << 10;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  std::string first;
  Result<HttpReply> reply =
      perform(method, path, body, headers, timeout_ms, [&](std::string_view piece) {
        if (first.size() < kErrorBytesMax) first += piece.substr(0, kErrorBytesMax - first.size());
        return static_cast<bool>(
            out.write(piece.data(), static_cast<std::streamsize>(piece.size())));
      });
  out.close();
  if (!out)
    return error(Code::kStorageFull, "cannot write what was downloaded: file={}", file.string());
  if (reply && reply->status >= 300) reply->body = std::move(first);
  return reply;
}

Result<HttpReply> HttpClient::stream(std::string_view path, const Headers& headers,
                                     const EachPiece& each, const std::function<bool()>& goes_on) {
  return perform("GET", path, {}, headers, 0, each, goes_on);
}

Result<HttpReply> HttpClient::perform(std::string_view method, std::string_view path,
                                      std::string_view body, const Headers& headers,
                                      long timeout_ms, const EachPiece& each,
                                      const std::function<bool()>& goes_on) {
  CURL* curl = state_->curl;
  const Options& options = state_->options;
  const std::string url = options.base_url + std::string(path);
  HttpReply reply;
  bool ended = false;  // by `each`
  const EachPiece guarded = [&](std::string_view piece) {
    ended = !each(piece);
    return !ended;
  };
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  for (const auto& [name, value] : headers)
    list = curl_slist_append(list, (name + ": " + value).c_str());
  if (!options.bearer_token.empty())
    list = curl_slist_append(list, ("Authorization: Bearer " + options.bearer_token).c_str());
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, std::string(method).c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, options.connect_timeout_ms);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, give_piece);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &guarded);
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  const auto set_pem = [&](CURLoption option, const std::string& pem) {
    curl_blob blob{.data = const_cast<char*>(pem.data()),  // NOLINT: it is read alone
                   .len = pem.size(),
                   .flags = CURL_BLOB_NOCOPY};
    if (!pem.empty()) curl_easy_setopt(curl, option, &blob);
  };
  set_pem(CURLOPT_CAINFO_BLOB, options.ca_pem);
  if (!options.ca_pem.empty()) curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // it alone
  set_pem(CURLOPT_SSLCERT_BLOB, options.certificate_pem);
  set_pem(CURLOPT_SSLKEY_BLOB, options.key_pem);
  if (goes_on) {
    // A peer that went away without a word ends the stream within two minutes.
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_to_go_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &goes_on);
  }
  bool refused = false;
  if (options.peers == Options::Peers::kPublic) {
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_public_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &refused);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
  }
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply);
  if (method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(list);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return error(Code::kDeadlineExceeded, "no answer in time: url={}", url);
  if (code != CURLE_OK && refused)
    return error(Code::kPermissionDenied, "the host is at no public address: url={}", url);
  if (code != CURLE_OK && !(ended && code == CURLE_WRITE_ERROR))
    return error(Code::kUnavailable, "cannot reach the server: url={} why={}", url,
                 curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size())
      return error(Code::kInvalidArgument, "broken percent escape: position={}", i);
    out += TRY(from_hex(text.substr(i + 1, 2)));
    i += 2;
  }
  return out;
}

}  // namespace slipway::base
