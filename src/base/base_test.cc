// What every other layer leans on: results, JSON readers, encodings, the pool, metrics.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/clock.h"
#include "base/hash.h"
#include "base/http_client.h"
#include "base/ip_address.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/passes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret_box.h"
#include "base/text.h"
#include "base/thread_pool.h"

namespace slipway::base {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return error(Code::kInvalidArgument, "odd: n={}", n);
  return n / 2;
}

Result<int> quarter(int n) { return TRY(half(TRY(half(n)))); }

TEST(Result, TryYieldsTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().message, "odd: n=3");
  EXPECT_EQ(quarter(6).error().code, Code::kInvalidArgument);
  EXPECT_EQ(error(Code::kNotFound, "x").with_context("room").message, "room: x");
}

TEST(Json, RefusesWhatIsNotJsonAndSaysWhere) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "{} x", "NaN", "\"\\u12\"", "{\"a\":1}}"}) {
    auto parsed = parse_json(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find("at byte"), std::string::npos) << text;
  }
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']')));
  EXPECT_TRUE(parse_json(" {\"a\": [1, 2.5, \"x\", null]} \n"));
  EXPECT_TRUE(parse_json("1.5"));
  for (const char* text : {"", " ", "1.5 x", "[1", "{\"a\"}", "nul"})
    EXPECT_FALSE(parse_json(text)) << text;
}

TEST(Json, ReadersNameTheMember) {
  const JsonObject object =
      parse_json_object(R"({"i":3,"f":3.0,"d":3.5,"s":"x","n":null,"b":true})").value();
  EXPECT_EQ(get_int(object, "i").value(), 3);
  EXPECT_EQ(get_int(object, "f").value(), 3);
  EXPECT_EQ(get_double(object, "i").value(), 3.0);
  EXPECT_EQ(find_string(object, "n").value(), std::nullopt);
  EXPECT_EQ(find_bool(object, "b").value(), true);
  EXPECT_EQ(get_string(object, "absent").error().message,
            "required member is missing: member=absent");
  EXPECT_EQ(get_int(object, "d").error().message,
            "member has the wrong type: member=d expected=integer got=double");
  EXPECT_FALSE(get_int(object, "s"));
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hash64("", 0), 0xEF46DB3751D8E999u);
  for (std::string text : {"", "a", "ab", "abc", "abcd"})
    EXPECT_EQ(from_base64(to_base64(text)).value(), text);
  EXPECT_FALSE(from_base64("a"));
  EXPECT_EQ(from_hex("00ff7A").value(), std::string("\x00\xff\x7a", 3));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Percent, RoundTripsAndRefusesBrokenEscapes) {
  const std::string text = "a b/c%ü+~";
  EXPECT_EQ(percent_decode(percent_encode(text)).value(), text);
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(percent_decode("%zz"));
}

TEST(ThreadPool, RefusesWhenFullAndFinishesWhatItTook) {
  std::atomic<int> done = 0;
  std::atomic<bool> go = false;
  {
    ThreadPool pool({.name = "test", .threads = 1, .queue_length_max = 1});
    std::atomic<bool> started = false;
    ASSERT_TRUE(pool.submit([&] {
      started = true;
      while (!go) std::this_thread::yield();
      ++done;
    }));
    while (!started) std::this_thread::yield();
    ASSERT_TRUE(pool.submit([&] { ++done; }));
    EXPECT_EQ(pool.submit([&] { ++done; }).error().code, Code::kResourceExhausted);
    go = true;
  }
  EXPECT_EQ(done, 2);
}

TEST(ThreadPool, WithoutThreadsRunsInline) {
  ThreadPool pool({.threads = 0});
  int done = 0;
  ASSERT_TRUE(pool.submit([&] { ++done; }));
  EXPECT_EQ(done, 1);
}

TEST(Metrics, PrometheusText) {
  Metrics metrics;
  metrics.counter("slipway_things_total", "Things.", {{"kind", "a\"b"}}).add(2);
  metrics.histogram("slipway_wait_seconds", "Wait.", {}, {0.1, 1}).observe(0.5);
  metrics.gauge("slipway_level", "Level.", [] { return 7.0; });
  metrics.gauges("slipway_ages", "Ages.", [] {
    return Metrics::Readings{{{{"view", "a"}}, 1.5}, {{{"view", "b"}}, 2}};
  });
  const std::string text = metrics.prometheus_text();
  EXPECT_NE(text.find("slipway_ages{view=\"a\"} 1.5\nslipway_ages{view=\"b\"} 2\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("slipway_things_total{kind=\"a\\\"b\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("slipway_wait_seconds_bucket{le=\"1\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("slipway_wait_seconds_count 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE slipway_level gauge\nslipway_level 7\n"), std::string::npos) << text;
}

TEST(IpAddress, OnlyTheInternetIsPublic) {
  const auto is_public = [](const char* text) {
    sockaddr_in v4{.sin_family = AF_INET};
    sockaddr_in6 v6{.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
      return is_public_address(reinterpret_cast<const sockaddr*>(&v4));
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    return is_public_address(reinterpret_cast<const sockaddr*>(&v6));
  };
  for (const char* text :
       {"1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.128.0.0", "11.0.0.0",
        "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"})
    EXPECT_TRUE(is_public(text)) << text;
  for (const char* text : {"0.0.0.0",      "10.0.0.1",         "100.64.0.1",
                           "127.0.0.1",    "127.255.255.255",  "169.254.169.254",
                           "172.16.0.1",   "172.31.255.255",   "192.0.0.1",
                           "192.168.1.1",  "198.18.0.1",       "203.0.113.9",
                           "224.0.0.1",    "255.255.255.255",  "::",
                           "::1",          "::ffff:127.0.0.1", "64:ff9b::a00:1",
                           "2002:a00:1::", "fc00::1",          "fd12::1",
                           "fe80::1",      "ff02::1",          "2001:db8::1",
                           "100::1"})
    EXPECT_FALSE(is_public(text)) << text;
  const sockaddr unix_socket{.sa_family = AF_UNIX, .sa_data = {}};
  EXPECT_FALSE(is_public_address(&unix_socket));
}

TEST(SecretBox, OpensWhatItSealed) {
  SeededRandom random(1);
  const SecretBox box("key", random), other("other key", random);
  for (const std::string& text : {std::string(), std::string("geheim"), std::string(5'000, 'x')}) {
    const std::string sealed = box.seal(text, "a");
    EXPECT_EQ(box.open(sealed, "a").value(), text);
    EXPECT_NE(box.seal(text, "a"), sealed);  // a nonce of its own
    EXPECT_EQ(box.open(sealed, "b").error().code, Code::kCorruption);
    EXPECT_EQ(other.open(sealed, "a").error().code, Code::kCorruption);
    std::string changed = sealed;
    changed[10] = changed[10] == 'A' ? 'B' : 'A';
    EXPECT_EQ(box.open(changed, "a").error().code, Code::kCorruption);
  }
  for (const char* text : {"", "v1:", "v1:!!", "v1:AAAA", "v2:AAAA"})
    EXPECT_EQ(box.open(text, "a").error().code, Code::kCorruption) << text;
}

TEST(Random, SeededRepeats) {
  SeededRandom a(1), b(1);
  EXPECT_EQ(a.hex(), b.hex());
  EXPECT_NE(SystemRandom().hex(), SystemRandom().hex());
}

// A metric came back with another last digit: one double in ten did.
TEST(Json, DoublesComeBackExactly) {
  SeededRandom random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<double>(random.next_u64());
    if (!std::isfinite(value)) continue;
    for (const std::string& text : {to_text(Json(value)), fmt::format("{:.17g}", value)}) {
      const Json read = MUST(parse_json(text));
      ASSERT_EQ(read.to_number<double>(), value) << text;
    }
  }
}

TEST(Text, OfAscii) {
  EXPECT_EQ(trimmed(" \t\r\n\v\f a b\n "), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("\xC2\xA0x"), "\xC2\xA0x");  // a space of Unicode's
  EXPECT_EQ(lowered("AZ[@`\xC3\x84 z"), "az[@`\xC3\x84 z");
}

TEST(PassesTest, GoOnUntilTheyAreStopped) {
  std::atomic<int> passes = 0;
  std::atomic<bool> stopping = false;
  Passes thread;
  thread.start({}, [&] {
    if (++passes == 3) stopping = true;
    while (passes == 3 && !thread.is_stopping()) std::this_thread::yield();
    return Duration{1};
  });
  while (!stopping) std::this_thread::yield();
  thread.stop();  // the third ends by it
  EXPECT_EQ(passes, 3);
  thread.stop();

  Passes later;
  later.start(Duration::hours(1), [&] {
    ++passes;
    return Duration{};
  });
  later.stop();  // before the first
  EXPECT_EQ(passes, 3);
}

}  // namespace
}  // namespace slipway::base
