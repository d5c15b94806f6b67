// Sending one delivery, over HTTP or as a mail.
#pragma once

#include <string>

#include "base/http_client.h"
#include "base/mail_client.h"
#include "webhooks/values.h"

namespace slipway::webhooks {

// Safe to use from several threads.
class Sender {
 public:
  virtual ~Sender() = default;
  // Any HTTP status is a reply. kPermissionDenied: the host is at an address that must not be
  // reached; kUnavailable, kDeadlineExceeded: nobody answered.
  virtual Result<base::HttpReply> post(const std::string& url, const std::string& body,
                                       const base::HttpClient::Headers& headers) = 0;
  // As base::send_mail(); says itself what is trusted, what may be reached and how long it takes.
  virtual Result<void> mail(base::MailServer server, const base::Mail& mail) = 0;
};

// A connection of its own for every post; redirects are not followed, and at most
// kReplyBytesMax of a reply are read.
class HttpSender final : public Sender {
 public:
  static constexpr std::size_t kReplyBytesMax = 64 << 10;

  HttpSender(UrlPolicy policy, std::int64_t timeout_seconds)
      : policy_(std::move(policy)), timeout_seconds_(timeout_seconds) {}
  Result<base::HttpReply> post(const std::string& url, const std::string& body,
                               const base::HttpClient::Headers& headers) override;
  Result<void> mail(base::MailServer server, const base::Mail& mail) override;

 private:
  const UrlPolicy policy_;
  const std::int64_t timeout_seconds_;
};

// kInvalidArgument: empty, another scheme than `policy` has, no host, or a host that stands for an
// address which is not public. A name that cannot be resolved now is accepted: every delivery
// checks the address that it connects to.
Result<void> check_url(const std::string& url, const UrlPolicy& policy);

}  // namespace slipway::webhooks
