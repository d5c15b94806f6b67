#include "webhooks/route.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace slipway::webhooks {
namespace {

TEST(Routes, AreReadWithTheirKind) {
  const auto routes = MUST(parse_routes(R"(
routes:
  oncall: {slack: "https://hooks.example.org/x"}
  hook: {webhook: "https://example.org", secret: s}
  am: {alertmanager: "https://am.example.org"}
)"));
  ASSERT_EQ(routes.size(), 3u);
  EXPECT_EQ(routes[0].format, Format::kSlack);
  EXPECT_EQ(routes[1].secret, "s");
  EXPECT_EQ(address_of(routes[2].format, routes[2].url), "https://am.example.org/api/v2/alerts");
  EXPECT_TRUE(MUST(parse_routes("project: x")).empty());
}

TEST(Routes, MistakesHaveTheirPlace) {
  for (const char* wrong : {"routes:\n  a: {}", "routes:\n  a: {slack: x, webhook: y}",
                            "routes:\n  a: {slack: x, secret: y}", "routes:\n  a: {sms: x}",
                            "routes:\n  a: {slack: \"${HOME}\"}",
                            "routes:\n  a: {slack: \"https://x.org/${SLIPWAY_ROUTE_X}\"}"}) {
    const auto routes = parse_routes(wrong);
    ASSERT_FALSE(routes) << wrong;
    EXPECT_NE(routes.error().message.find("line 2"), std::string::npos) << routes.error().message;
  }
}

TEST(Routes, SecretsAreVariablesOfTheServer) {
  ::setenv("SLIPWAY_ROUTE_TEST", "https://example.org/key", 1);
  EXPECT_EQ(MUST(resolve_reference("${SLIPWAY_ROUTE_TEST}")), "https://example.org/key");
  EXPECT_EQ(MUST(resolve_reference("plain")), "plain");
  EXPECT_EQ(resolve_reference("${PATH}").error().code, Code::kInvalidArgument);
  EXPECT_EQ(resolve_reference("${SLIPWAY_ROUTE_TEST").error().code, Code::kInvalidArgument);
  ::unsetenv("SLIPWAY_ROUTE_TEST");
  EXPECT_EQ(resolve_reference("${SLIPWAY_ROUTE_TEST}").error().code, Code::kFailedPrecondition);
}

TEST(Routes, AMailNeedsItsServerAndAPasswordItsTls) {
  const auto routes = MUST(parse_routes(R"(
routes:
  plain: {email: ops@example.org, from: slipway@example.org, smtp: "smtp://mail.example.org", tls: none}
  login: {email: [a@x.org, b@x.org], from: s@x.org, smtp: "smtps://x.org:465", user: u, password: "${SLIPWAY_ROUTE_P}"}
)"));
  EXPECT_FALSE(routes[0].mail.needs_tls);
  const Route& login = routes[1];
  EXPECT_EQ(login.format, Format::kEmail);
  EXPECT_EQ(login.mail.to, (std::vector<std::string>{"a@x.org", "b@x.org"}));
  EXPECT_EQ(login.secret, "${SLIPWAY_ROUTE_P}");
  EXPECT_TRUE(login.mail.needs_tls);
  EXPECT_EQ(MailOptions::from_text(base::to_text(login.mail.to_json())), login.mail);
  EXPECT_EQ(MailOptions::from_text(""), MailOptions());
  const std::string rest = "from: s@x.org, smtp: \"smtp://x.org\"";
  for (const std::string& wrong :
       {std::string("email: a@x.org, from: s@x.org"), "email: a@x.org, " + rest + ", user: u",
        "email: a@x.org, " + rest + ", user: u, password: p, tls: none",
        "email: a@x.org, " + rest + ", tls: perhaps", "email: [], " + rest,
        "email: \"a@x.org\\nBcc: b@x.org\", " + rest, "email: nobody, " + rest,
        std::string("email: a@x.org, from: s@x.org, smtp: \"http://x.org\""),
        std::string("slack: x, from: s@x.org")}) {
    EXPECT_FALSE(parse_routes("routes:\n  a: {" + wrong + "}")) << wrong;
  }
}

}  // namespace
}  // namespace slipway::webhooks
