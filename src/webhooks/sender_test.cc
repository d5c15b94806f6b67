#include "webhooks/sender.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace slipway::webhooks {
namespace {

TEST(CheckUrl, SchemesAndHosts) {
  const UrlPolicy https;
  const UrlPolicy lenient{.schemes = {"http", "https"}, .private_addresses = true};
  EXPECT_TRUE(check_url("https://93.184.216.34/hook?x=1", https));
  EXPECT_TRUE(check_url("https://no-such-host.invalid/hook", https));  // perhaps later
  EXPECT_TRUE(check_url("http://localhost:8080/hook", lenient));
  EXPECT_TRUE(check_url("http://[::1]:8080/", lenient));
  struct Case {
    std::string_view url, message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", "Webhook URL cannot be empty or just whitespace"},
           {"   ", "Webhook URL cannot be empty or just whitespace"},
           {"ftp://example.com", "Invalid webhook URL scheme: 'ftp'"},
           {"http://example.com", "Invalid webhook URL scheme: 'http'"},
           {"example.com", "Invalid webhook URL scheme: ''"},
           {"http://[invalid", "Invalid webhook URL"},
           {"https://host:port/", "Invalid webhook URL"},
           {"https://a b/", "Invalid webhook URL"},
           {"https:///path", "Webhook URL must include a hostname"},
           {"https://127.0.0.1/", "Webhook URL must not resolve to a non-public"},
           {"https://localhost/", "Webhook URL must not resolve to a non-public"},
           {"https://user@10.1.2.3/", "Webhook URL must not resolve to a non-public"},
           {"https://127.1/", "Webhook URL must not resolve to a non-public"},
           {"https://2130706433/", "Webhook URL must not resolve to a non-public"},
           {"https://[::ffff:10.0.0.1]/", "Webhook URL must not resolve to a non-public"},
           {"https://169.254.169.254/latest", "Webhook URL must not resolve to a non-public"}}) {
    const auto checked = check_url(std::string(c.url), https);
    ASSERT_FALSE(checked) << c.url;
    EXPECT_EQ(checked.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(checked.error().message.starts_with(c.message)) << checked.error().message;
  }
}

// Whatever a name resolved to when the webhook was made, the connection itself is refused.
TEST(HttpSender, NeverConnectsToAPrivateAddress) {
  HttpSender sender({}, 2);
  for (const char* url : {"http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"}) {
    const auto reply = sender.post(url, "{}", {});
    ASSERT_FALSE(reply) << url;
    EXPECT_EQ(reply.error().code, Code::kPermissionDenied) << url << reply.error().message;
  }
  HttpSender lenient({.schemes = {"http"}, .private_addresses = true}, 2);
  EXPECT_EQ(lenient.post("http://127.0.0.1:1/", "{}", {}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace slipway::webhooks
