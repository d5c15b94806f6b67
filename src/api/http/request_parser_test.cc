// Heads and bodies as bytes: what is taken, what is refused and why, and that it doesn't matter
// where the network cuts.
#include "api/http/request_parser.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace slipway::http {
namespace {

Result<RequestHead> parse(const std::string& bytes, HeaderFields& fields) {
  std::size_t scanned = 0;
  const std::size_t end = TRY(find_head_end(bytes, scanned));
  if (end == 0) return base::error(Code::kInternal, "incomplete");
  return parse_head(std::string_view(bytes).substr(0, end), fields);
}

TEST(RequestParser, TakesHeads) {
  HeaderFields fields;
  const std::string bytes =
      "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nA:1\r\nb-C: \t two words \t\r\nEmpty:\r\n"
      "Content-Length: 12\r\nhigh: \xC3\xA4\r\n\r\nbody";
  const auto head = parse(bytes, fields);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/a/b?c=d");
  EXPECT_EQ(head->content_length, 12u);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->chunked);
  const HeaderFields expected = {{"Host", "x"},
                                 {"A", "1"},
                                 {"b-C", "two words"},
                                 {"Empty", ""},
                                 {"Content-Length", "12"},
                                 {"high", "\xC3\xA4"}};
  EXPECT_EQ(fields, expected);
}

TEST(RequestParser, KnowsWhetherTheConnectionStays) {
  const struct {
    const char* line;
    const char* connection;
    bool keep_alive;
  } cases[] = {{"HTTP/1.1", "", true},
               {"HTTP/1.1", "Connection: close\r\n", false},
               {"HTTP/1.1", "connection: TE, Close\r\n", false},
               {"HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false},
               {"HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n", true},
               {"HTTP/1.1", "Connection: closed\r\n", true},
               {"HTTP/1.0", "", false},
               {"HTTP/1.0", "Connection: Keep-Alive\r\n", true},
               {"HTTP/1.0", "Connection: keep-alive, close\r\n", false}};
  for (const auto& c : cases) {
    HeaderFields fields;
    const auto head =
        parse(std::string("GET / ") + c.line + "\r\n" + c.connection + "\r\n", fields);
    ASSERT_TRUE(head) << c.line << c.connection;
    EXPECT_EQ(head->keep_alive, c.keep_alive) << c.line << " " << c.connection;
  }
}

TEST(RequestParser, TargetsOfProxiesBecomeOurs) {
  const std::map<std::string, std::string> cases = {{"http://a:5000/b?c", "/b?c"},
                                                    {"HTTPS://a/b", "/b"},
                                                    {"http://a", "/"},
                                                    {"/http://a/b", "/http://a/b"},
                                                    {"*", "*"}};
  for (const auto& [sent, target] : cases) {
    HeaderFields fields;
    const std::string bytes = "GET " + sent + " HTTP/1.1\r\n\r\n";
    const auto head = parse(bytes, fields);
    ASSERT_TRUE(head) << sent;
    EXPECT_EQ(head->target, target);
  }
}

TEST(RequestParser, RefusesWithTheReason) {
  const std::string get = "GET / HTTP/1.1\r\n";
  std::string many;
  for (std::size_t i = 0; i <= kFieldsMax; ++i) many += "a: b\r\n";
  const struct {
    std::string bytes;
    const char* reason;
  } cases[] = {
      {"NONSENSE\r\n\r\n", "expected a method"},
      {"GET /\r\n\r\n", "expected a method"},
      {" / HTTP/1.1\r\n\r\n", "bad method"},
      {"G(T / HTTP/1.1\r\n\r\n", "bad method"},
      {"GET  HTTP/1.1\r\n\r\n", "bad target"},
      {"GET /a b HTTP/1.1\r\n\r\n", "bad target"},
      {std::string("GET /\0 HTTP/1.1\r\n\r\n", 19), "bad target"},
      {"GET /\x7F HTTP/1.1\r\n\r\n", "bad target"},
      {"GET / HTTP/2.0\r\n\r\n", "bad version"},
      {"GET / HTTP/1.10\r\n\r\n", "bad version"},
      {"GET / http/1.1\r\n\r\n", "bad version"},
      {"GET / HTTP/1.1 \r\n\r\n", "bad"},
      {"GET / HTTP/1.1\nHost: x\n\n", "a line feed without"},
      {get + "Host: x\n\r\n", "a line feed without"},
      {get + "a: b\rc\r\n\r\n", "bad value"},
      {get + "a: b\r\r\n\r\n", "bad value"},
      {get + std::string("a: \0\r\n\r\n", 8), "bad value"},
      {get + "a: b\r\n c\r\n\r\n", "a folded header field"},
      {get + "\ta: b\r\n\r\n", "a folded header field"},
      {get + "a : b\r\n\r\n", "bad name"},
      {get + ": b\r\n\r\n", "bad name"},
      {get + "a b: c\r\n\r\n", "bad name"},
      {get + "a\r\n\r\n", "a header field without a colon"},
      {get + many + "\r\n", "too many header fields"},
      {get + "Host: a\r\nhost: b\r\n\r\n", "more than one Host"},
      {get + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", "more than one Content-Length"},
      {get + "Content-Length: 1\r\ncontent-length: 2\r\n\r\n", "more than one Content-Length"},
      {get + "Content-Length: 1, 1\r\n\r\n", "bad Content-Length"},
      {get + "Content-Length: +1\r\n\r\n", "bad Content-Length"},
      {get + "Content-Length: -1\r\n\r\n", "bad Content-Length"},
      {get + "Content-Length: 0x1\r\n\r\n", "bad Content-Length"},
      {get + "Content-Length:\r\n\r\n", "bad Content-Length"},
      {get + "Content-Length: 18446744073709551616\r\n\r\n", "bad Content-Length"},
      {get + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "beside Content-Length"},
      {get + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", "beside Content-Length"},
      {get + "Transfer-Encoding: gzip, chunked\r\n\r\n", "other than chunked"},
      {get + "Transfer-Encoding: identity\r\n\r\n", "other than chunked"},
      {get + "Transfer-Encoding: \x0B"
             "chunked\r\n\r\n",
       "bad value"},
      {get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       "more than one Transfer-Encoding"},
      {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "in HTTP/1.0"},
  };
  for (const auto& c : cases) {
    HeaderFields fields;
    const auto head = parse(c.bytes, fields);
    ASSERT_FALSE(head) << c.bytes;
    EXPECT_EQ(head.error().code, Code::kInvalidArgument) << c.bytes;
    EXPECT_NE(head.error().message.find(c.reason), std::string::npos)
        << c.bytes << head.error().message;
  }
}

TEST(RequestParser, FindsTheEndWhereverTheNetworkCuts) {
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes = head + "GET /second";
  std::size_t scanned = 0;
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const auto end = find_head_end(std::string_view(bytes).substr(0, n), scanned);
    ASSERT_TRUE(end);
    ASSERT_EQ(*end, n < head.size() ? 0 : head.size()) << n;
    if (*end != 0) return;
  }
}

// The body as it comes out when the input comes in pieces of `step` bytes; and what was left over.
Result<std::pair<std::string, std::string>> unframe(RequestHead head, std::string_view bytes,
                                                    std::size_t step) {
  BodyFraming framing(head);
  std::string body;
  while (!bytes.empty() && !framing.done()) {
    std::string_view input = bytes.substr(0, step);
    const std::size_t given = input.size();
    while (!input.empty() && !framing.done()) body += TRY(framing.next(input));
    bytes.remove_prefix(given - input.size());
  }
  if (!framing.done()) return base::error(Code::kInternal, "incomplete");
  return std::pair(body, std::string(bytes));
}

TEST(BodyFraming, CutsBodiesOutOfTheStream) {
  const std::string long_chunk(300, 'x');
  const struct {
    std::optional<std::uint64_t> length;
    std::string bytes, body;
  } cases[] = {{3, "abc", "abc"},
               {{}, "0\r\n\r\n", ""},
               {{}, "3\r\nabc\r\n0\r\n\r\n", "abc"},
               {{}, "1\r\na\r\n02;x=\"y\"\r\nbc\r\n000\r\nTrailer: 1\r\nB: 2\r\n\r\n", "abc"},
               {{}, "3 \r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r"},
               {{}, "12C\r\n" + long_chunk + "\r\n0\r\n\r\n", long_chunk}};
  for (const auto& c : cases) {
    for (std::size_t step = 1; step <= c.bytes.size() + 4; ++step) {
      const auto got =
          unframe({.content_length = c.length, .chunked = !c.length}, c.bytes + "NEXT", step);
      ASSERT_TRUE(got) << c.bytes << got.error().message;
      EXPECT_EQ(got->first, c.body);
      EXPECT_EQ(got->second, "NEXT") << step;
    }
  }
}

TEST(BodyFraming, RefusesBrokenChunks) {
  for (const std::string& bytes :
       {std::string("\r\n"), std::string("g\r\n"), std::string("-1\r\na"), std::string("0x1\r\na"),
        std::string("1\na\r\n0\r\n\r\n"), std::string("1\r\nab\r\n0\r\n\r\n"),
        std::string("1\r\na\n0\r\n\r\n"), std::string("1000000000000000\r\n"),
        std::string("1;a\nb\r\n"), std::string("1;\r\r\na"), std::string("0\r\n a: b\r\n\r\n"),
        std::string("0\r\na: b\nc: d\r\n\r\n"), std::string("0\r\n\rx"),
        "1;" + std::string(kChunkLineBytesMax + 1, 'a'),
        "0\r\na: " + std::string(kTrailerBytesMax, 'a')}) {
    const auto got = unframe({.chunked = true}, bytes, bytes.size());
    ASSERT_FALSE(got) << bytes;
    EXPECT_EQ(got.error().code, Code::kInvalidArgument) << bytes << got.error().message;
  }
}

}  // namespace
}  // namespace slipway::http
