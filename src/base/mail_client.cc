#include "base/mail_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "base/hash.h"
#include "base/public_socket.h"

namespace slipway::base {
namespace {

constexpr std::size_t kLineBytesMax = 998;     // RFC 5322
constexpr std::size_t kEncodedLineBytes = 76;  // RFC 2045
constexpr std::size_t kEncodedWordBytes = 45;  // before base64, so that a word stays below 75

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 128; });
}

// RFC 2047. Words break between characters.
std::string header_text(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    std::size_t bytes = std::min(kEncodedWordBytes, text.size());
    while (bytes < text.size() && bytes > 1 && (static_cast<unsigned char>(text[bytes]) >> 6) == 2)
      --bytes;
    out += fmt::format("{}=?utf-8?B?{}?=", out.empty() ? "" : "\r\n ",
                       to_base64(text.substr(0, bytes)));
    text.remove_prefix(bytes);
  }
  return out;
}

// "Mon, 01 Jan 2024 10:00:00 +0000"
std::string date_text(Timestamp time) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time.micros / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

// Lines end with CRLF.
std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '\n') out += '\r';
    out += c;
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

bool has_long_line(std::string_view text) {
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    if (end - start > kLineBytesMax) return true;
    start = end + 1;
  }
  return false;
}

struct Unread {
  std::string_view text;
};

std::size_t read_some(char* to, std::size_t size, std::size_t count, void* from) {
  std::string_view& rest = static_cast<Unread*>(from)->text;
  const std::size_t bytes = std::min(size * count, rest.size());
  std::memcpy(to, rest.data(), bytes);
  rest.remove_prefix(bytes);
  return bytes;
}

Result<void> outcome_of(CURLcode code, long status, bool refused, const std::string& url) {
  if (code == CURLE_OK) return {};
  const std::string why = status > 0 ? fmt::format("status {}", status) : curl_easy_strerror(code);
  if (refused)
    return error(Code::kPermissionDenied, "the host is at no public address: url={}", url);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return error(Code::kDeadlineExceeded, "no answer in time: url={}", url);
  if (code == CURLE_LOGIN_DENIED && status >= 400 && status < 500)
    return error(Code::kUnavailable, "the mail server doesn't take the login now: {}", why);
  if (code == CURLE_LOGIN_DENIED)
    return error(Code::kUnauthenticated, "the mail server doesn't take the login: {}", why);
  if (code == CURLE_USE_SSL_FAILED || code == CURLE_PEER_FAILED_VERIFICATION ||
      code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CACERT_BADFILE) {
    return error(Code::kFailedPrecondition,
                 "there is no TLS with the mail server that could be trusted: {}",
                 curl_easy_strerror(code));
  }
  if (status >= 500)
    return error(Code::kInvalidArgument, "the mail server doesn't take the mail: {}", why);
  return error(Code::kUnavailable, "the mail server doesn't take the mail now: {}", why);
}

}  // namespace

std::string mail_text(const Mail& mail) {
  std::string out = fmt::format("Date: {}\r\nFrom: {}\r\nTo: ", date_text(mail.date), mail.from);
  for (std::size_t i = 0; i < mail.to.size(); ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ",\r\n ", mail.to[i]);
  out += fmt::format("\r\nSubject: {}\r\nMessage-ID: <{}>\r\n", header_text(mail.subject),
                     mail.message_id);
  if (!mail.thread_id.empty()) {
    out += fmt::format("In-Reply-To: <{}>\r\nReferences: <{}>\r\n", mail.thread_id, mail.thread_id);
  }
  for (const auto& [name, value] : mail.headers) out += fmt::format("{}: {}\r\n", name, value);
  out += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
  const bool plain = is_ascii(mail.text) && !has_long_line(mail.text);
  out += fmt::format("Content-Transfer-Encoding: {}\r\n\r\n", plain ? "7bit" : "base64");
  if (plain) return out + with_crlf(mail.text);
  const std::string encoded = to_base64(with_crlf(mail.text));
  for (std::size_t at = 0; at < encoded.size(); at += kEncodedLineBytes)
    out += encoded.substr(at, kEncodedLineBytes) + "\r\n";
  return out;
}

Result<void> send_mail(const MailServer& server, const Mail& mail) {
  CHECK(!mail.to.empty());
  const std::string text = mail_text(mail);
  Unread unread{text};
  CURL* curl = curl_easy_init();
  CHECK(curl != nullptr);
  curl_slist* readers = nullptr;
  for (const std::string& address : mail.to)
    readers = curl_slist_append(readers, fmt::format("<{}>", address).c_str());
  bool refused = false;
  curl_easy_setopt(curl, CURLOPT_URL, server.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, server.timeout_ms);
  curl_easy_setopt(curl, CURLOPT_USE_SSL,
                   static_cast<long>(server.needs_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  if (!server.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, server.ca_file.c_str());
  if (!server.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, server.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, server.password.c_str());
  }
  if (server.peers == HttpClient::Options::Peers::kPublic) {
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_public_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &refused);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
  }
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, fmt::format("<{}>", mail.from).c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, readers);
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);  // one who has left stops no other
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_some);
  curl_easy_setopt(curl, CURLOPT_READDATA, &unread);
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_slist_free_all(readers);
  curl_easy_cleanup(curl);
  return outcome_of(code, status, refused, server.url);
}

}  // namespace slipway::base
