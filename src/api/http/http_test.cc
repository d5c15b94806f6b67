// The server over real sockets: keep-alive, pipelining, limits, bad input, files, draining.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "api/http/guard.h"
#include "api/http/openapi.h"
#include "api/http/reply_stream.h"
#include "api/http/server.h"
#include "base/actor.h"
#include "base/http_client.h"

namespace slipway::http {
namespace {

// What sinks have had.
struct Gathered {
  std::atomic<int> open{0};
  std::atomic<std::size_t> largest{0};
};

// Slow, and full after some pieces if it is to be.
class Gatherer final : public BodySink {
 public:
  Gatherer(Gathered& all, int full) : all_(all), full_(full) { ++all_.open; }
  ~Gatherer() override { --all_.open; }
  Result<void> write(std::string_view piece) override {
    if (++pieces_ == full_) return base::error(Code::kStorageFull, "no room");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(piece.find_first_not_of('z'), std::string_view::npos);
    bytes += piece.size();
    all_.largest = std::max(all_.largest.load(), piece.size());
    return {};
  }
  std::size_t bytes = 0;

 private:
  Gathered& all_;
  const int full_;
  int pieces_ = 0;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("slipway-http-" + random_.hex(6));
    std::filesystem::create_directories(folder_);
    router_.add(
        {.method = Method::kGet,
         .pattern = "/hello/{name}",
         .handler = [](const Request& r) { return Response::text("hello " + r.param("name")); },
         .lane = Lane::kInline});
    router_.add({.method = Method::kPost,
                 .pattern = "/echo",
                 .summary = "Sends the body back.",
                 .handler = [](const Request& r) { return Response::text(std::string(r.body)); },
                 .body_bytes_max = 1000,
                 .tag = "slipway"});
    router_.add({.method = Method::kPost,
                 .pattern = "/foreign",
                 .handler = [](const Request&) { return Response::text(""); },
                 .refuse =
                     [](const Request& r, const base::Error&) {
                       return Response::text("so sorry: " + std::string(r.path), 418);
                     },
                 .body_bytes_max = 10});
    router_.add({.method = Method::kGet, .pattern = "/query", .handler = [](const Request& r) {
                   return Response::text(r.query("a b").value_or("none") +
                                         std::to_string(r.query_all("x").size()));
                 }});
    router_.add({.method = Method::kGet,
                 .pattern = "/throw",
                 .handler = [](const Request&) -> Response { throw std::runtime_error("boom"); }});
    router_.add({.method = Method::kGet, .pattern = "/slow", .handler = [this](const Request&) {
                   while (!go_) std::this_thread::yield();
                   return Response::text("done");
                 }});
    router_.add(
        {.method = Method::kPost,
         .pattern = "/models/{model}",
         .handler =
             [this](const Request& r) {
               while (r.body == "wait" && !go_) std::this_thread::yield();
               return Response::text("scored");
             },
         .choose_lane =
             [](const Request& r) { return r.body == "quick" ? Lane::kInline : Lane::kScoring; },
         .queue = [](const Request& r) { return r.param("model"); },
         .refuse =
             [](const Request&, const base::Error& error) {
               return Response::text("full: " + error.message, 429);
             }});
    router_.add({.method = Method::kPut,
                 .pattern = "/files/{path*}",
                 .handler =
                     [this](const Request& r) {
                       std::filesystem::rename(r.body_file, folder_ / "kept");
                       return Response::text(r.param("path"));
                     },
                 .body = Route::Body::kFile});
    router_.add({.method = Method::kGet, .pattern = "/file", .handler = [this](const Request&) {
                   Response response = Response::text("");
                   response.file = FileBody{folder_ / "kept", 2,
                                            std::filesystem::file_size(folder_ / "kept") - 2};
                   return response;
                 }});
    router_.add({.method = Method::kGet, .pattern = "/big", .handler = [](const Request&) {
                   return Response::text(std::string(3'000'000, 'y'));
                 }});
    router_.add(
        {.method = Method::kPut,
         .pattern = "/sink",
         .handler =
             [](const Request& r) {
               return Response::text(std::to_string(static_cast<Gatherer&>(*r.body_sink).bytes));
             },
         .body = Route::Body::kFile,
         .open_sink = [this](const Request& r) -> Result<std::shared_ptr<BodySink>> {
           if (r.query("refused")) return base::error(Code::kInvalidArgument, "not there");
           std::shared_ptr<BodySink> sink =
               std::make_shared<Gatherer>(gathered_, std::stoi(r.query("full").value_or("0")));
           return sink;
         }});
    // 2,500,000 bytes in pieces; the source breaks off at the one that is asked for.
    router_.add({.method = Method::kGet, .pattern = "/stream", .handler = [](const Request& r) {
                   class Letters final : public BodySource {
                    public:
                     explicit Letters(int broken) : broken_(broken) {}
                     Result<std::size_t> read(std::span<char> out) override {
                       if (++pieces_ == broken_) return base::error(Code::kUnavailable, "gone");
                       std::fill(out.begin(), out.end(), static_cast<char>('a' + pieces_));
                       return out.size();
                     }

                    private:
                     const int broken_;
                     int pieces_ = 0;
                   };
                   Response response = Response::text("");
                   response.stream = StreamBody{
                       std::make_shared<Letters>(std::stoi(r.query("broken").value_or("0"))),
                       2'500'000};
                   return response;
                 }});
    // What the test writes, as it writes it.
    router_.add({.method = Method::kGet, .pattern = "/live", .handler = [this](const Request&) {
                   auto stream = std::make_shared<ReplyStream>(64 << 10);
                   stream->write("first");
                   live_.set_value(stream);
                   Response response = Response::text("");
                   response.stream = StreamBody{std::move(stream), std::nullopt};
                   return response;
                 }});
    server_ = std::make_unique<Server>(ServerOptions{.port = 0,
                                                     .data_threads = 2,
                                                     .scoring_threads = 2,
                                                     .scoring_threads_per_queue = 1,
                                                     .scoring_queue_length_max = 1,
                                                     .upload_folder = folder_},
                                       router_, metrics_, random_);
    ASSERT_TRUE(server_->start());
  }
  void TearDown() override {
    go_ = true;
    server_->stop();
    std::filesystem::remove_all(folder_);
  }

  base::HttpClient client() {
    return base::HttpClient({.base_url = "http://127.0.0.1:" + std::to_string(server_->port())});
  }

  // A connection that has sent raw bytes.
  int dial(const std::string& bytes) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    return fd;
  }

  // Sends raw bytes, in one or two pieces, returns everything until the server closes.
  enum class Between { kMoment, kReply };  // what happens before the second piece is sent
  std::string raw(const std::string& bytes, const std::string& more = {},
                  Between between = Between::kMoment) {
    const int fd = dial(bytes);
    std::string all;
    char buffer[4096];
    if (!more.empty()) {
      if (between == Between::kReply) {
        const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
        all.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
      } else {
        // Long enough for the server to see the first piece alone, nearly always; what it answers
        // doesn't depend on it.
        std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
      (void)::send(fd, more.data(), more.size(), MSG_NOSIGNAL);
    }
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
    return all;
  }

  std::atomic<bool> go_{false};
  Gathered gathered_;
  std::promise<std::weak_ptr<ReplyStream>> live_;
  std::filesystem::path folder_;
  base::SystemRandom random_;
  base::Metrics metrics_;
  Router router_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, RoutesAndDecodes) {
  auto http = client();
  EXPECT_EQ(http.send("GET", "/hello/a%20b")->body, "hello a b");
  EXPECT_EQ(http.send("GET", "/query?x=1&a+b=c%26d&x=2")->body, "c&d2");
  EXPECT_EQ(http.send("POST", "/echo", "abc")->body, "abc");
  EXPECT_EQ(http.send("GET", "/nope")->status, 404);
  const auto wrong = http.send("DELETE", "/echo").value();
  EXPECT_EQ(wrong.status, 405);
  EXPECT_NE(wrong.body.find("does not take this method"), std::string::npos);
  EXPECT_EQ(http.send("GET", "/hello/%zz")->status, 404);
  EXPECT_EQ(http.send("HEAD", "/hello/x")->status, 200);
  EXPECT_EQ(http.send("GET", "/throw")->status, 500);
}

TEST_F(ServerTest, RepliesFromElsewhereArriveWholeOrBroken) {
  auto http = client();
  for (int i = 0; i < 2; ++i) {  // the connection is kept
    const auto reply = http.send("GET", "/stream").value();
    EXPECT_EQ(reply.body.size(), 2'500'000u);
    EXPECT_EQ(reply.body.front(), 'b');
    EXPECT_GT(reply.body.back(), 'b');
  }
  EXPECT_EQ(http.send("HEAD", "/stream")->header("content-length"), "2500000");
  EXPECT_EQ(http.send("GET", "/hello/x")->body, "hello x");
  EXPECT_EQ(http.send("GET", "/stream?broken=2").error().code, Code::kUnavailable);
  EXPECT_EQ(client().send("GET", "/stream?broken=1").error().code, Code::kUnavailable);
}

TEST_F(ServerTest, WhatIsWrittenMeanwhileArrivesInChunks) {
  std::thread writer([this] {
    const auto stream = live_.get_future().get().lock();
    ASSERT_NE(stream, nullptr);
    while (!stream->is_drained()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(stream->write("second"));
    while (!stream->is_drained()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(stream->write(std::string(100'000, 'z')));  // more than may wait behind others
    stream->end();
    EXPECT_FALSE(stream->write("after the end"));
  });
  auto http = client();
  const auto reply = http.send("GET", "/live").value();
  writer.join();
  EXPECT_EQ(reply.header("transfer-encoding"), "chunked");
  EXPECT_EQ(reply.body, "firstsecond" + std::string(100'000, 'z'));
  EXPECT_EQ(http.send("GET", "/hello/x")->body, "hello x");  // the connection is kept
}

TEST_F(ServerTest, AReplyWithoutReaderOrWriterIsOver) {
  EXPECT_EQ(client().send("HEAD", "/live")->header("content-length"), "");
  EXPECT_TRUE(live_.get_future().get().expired());

  // A client that reads nothing: what waits for it is bounded.
  live_ = {};
  const int slow = dial("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::weak_ptr<ReplyStream> written = live_.get_future().get();
  std::size_t taken = 0;
  for (int refused = 0; refused < 200;) {
    const auto stream = written.lock();
    ASSERT_NE(stream, nullptr);
    if (stream->write(std::string(16'000, 'z'))) {
      taken += 16'000;
      refused = 0;
      ASSERT_LT(taken, 64u << 20);
    } else {
      ++refused;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ::close(slow);  // and a client that is gone is no reader
  for (int i = 0; i < 500 && !written.expired(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(written.expired());
}

TEST_F(ServerTest, DrainingEndsAReplyThatGoesOn) {
  std::thread stopper([this] {
    const auto stream = live_.get_future().get();
    server_->stop(5);
    EXPECT_TRUE(stream.expired());
  });
  const auto started = std::chrono::steady_clock::now();
  const auto reply = client().send("GET", "/live");
  stopper.join();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "first");  // whole: its last chunk has come
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(4));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const std::string replies =
      raw("GET /hello/1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: "
          "x\r\nContent-Length: 3\r\n\r\ntwo"
          "GET /hello/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto one = replies.find("hello 1"), two = replies.find("two"),
             three = replies.find("hello 3");
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_NE(three, std::string::npos) << replies;
}

TEST_F(ServerTest, ItDoesNotMatterWhereTheNetworkCuts) {
  const std::string requests =
      "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nth\r\n3;a=b\r\nree\r\n0\r\nT: 1\r\n\r\n"
      "PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour"
      "GET /hello/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string expected = raw(requests);
  for (const char* part : {"\r\n\r\ntwo", "\r\n\r\nthree", "\r\n\r\na", "\r\n\r\nhello 5"})
    EXPECT_NE(expected.find(part), std::string::npos) << expected;
  for (std::size_t cut = 1; cut < requests.size(); ++cut)
    ASSERT_EQ(raw(requests.substr(0, cut), requests.substr(cut)), expected) << cut;
}

TEST_F(ServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-Continue\r\n";
  EXPECT_TRUE(raw(head + "Content-Length: 3\r\n\r\n", "abc", Between::kReply)
                  .starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(raw(head + "Content-Length: 3\r\n\r\nabc").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(raw(head + "Content-Length: 1001\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST_F(ServerTest, OldClientsAreToldWhetherTheConnectionStays) {
  const std::string replies =
      raw("GET /hello/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello/2 HTTP/1.0\r\n\r\n");
  EXPECT_NE(replies.find("Connection: keep-alive\r\n\r\nhello 1"), std::string::npos) << replies;
  EXPECT_NE(replies.find("Connection: close\r\n\r\nhello 2"), std::string::npos) << replies;
}

TEST_F(ServerTest, UpgradesAreNotTaken) {
  EXPECT_TRUE(raw("GET /hello/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n"
                  "Upgrade: websocket\r\n\r\n")
                  .starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, ARefusedBodyDoesNotHideTheReply) {
  // More than the sockets hold: closing right away would reset the connection under the reply.
  const std::string reply =
      raw("POST /echo HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", std::string(1'000'000, 'a'));
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 413 ")) << reply;
}

TEST_F(ServerTest, ABodyGoesToItsSinkWhileItArrives) {
  const auto all_closed = [&] {
    for (int i = 0; i < 2000 && gathered_.open != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return gathered_.open == 0;
  };
  auto http = client();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{20'000'000}})
    EXPECT_EQ(http.send("PUT", "/sink", std::string(bytes, 'z'))->body, std::to_string(bytes));
  EXPECT_LT(gathered_.largest, 2u << 20);  // never all of it at once
  EXPECT_TRUE(raw("PUT /sink HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n",
                  "3\r\nzzz\r\n2\r\nzz\r\n0\r\n\r\n")
                  .ends_with("\r\n\r\n5"));
  EXPECT_TRUE(all_closed());
  const std::string head =
      "PUT /sink?full=2 HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n";
  EXPECT_TRUE(raw(head, std::string(20'000'000, 'z')).starts_with("HTTP/1.1 507 "));
  EXPECT_EQ(http.send("PUT", "/sink?refused=1", "z")->status, 400);
  const int gone = dial("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\nzz");
  while (gathered_.open == 0) std::this_thread::yield();
  ::close(gone);
  EXPECT_TRUE(all_closed());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));  // no file on the way
}

TEST_F(ServerTest, ARouteRefusesInItsOwnWords) {
  EXPECT_EQ(client().send("POST", "/foreign", std::string(11, 'a'))->body, "so sorry: /foreign");
  // The next request of a connection has no route when its head is bad.
  const std::string replies =
      raw("POST /foreign HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nNONSENSE\r\n\r\n");
  EXPECT_NE(replies.find("HTTP/1.1 400 "), std::string::npos) << replies;
  EXPECT_EQ(replies.find("so sorry"), std::string::npos) << replies;
}

TEST_F(ServerTest, LargeRepliesArriveWhole) {
  EXPECT_EQ(client().send("GET", "/big")->body, std::string(3'000'000, 'y'));
}

TEST_F(ServerTest, BadInputGetsAClearAnswerAndAClosedConnection) {
  EXPECT_TRUE(raw("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(raw("BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(raw("GET /x HTTP/1.1\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(
      raw("POST /echo HTTP/1.1\r\nContent-Length: 1001\r\n\r\n").starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(raw("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7D0\r\n" +
                  std::string(2000, 'a') + "\r\n0\r\n\r\n")
                  .starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(raw("POST /echo HTTP/1.1\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" +
                  std::string(1000, 'a'))
                  .starts_with("HTTP/1.1 200"));
}

TEST_F(ServerTest, StreamsFilesInAndOut) {
  auto http = client();
  std::string big(5'000'000, 'x');
  big.replace(0, 2, "ab");
  EXPECT_EQ(http.send("PUT", "/files/a/b%2Fc.bin", big)->body, "a/b/c.bin");
  EXPECT_EQ(http.send("GET", "/file")->body, big.substr(2));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}),
            1);  // no upload file left
}

TEST_F(ServerTest, AModelThatWaitsStopsNobodyElse) {
  const auto ask = [this](const char* model, const char* body) {
    return client().send("POST", std::string("/models/") + model, body);
  };
  // One runs and one waits; there is no room for a third.
  std::vector<std::future<Result<base::HttpReply>>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(std::async(std::launch::async, ask, "m", "wait"));
  std::size_t refused = 3;
  while (refused == 3) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (waiting[i].wait_for(std::chrono::milliseconds(5)) == std::future_status::ready)
        refused = i;
    }
  }
  const auto full = waiting[refused].get();
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->status, 429);
  EXPECT_NE(full->body.find("full: queue is full"), std::string::npos) << full->body;
  EXPECT_EQ(ask("other", "x")->body, "scored");  // on the pool
  EXPECT_EQ(ask("m", "quick")->body, "scored");  // inline
  go_ = true;
  for (std::size_t i = 0; i < 3; ++i) {
    if (i == refused) continue;
    EXPECT_EQ(waiting[i].get()->body, "scored");
  }
}

TEST_F(ServerTest, StopLetsARunningRequestFinish) {
  std::thread caller([&] {
    const auto reply = client().send("GET", "/slow");
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "done");
  });
  while (metrics_.prometheus_text().find("slipway_http_connections 1") == std::string::npos)
    std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::thread stopper([&] { server_->stop(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  go_ = true;
  caller.join();
  stopper.join();
  EXPECT_FALSE(client().send("GET", "/hello/x"));
}

// Knows "Bearer quick" at once, "Bearer slow" after thinking, and nobody else.
class TestGuard final : public Guard {
 public:
  bool recognize(Request& request) override {
    if (request.header("Authorization") != "Bearer quick") return false;
    request.user = "quick";
    return true;
  }
  std::optional<Response> check(const Route*, Request& request) override {
    if (request.header("Authorization") != "Bearer slow")
      return Response::text("who are you?", 401);
    request.user = "slow";
    return std::nullopt;
  }
};

TEST(GuardedServer, WhoAsksIsKnownBeforeTheBodyIsRead) {
  base::SystemRandom random;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("slipway-guard-" + random.hex(6));
  std::filesystem::create_directories(folder);
  base::Metrics metrics;
  TestGuard guard;
  Router router;
  router.set_guard(&guard);
  const auto who = [](const Request& r) {
    return Response::text(fmt::format("{} {} {}", r.user, base::acting_user(), r.body.size()));
  };
  router.add({.method = Method::kGet, .pattern = "/probe", .handler = who, .is_open = true});
  router.add(
      {.method = Method::kPost, .pattern = "/inline", .handler = who, .lane = Lane::kInline});
  router.add({.method = Method::kPost,
              .pattern = "/quick-only",
              .handler = who,
              .permit = [](const Request& r) -> std::optional<Response> {
                if (r.user == "quick") return std::nullopt;
                return Response::text("no", 403);
              }});
  router.add(
      {.method = Method::kPut, .pattern = "/file", .handler = who, .body = Route::Body::kFile});
  // It was asked when all of the body had been taken.
  std::atomic<int> opened = 0, asked = 0;
  router.add({.method = Method::kPut,
              .pattern = "/mine/{path*}",
              .handler = who,
              .body = Route::Body::kFile,
              .open_sink = [&](const Request&) -> Result<std::shared_ptr<BodySink>> {
                ++opened;
                return std::shared_ptr<BodySink>();
              },
              .permit = [&](const Request& r) -> std::optional<Response> {
                ++asked;
                if (r.param("path") == base::acting_user()) return std::nullopt;
                return Response::text("not yours", 403);
              }});
  Server server(ServerOptions{.port = 0,
                              .upload_folder = folder,
                              .path_prefix = "/behind",
                              .origin_policy = {.enabled = true}},
                router, metrics, random);
  ASSERT_TRUE(server.start());
  base::HttpClient http({.base_url = "http://127.0.0.1:" + std::to_string(server.port())});
  const auto send = [&](const char* method, const char* path, const char* token,
                        const std::string& body = "") {
    const base::HttpReply reply =
        http.send(method, path, body, {{"Authorization", std::string("Bearer ") + token}}).value();
    return fmt::format("{} {}", reply.status, reply.body);
  };
  EXPECT_EQ(send("GET", "/probe", "nobody"), "200   0");
  EXPECT_EQ(send("GET", "/behind/probe", "nobody"), "200   0");
  EXPECT_EQ(send("GET", "/behindprobe", "nobody"), "401 who are you?");
  EXPECT_EQ(send("GET", "/behindprobe", "quick").substr(0, 3), "404");
  EXPECT_EQ(send("DELETE", "/inline", "slow").substr(0, 3), "405");
  EXPECT_EQ(send("POST", "/inline", "quick", "abc"), "200 quick quick 3");
  EXPECT_EQ(send("POST", "/inline", "slow", "abc"), "200 slow slow 3");
  EXPECT_EQ(send("POST", "/inline", "nobody", "abc"), "401 who are you?");
  EXPECT_EQ(send("POST", "/quick-only", "quick"), "200 quick quick 0");
  EXPECT_EQ(send("POST", "/quick-only", "slow"), "403 no");
  const std::string big(3'000'000, 'x');
  EXPECT_EQ(send("PUT", "/file", "slow", big), "200 slow slow 0");
  EXPECT_EQ(send("PUT", "/file", "nobody", big), "401 who are you?");
  for (const char* user : {"quick", "slow"})
    EXPECT_EQ(send("PUT", "/mine/other", user, big), "403 not yours");
  EXPECT_EQ(send("PUT", "/mine/other", "nobody", big), "401 who are you?");
  EXPECT_EQ(opened, 0);
  EXPECT_EQ(send("PUT", "/mine/quick", "quick", big), "200 quick quick 0");
  EXPECT_EQ(send("PUT", "/mine/slow", "slow", big), "200 slow slow 0");
  EXPECT_EQ(opened, 2);
  EXPECT_EQ(asked, 4) << "once each";
  EXPECT_EQ(send("POST", "/inline", "quick", "abc"), "200 quick quick 3");  // goes on after that
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  const base::HttpReply foreign =
      http.send("POST", "/inline", "", {{"Origin", "http://evil.com"}}).value();
  EXPECT_EQ(foreign.status, 403);
  server.stop();
  std::filesystem::remove_all(folder);
}

TEST_F(ServerTest, PortInUseIsSaid) {
  Server second(ServerOptions{.port = server_->port()}, router_, metrics_, random_);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find(std::to_string(server_->port())), std::string::npos);
}

TEST_F(ServerTest, ManyClientsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      auto http = client();
      for (int i = 0; i < 200; ++i) {
        const auto reply = http.send("POST", "/echo", std::to_string(i));
        if (reply && reply->body == std::to_string(i)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 1600);
}

TEST(OpenApi, DescribesTaggedRoutes) {
  Router router;
  router.add({.method = Method::kPost,
              .pattern = "/slipway/v1/x/{name}/{path*}",
              .summary = "Does.",
              .handler = [](const Request&) { return Response(); },
              .tag = "slipway"});
  router.add({.method = Method::kGet,
              .pattern = "/other",
              .handler = [](const Request&) { return Response(); },
              .tag = "mlflow"});
  const std::string text = openapi(router, "slipway", "1");
  EXPECT_NE(text.find("/slipway/v1/x/{name}/{path}"), std::string::npos) << text;
  EXPECT_EQ(text.find("/other"), std::string::npos);
}

}  // namespace
}  // namespace slipway::http
