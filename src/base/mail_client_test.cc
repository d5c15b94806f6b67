#include "base/mail_client.h"

#include <gtest/gtest.h>

namespace slipway::base {
namespace {

Mail mail() {
  return {.from = "slipway@example.org",
          .to = {"ops@example.org", "dev@example.org"},
          .subject = "[critical] sale: log_loss opened",
          .text = "first\nsecond",
          .date = {1704675600LL * 1'000'000},
          .message_id = "1@slipway"};
}

TEST(MailText, PlainTextStaysReadable) {
  EXPECT_EQ(mail_text(mail()),
            "Date: Mon, 08 Jan 2024 01:00:00 +0000\r\nFrom: slipway@example.org\r\n"
            "To: ops@example.org,\r\n dev@example.org\r\n"
            "Subject: [critical] sale: log_loss opened\r\nMessage-ID: <1@slipway>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 7bit\r\n\r\nfirst\r\nsecond\r\n");
}

TEST(MailText, WhatIsNotAsciiIsEncodedAndNeverSplitsACharacter) {
  Mail wide = mail();
  wide.thread_id = "t@slipway";
  wide.text = "Größe";
  wide.subject.clear();
  for (int i = 0; i < 40; ++i) wide.subject += "ü";
  const std::string text = mail_text(wide);
  EXPECT_NE(text.find("References: <t@slipway>\r\n"), std::string::npos);
  EXPECT_NE(text.find("base64\r\n\r\nR3LDtsOfZQ0K\r\n"), std::string::npos) << text;
  // 44 bytes are 22 whole characters.
  EXPECT_NE(
      text.find("Subject: =?utf-8?B?w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7w"
                "=?=\r\n =?utf-8?B?"),
      std::string::npos)
      << text;
}

TEST(MailText, ALongLineIsEncoded) {
  Mail wide = mail();
  wide.text = std::string(999, 'x');
  EXPECT_NE(mail_text(wide).find("base64"), std::string::npos);
}

TEST(SendMail, WhoMustNotBeReachedIsNot) {
  const auto sent = send_mail(
      {.url = "smtp://127.0.0.1:1", .peers = HttpClient::Options::Peers::kPublic}, mail());
  EXPECT_EQ(sent.error().code, Code::kPermissionDenied);
  EXPECT_EQ(send_mail({.url = "smtp://127.0.0.1:1"}, mail()).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace slipway::base
