// Lists and watches against an API server that says what a test wants.
#include "pipelines/kubernetes/job_watch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>

namespace slipway::pipelines {
namespace {

// Answers each connection once, in a thread of its own.
class FakeApi {
 public:
  using Answer = std::function<std::string(const std::string& path)>;  // a whole reply
  explicit FakeApi(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    CHECK(::listen(listener_, 16) == 0);
    CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int peer = ::accept(listener_, nullptr, nullptr); peer >= 0;
           peer = ::accept(listener_, nullptr, nullptr)) {
        serve(peer);
        ::close(peer);
      }
    });
  }
  ~FakeApi() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Cluster cluster() const {
    Cluster cluster;
    cluster.server = fmt::format("http://127.0.0.1:{}", port_);
    return cluster;
  }

 private:
  void serve(int peer) {
    std::string request;
    std::array<char, 4096> buffer;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::read(peer, buffer.data(), buffer.size());
      if (count <= 0) return;
      request.append(buffer.data(), static_cast<std::size_t>(count));
    }
    const std::size_t begin = request.find(' ') + 1;
    const std::string reply = answer_(request.substr(begin, request.find(' ', begin) - begin));
    for (std::size_t sent = 0; sent < reply.size();) {
      const ssize_t count = ::send(peer, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<std::size_t>(count);
    }
  }

  const Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

std::string reply(int status, const std::string& body) {
  return fmt::format("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", status,
                     body.size(), body);
}
std::string list(const std::string& version, const std::string& names) {
  std::string items;
  for (const char name : names)
    items += fmt::format(R"({}{{"metadata":{{"name":"{}"}}}})", items.empty() ? "" : ",", name);
  return reply(200, fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},"items":[{}]}})",
                                version, items));
}
std::string event(const std::string& type, char name, const std::string& version) {
  return fmt::format(
             R"({{"type":"{}","object":{{"metadata":{{"name":"{}","resourceVersion":"{}"}}}}}})",
             type, name, version) +
         "\n";
}

class JobWatchTest : public ::testing::Test {
 protected:
  std::string answer(const std::string& path) {
    if (path.find("/pods") != std::string::npos) {
      ::usleep(20'000);
      return path.find("watch=1") != std::string::npos ? reply(200, "") : list("1", "");
    }
    base::MutexLock lock(mutex_);
    asked_.push_back(path.find("watch=1") == std::string::npos
                         ? "list"
                         : path.substr(path.find("resourceVersion"), 18));
    if (answers_.empty()) {
      ::usleep(20'000);
      return reply(503, R"({"message":"not now"})");
    }
    std::string next = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return next;
  }
  static bool soon(const std::function<bool()>& is_so) {
    for (int i = 0; i < 2000 && !is_so(); ++i) ::usleep(5000);
    return is_so();
  }
  std::vector<std::string> asked(std::size_t count) {
    base::MutexLock lock(mutex_);
    return {asked_.begin(),
            asked_.begin() + static_cast<std::ptrdiff_t>(std::min(count, asked_.size()))};
  }

  base::Mutex mutex_;
  std::vector<std::string> answers_ GUARDED_BY(mutex_), asked_ GUARDED_BY(mutex_);
};

using Strings = std::vector<std::string>;

TEST_F(JobWatchTest, AWatchGoesOnFromWhereItWas) {
  answers_ = {list("10", "ab"), reply(200, event("ADDED", 'c', "11") + event("DELETED", 'a', "12")),
              reply(200, event("BOOKMARK", ' ', "20")), reply(500, "broken"),
              reply(200, event("MODIFIED", 'd', "21"))};
  FakeApi api([this](const std::string& path) { return answer(path); });
  const Cluster cluster = api.cluster();
  JobWatch watch(cluster, "default");
  ASSERT_TRUE(soon([&] { return watch.look("d").job.has_value(); }));
  EXPECT_FALSE(watch.look("a").job);
  EXPECT_TRUE(watch.look("b").job && watch.look("c").job);
  EXPECT_EQ(asked(5), (Strings{"list", "resourceVersion=10", "resourceVersion=12",
                               "resourceVersion=20", "resourceVersion=20"}));
}

TEST_F(JobWatchTest, WhatIsTooLongAgoIsListedAgain) {
  const std::string too_old =
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})";
  answers_ = {list("10", "ab"), reply(200, too_old + "\n"), list("30", "bc"),
              reply(410, R"({"kind":"Status","code":410,"message":"too old"})"), list("40", "d")};
  FakeApi api([this](const std::string& path) { return answer(path); });
  const Cluster cluster = api.cluster();
  JobWatch watch(cluster, "default");
  ASSERT_TRUE(soon([&] { return watch.look("d").job.has_value(); }));
  EXPECT_FALSE(watch.look("a").job || watch.look("b").job || watch.look("c").job);
  EXPECT_EQ(asked(5),
            (Strings{"list", "resourceVersion=10", "list", "resourceVersion=30", "list"}));
}

}  // namespace
}  // namespace slipway::pipelines
