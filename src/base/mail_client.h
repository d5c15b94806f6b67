// Sends mails over SMTP.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http_client.h"
#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::base {

struct Mail {
  std::string from;             // addresses, without display names
  std::vector<std::string> to;  // at least one
  std::string subject;          // UTF-8, one line
  std::string text;             // UTF-8
  Timestamp date;
  std::string message_id;  // without <>: "id@host"
  std::string thread_id;   // of mails that belong together; may be empty
  std::vector<std::pair<std::string, std::string>> headers;  // more of them, ASCII
};

// As it goes over the wire: lines end with CRLF, what is not ASCII is encoded. A pure function.
std::string mail_text(const Mail& mail);

struct MailServer {
  std::string url;             // smtp://HOST:PORT or smtps://HOST:PORT
  std::string user, password;  // an empty user: no login
  bool needs_tls = true;       // with smtp://: STARTTLS, or nothing is sent
  std::string ca_file;         // certificates that are trusted, PEM; empty: the system's
  HttpClient::Options::Peers peers = HttpClient::Options::Peers::kAny;
  long timeout_ms = 30'000;
};

// Returns once the server has taken it. kUnavailable, kDeadlineExceeded: nobody answered, or not
// now (a status of 4xx); kFailedPrecondition: no TLS, or a certificate that isn't trusted;
// kUnauthenticated: the login is wrong; kPermissionDenied: the host is at no public address;
// kInvalidArgument: the server doesn't take it (a status of 5xx).
Result<void> send_mail(const MailServer& server, const Mail& mail);

}  // namespace slipway::base
