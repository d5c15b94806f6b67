// The rules of MLflow's security middleware, case by case.
#include "api/http/origin_policy.h"

#include <gtest/gtest.h>

namespace slipway::http {
namespace {

struct Ask {
  Method method = Method::kGet;
  std::string_view host = "localhost:5000", origin, path = "/api/2.0/mlflow/experiments/search";
  std::string_view site, preflight;
};

Request request_of(const Ask& ask) {
  Request request{.method = ask.method, .target = ask.path, .path = ask.path};
  if (!ask.host.empty()) request.headers.emplace_back("Host", ask.host);
  if (!ask.origin.empty()) request.headers.emplace_back("Origin", ask.origin);
  if (!ask.site.empty()) request.headers.emplace_back("Sec-Fetch-Site", ask.site);
  if (!ask.preflight.empty())
    request.headers.emplace_back("Access-Control-Request-Method", ask.preflight);
  return request;
}

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

TEST(OriginPolicy, WhoIsAnswered) {
  using enum Method;
  const OriginPolicy::Options plain{.enabled = true};
  const OriginPolicy::Options named{.enabled = true,
                                    .allowed_hosts = "mlflow.example.com, *.internal:8080",
                                    .allowed_origins = "https://app.example.com,https://*.lab.org"};
  const OriginPolicy::Options open{.enabled = true, .allowed_hosts = "*", .allowed_origins = "*"};
  const struct {
    const char* name;
    OriginPolicy::Options options;
    Ask ask;
    bool answered;
  } cases[] = {
      {"localhost", plain, {.host = "localhost:5000"}, true},
      {"LOCALHOST without port", plain, {.host = "LocalHost"}, true},
      {"loopback", plain, {.host = "127.0.0.1:80"}, true},
      {"loopback v6", plain, {.host = "[::1]:5000"}, true},
      {"private", plain, {.host = "10.1.2.3:5000"}, true},
      {"private", plain, {.host = "172.31.0.1"}, true},
      {"private", plain, {.host = "192.168.0.1"}, true},
      {"private v6", plain, {.host = "[fd00::1]:5000"}, true},
      {"not private", plain, {.host = "172.32.0.1"}, false},
      {"public", plain, {.host = "8.8.8.8"}, false},
      {"a name", plain, {.host = "evil.attacker.com:5000"}, false},
      {"a name that begins like an address", plain, {.host = "10.evil.com"}, false},
      {"no host", plain, {.host = ""}, false},
      {"a probe under any name", plain, {.host = "evil.com", .path = "/health"}, true},
      {"a probe under any name", plain, {.host = "evil.com", .path = "/version"}, true},
      {"named", named, {.host = "mlflow.example.com"}, true},
      {"named, with a port", named, {.host = "mlflow.example.com:8443"}, true},
      {"named by wildcard", named, {.host = "a.internal:8080"}, true},
      {"named by wildcard, another port", named, {.host = "a.internal:80"}, false},
      {"loopback although others are named", named, {.host = "127.0.0.1:5000"}, true},
      {"private is named no more", named, {.host = "10.1.2.3"}, false},
      {"any", open, {.host = "evil.com"}, true},

      {"a program", plain, {.method = kPost}, true},
      {"a foreign page reads", plain, {.method = kGet, .origin = "http://evil.com"}, true},
      {"a foreign page writes", plain, {.method = kPost, .origin = "http://evil.com"}, false},
      {"a foreign page deletes", plain, {.method = kDelete, .origin = "http://evil.com"}, false},
      {"a sandboxed page writes", plain, {.method = kPost, .origin = "null"}, false},
      {"a page of localhost", plain, {.method = kPost, .origin = "http://localhost:3000"}, true},
      {"a page of loopback v6", plain, {.method = kPut, .origin = "http://[::1]:3000"}, true},
      {"a name like localhost",
       plain,
       {.method = kPost, .origin = "http://localhost.evil.com"},
       false},
      {"our own page",
       named,
       {.method = kPost, .host = "mlflow.example.com", .origin = "https://mlflow.example.com"},
       true},
      {"an allowed page", named, {.method = kPost, .origin = "https://app.example.com"}, true},
      {"allowed by wildcard", named, {.method = kPatch, .origin = "https://x.lab.org"}, true},
      {"not allowed", named, {.method = kPost, .origin = "http://app.example.com"}, false},
      {"anybody's page", open, {.method = kPost, .origin = "http://evil.com"}, true},
      {"a form of another site", plain, {.method = kPost, .site = "cross-site"}, false},
      {"a form of our own", plain, {.method = kPost, .site = "same-origin"}, true},
      {"our own API too",
       plain,
       {.method = kPost, .origin = "http://evil.com", .path = "/slipway/v1/apply"},
       false},
      {"switched off",
       {},
       {.method = kPost, .host = "evil.com", .origin = "http://evil.com"},
       true},
  };
  for (const auto& c : cases) {
    const auto response = OriginPolicy(c.options).intercept(request_of(c.ask));
    EXPECT_EQ(!response, c.answered) << c.name;
    EXPECT_EQ(response ? response->status : 403, 403) << c.name;
  }
}

TEST(OriginPolicy, ABrowserIsToldWhatItMay) {
  const OriginPolicy policy({.enabled = true});
  const auto ask = [&](std::string_view origin) {
    return policy
        .intercept(request_of({.method = Method::kOptions, .origin = origin, .preflight = "POST"}))
        .value();
  };
  Response allowed = ask("http://localhost:3000");
  EXPECT_EQ(allowed.status, 204);
  EXPECT_NE(header_of(allowed, "Access-Control-Allow-Methods").find("POST"), std::string::npos);
  EXPECT_EQ(header_of(ask("http://evil.com"), "Access-Control-Allow-Methods"), "");
  EXPECT_FALSE(policy.intercept(request_of({.method = Method::kOptions})));
}

TEST(OriginPolicy, RepliesAreProtected) {
  const auto reply = [](const OriginPolicy::Options& options, std::string_view origin) {
    Response response;
    OriginPolicy(options).protect(request_of({.origin = origin}), response);
    return response;
  };
  const Response plain = reply({.enabled = true}, "");
  EXPECT_EQ(header_of(plain, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header_of(plain, "X-Frame-Options"), "SAMEORIGIN");
  EXPECT_EQ(header_of(plain, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(header_of(reply({.enabled = true, .frame_options = "none"}, ""), "X-Frame-Options"),
            "");
  EXPECT_EQ(header_of(reply({.enabled = true, .frame_options = "deny"}, ""), "X-Frame-Options"),
            "DENY");
  const Response local = reply({.enabled = true}, "http://localhost:3000");
  EXPECT_EQ(header_of(local, "Access-Control-Allow-Origin"), "http://localhost:3000");
  EXPECT_EQ(header_of(local, "Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(header_of(reply({.enabled = true}, "http://evil.com"), "Access-Control-Allow-Origin"),
            "");
  const Response any = reply({.enabled = true, .allowed_origins = "*"}, "http://evil.com");
  EXPECT_EQ(header_of(any, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(header_of(any, "Access-Control-Allow-Credentials"), "");
  EXPECT_TRUE(reply({}, "http://localhost").headers.empty());
}

}  // namespace
}  // namespace slipway::http
