// What the loop promises beyond its server's tests.
#include "api/http/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace slipway::http {
namespace {

struct CountedSource final : EventLoop::Source {
  void on_ready(std::uint32_t) override { ++events; }
  int events = 0;
};

// A connection that was closed while a pipeline step was being started went on to get events: the
// new process holds the server's sockets until it becomes another program.
TEST(EventLoop, ASocketThatIsTakenOutGetsNoEventsThoughSomebodyElseHoldsIt) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  Descriptor ours(pair[0]);
  const Descriptor peer(pair[1]), held_elsewhere(::dup(pair[0]));
  EventLoop loop;
  ASSERT_TRUE(loop.open());
  CountedSource source;
  ASSERT_TRUE(loop.watch(ours.get(), EPOLLIN, EventLoop::Trigger::kLevel, source));
  loop.unwatch(ours.get());
  ours.close();
  ASSERT_EQ(::write(peer.get(), "x", 1), 1);
  loop.set_tick([&loop] { loop.stop(); });  // after the sockets of the turn
  loop.run();
  EXPECT_EQ(source.events, 0);
}

}  // namespace
}  // namespace slipway::http
