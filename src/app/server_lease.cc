#include "app/server_lease.h"

#include "base/log.h"

namespace slipway::app {
namespace {

constexpr int kBeatsInLease = 10;

}  // namespace

Result<void> ServerLease::begin(pipelines::ServerRecord server) {
  own_ = std::move(server);
  own_.started = clock_.now();
  next_beat_ = {};
  return table_.add(own_);
}

Result<void> ServerLease::look() {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_beat_) return {};
  if (!TRY(table_.beat(own_.id))) {
    base::log_warning("app", "the others had not heard of this server for {} s: it comes back",
                      options_.lease.count());
    own_.started = clock_.now();
    TRY(table_.add(own_));
  }
  if (own_.leads) TRY(remove_silent(now));
  next_beat_ = now + std::chrono::milliseconds(options_.lease) / kBeatsInLease;
  return {};
}

Result<void> ServerLease::remove_silent(SteadyTime now) {
  std::map<std::string, Heard> heard;
  for (const pipelines::ServerRecord& server : TRY(table_.all())) {
    const auto before = heard_.find(server.id);
    const bool is_news = before == heard_.end() || before->second.beat != server.beat;
    const Heard last = is_news ? Heard{.beat = server.beat, .at = now} : before->second;
    if (now - last.at <= options_.lease) {
      heard.emplace(server.id, last);
      continue;
    }
    base::log_warning("app", "a server has not been heard of for {} s: server={}",
                      options_.lease.count(), server.name);
    TRY(table_.remove_silent(server.id, server.beat));
  }
  heard_ = std::move(heard);
  return {};
}

void ServerLease::end() {
  if (const Result<void> gone = table_.remove(own_.id); !gone)
    base::log_warning("app", "the others hear later that this server has ended: {}",
                      gone.error().message);
}

}  // namespace slipway::app
