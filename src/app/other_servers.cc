#include "app/other_servers.h"

#include "base/log.h"

namespace slipway::app {
namespace {

constexpr long kLookEveryMs = 200;

}  // namespace

OtherServers::~OtherServers() { stop(); }

void OtherServers::start(std::vector<Look> looks) {
  thread_ = std::thread([this, looks = std::move(looks)] { run(looks); });
}

void OtherServers::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void OtherServers::run(const std::vector<Look>& looks) {
  std::vector<bool> failing(looks.size());
  while (true) {
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const Result<void> done = looks[i].look();
      if (!done && !failing[i])
        base::log_warning("app", "other servers are not heard of: what={} {}", looks[i].what,
                          done.error().message);
      failing[i] = !done;
    }
    const base::MutexLock lock(mutex_);
    if (!stopping_) wake_.wait_for_ms(mutex_, kLookEveryMs);
    if (stopping_) return;
  }
}

}  // namespace slipway::app
