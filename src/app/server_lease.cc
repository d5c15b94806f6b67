#include "app/server_lease.h"

#include "base/log.h"
#include "pipelines/executor.h"

namespace slipway::app {
namespace {

constexpr int kBeatsInLease = 10;
constexpr int kBeatsMissed = 3;  // by one that nothing is given to any more

using SteadyClock = std::chrono::steady_clock;

std::int64_t steady_ms(SteadyClock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string mark_of(std::string_view variable, const std::string& value) {
  return fmt::format("{}={}", variable, value);
}

}  // namespace

Result<void> ServerLease::begin(pipelines::ServerRecord server, OnServers on_servers) {
  own_ = std::move(server);
  on_servers_ = std::move(on_servers);
  own_.id = pipelines::new_server_id(own_.name, random_);
  own_.started = clock_.now();
  if (!own_.folder.empty()) {
    for (const pipelines::ServerRecord& other : TRY(table_.all())) {
      if (other.name == own_.name || other.folder.empty() || other.folder == own_.folder) continue;
      return base::error(Code::kFailedPrecondition,
                         "setting pipelines-folder: it is not the folder of the other servers that "
                         "share steps: server={}",
                         other.name);
    }
    // What an earlier start of this server left: once its row is gone, others run it again. One
    // that runs yet doesn't tell how its steps end, which is killed here.
    TRY(table_.fence(own_.name));
    pipelines::ProcessExecutor().clean_up(mark_of(pipelines::kServerName, own_.name));
    guard_ = std::make_unique<pipelines::StepGuard>();
    TRY(guard_->start(mark_of(pipelines::kServerMark, own_.id), guard_limit()));
  }
  next_beat_ = {};
  heard_ms_ = steady_ms(SteadyClock::now());
  return table_.add(own_);
}

bool ServerLease::is_fresh() const {
  const auto limit = std::chrono::milliseconds(guard_limit()).count();
  return steady_ms(SteadyClock::now()) - heard_ms_ < limit;
}

Result<void> ServerLease::look() {
  const SteadyTime now = SteadyClock::now();
  if (now >= next_beat_) {
    if (!TRY(table_.beat(own_))) TRY(come_back());
    heard_ms_ = steady_ms(now);
    if (guard_) guard_->feed();
    next_beat_ = now + std::chrono::milliseconds(options_.lease) / kBeatsInLease;
  }
  return own_.leads ? look_at_others(now) : Result<void>();
}

Result<void> ServerLease::come_back() {
  if (own_.leads) {
    was_replaced_ = true;
    return base::error(Code::kFailedPrecondition, "another server has led since");
  }
  for (const pipelines::ServerRecord& other : TRY(table_.all())) {
    if (other.name != own_.name) continue;
    return base::error(Code::kAlreadyExists,
                       "another server of the database has this one's name (setting server-name): "
                       "name={} url={}",
                       other.name, other.url);
  }
  base::log_warning("app",
                    "the others had not heard of this server for {} s: it comes back: name={}",
                    options_.lease.count(), own_.name);
  own_.started = clock_.now();
  return table_.add(own_);
}

Result<void> ServerLease::look_at_others(SteadyTime now) {
  std::map<std::string, Heard> heard;
  std::vector<pipelines::ServerRecord> lately;
  for (const pipelines::ServerRecord& server : TRY(table_.all())) {
    const auto before = heard_.find(server.id);
    const bool is_news = before == heard_.end() || before->second.beat != server.beat;
    const Heard last = is_news ? Heard{.beat = server.beat, .at = now} : before->second;
    if (now - last.at > options_.lease) {
      base::log_warning("app", "a server has not been heard of for {} s: server={}",
                        options_.lease.count(), server.name);
      TRY(table_.remove_silent(server.id, server.beat));
      continue;
    }
    heard.emplace(server.id, last);
    if (now - last.at <= std::chrono::milliseconds(options_.lease) * kBeatsMissed / kBeatsInLease)
      lately.push_back(server);
  }
  heard_ = std::move(heard);
  on_servers_(lately);
  return {};
}

void ServerLease::end() {
  guard_.reset();
  if (const Result<void> gone = table_.remove(own_.id); !gone)
    base::log_warning("app", "the others hear later that this server has ended: {}",
                      gone.error().message);
}

}  // namespace slipway::app
