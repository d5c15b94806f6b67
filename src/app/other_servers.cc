#include "app/other_servers.h"

#include "base/log.h"

namespace slipway::app {
namespace {

constexpr base::Duration kLookEvery{200'000};

}  // namespace

void OtherServers::start(std::vector<Look> looks) {
  std::vector<bool> failing(looks.size());
  passes_.start({}, [looks = std::move(looks), failing = std::move(failing)]() mutable {
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const Result<void> done = looks[i].look();
      if (!done && !failing[i])
        base::log_warning("app", "other servers are not heard of: what={} {}", looks[i].what,
                          done.error().message);
      failing[i] = !done;
    }
    return kLookEvery;
  });
}

}  // namespace slipway::app
