// paced HOST PORT PATH BODIES RATE SECONDS CONNECTIONS
//
// POSTs the lines of BODIES in turn, as JSON, at times nobody agreed on: gaps between requests are
// exponential (a Poisson process of RATE a second), so that there are lulls and crowds as with real
// users. A request's time runs from when it was due, also while all connections are busy, so that a
// server that stops makes every request late that should have come meanwhile. The first tenth warms
// up and is not counted. Prints one line of JSON.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "paced: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

struct Connection {
  int socket = -1;
  Clock::time_point due;
  std::string reply;
  std::size_t whole = 0;  // bytes of the reply; 0: not known yet
};

int connect_to(const char* host, int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("the host must be an IPv4 address");
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

std::vector<std::string> requests_of(const char* host, const char* path, const char* file) {
  std::vector<std::string> requests;
  std::ifstream in(file);
  for (std::string body; std::getline(in, body);) {
    requests.push_back("POST " + std::string(path) + " HTTP/1.1\r\nHost: " + host +
                       "\r\nContent-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  if (requests.empty()) fail(file);
  return requests;
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// Reads what is there. Whether the reply is whole; ends the program when it is not of status 200.
bool receive(Connection& at) {
  static char room[1 << 18];
  const ssize_t got = ::recv(at.socket, room, sizeof room, 0);
  if (got <= 0) fail("the server closed a connection");
  at.reply.append(room, static_cast<std::size_t>(got));
  if (at.whole == 0) {
    const std::size_t head = at.reply.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::string text = at.reply.substr(0, head);
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::size_t length = text.find("content-length:");
    if (!text.starts_with("http/1.1 200") || length == std::string::npos) {
      std::fprintf(stderr, "paced: no reply of status 200 and a stated length: %.500s\n",
                   at.reply.c_str());
      std::exit(1);
    }
    at.whole = head + 4 + std::strtoul(text.c_str() + length + 15, nullptr, 10);
  }
  return at.reply.size() >= at.whole;
}

}  // namespace

int main(int count, char** words) {
  if (count != 8) {
    std::fprintf(stderr, "paced HOST PORT PATH BODIES RATE SECONDS CONNECTIONS\n");
    return 2;
  }
  const std::vector<std::string> requests = requests_of(words[1], words[3], words[4]);
  const double rate = std::atof(words[5]), seconds = std::atof(words[6]);
  std::vector<Connection> connections(static_cast<std::size_t>(std::atoi(words[7])));
  const int events = epoll_create1(0);
  std::vector<Connection*> idle;
  for (Connection& one : connections) {
    one.socket = connect_to(words[1], std::atoi(words[2]));
    epoll_event wanted{.events = EPOLLIN, .data = {.ptr = &one}};
    if (epoll_ctl(events, EPOLL_CTL_ADD, one.socket, &wanted) != 0) fail("epoll_ctl");
    idle.push_back(&one);
  }

  std::mt19937_64 random(7);
  std::exponential_distribution<double> gap(rate);
  const auto after = [](Clock::time_point time, double s) {
    return time + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  const Clock::time_point begin = Clock::now(), counted = after(begin, seconds / 10),
                          end = after(begin, seconds * 1.1);
  Clock::time_point next = after(begin, gap(random));
  std::deque<Clock::time_point> waiting;
  std::vector<double> took;
  std::size_t sent = 0, answered = 0;
  while (next < end || answered < sent || !waiting.empty()) {
    const Clock::time_point now = Clock::now();
    for (; next < end && next <= now; next = after(next, gap(random))) waiting.push_back(next);
    for (; !waiting.empty() && !idle.empty(); waiting.pop_front(), idle.pop_back()) {
      Connection& one = *idle.back();
      one.due = waiting.front();
      one.whole = 0;
      one.reply.clear();
      send_all(one.socket, requests[sent++ % requests.size()]);
    }
    const auto left = std::chrono::nanoseconds(
        next < end ? std::max(next - Clock::now(), Clock::duration{}) : std::chrono::seconds(1));
    const timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    epoll_event ready[64];
    const int found = epoll_pwait2(events, ready, 64, &wait, nullptr);
    for (int i = 0; i < found; ++i) {
      Connection& one = *static_cast<Connection*>(ready[i].data.ptr);
      if (!receive(one)) continue;
      ++answered;
      if (one.due >= counted) took.push_back(Micros(Clock::now() - one.due).count());
      idle.push_back(&one);
    }
  }
  if (took.empty()) fail("no request was counted");
  std::ranges::sort(took);
  std::printf("{\"rps\": %.1f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f}\n",
              static_cast<double>(took.size()) / seconds, took[took.size() / 2],
              took[took.size() * 99 / 100], took.back());
}
