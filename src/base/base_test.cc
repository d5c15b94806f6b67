// What every other layer leans on: results, JSON readers, encodings, the pool, metrics.
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
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
  const std::string text = metrics.prometheus_text();
  EXPECT_NE(text.find("slipway_things_total{kind=\"a\\\"b\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("slipway_wait_seconds_bucket{le=\"1\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("slipway_wait_seconds_count 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE slipway_level gauge\nslipway_level 7\n"), std::string::npos) << text;
}

TEST(Random, SeededRepeats) {
  SeededRandom a(1), b(1);
  EXPECT_EQ(a.hex(), b.hex());
  EXPECT_NE(SystemRandom().hex(), SystemRandom().hex());
}

}  // namespace
}  // namespace slipway::base
