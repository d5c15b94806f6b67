#include "cli/drill/outage.h"

#include <chrono>
#include <thread>

#include "cli/table.h"

namespace slipway::cli {
namespace {

using base::Timestamp;

constexpr const char* kFaults = "/slipway/v1/faults";
constexpr auto kMendTime = std::chrono::seconds(60);
constexpr auto kLookEvery = std::chrono::milliseconds(20);

std::optional<std::size_t> last_before(const Recording& recording, Timestamp time) {
  const types::Column& events = *recording.requests.find(recording.event_time);
  std::optional<std::size_t> last;
  for (std::size_t row = 0; row < events.size(); ++row) {
    if (!events.is_valid(row) || recording.time(row) >= time) continue;
    if (!last || recording.time(row) >= recording.time(*last)) last = row;
  }
  return last;
}

}  // namespace

Outage::Outage(Server& server, Breakage breakage, const std::string& endpoint,
               const Recording& recording, const Dose& dose, const Tell& tell)
    : server_(server),
      breakage_(breakage),
      endpoint_(endpoint),
      recording_(recording),
      last_row_(last_before(recording, dose.start)),
      dose_(dose),
      tell_(tell) {}

Result<void> Outage::at(Timestamp now) {
  if (state_ == State::kBefore && now >= dose_.start) return break_it();
  if (state_ == State::kBroken && now >= dose_.start + kOutage) return mend();
  return {};
}

Result<OutageSeen> Outage::end() {
  if (state_ == State::kBroken) TRY(mend());
  return seen_;
}

// Asking for a request writes the log of requests: what an endpoint without `durable` may lose is
// the second before, and how many come in a second is the machine's affair.
Result<Outage::Acknowledged> Outage::acknowledged() {
  Client client(server_.context());
  Acknowledged known;
  if (last_row_) {
    const std::string& id = recording_.requests.find(recording_.id)->strings[*last_row_];
    const auto request =
        client.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {endpoint_, id}));
    // Without its outcome, which may come meanwhile.
    if (request) known.request = base::to_text(member_at(*request, "request"));
  }
  known.clock = cell(member_at(TRY(client.get("/slipway/v1/clock")), "now"));
  const Json chain = TRY(client.get("/slipway/v1/events/verify"));
  known.events = member_at(chain, "events").to_number<std::int64_t>();
  return known;
}

Result<void> Outage::break_it() {
  before_ = TRY(acknowledged());
  Client client(server_.context());
  switch (breakage_) {
    case Breakage::kServerDead:
      server_.kill();
      break;
    case Breakage::kDiskFull:
      TRY(server_.let_write(false));
      break;
    case Breakage::kStoreGone:
      TRY(client.send("PUT", kFaults, {{"online_store_gone", true}}));
      break;
    case Breakage::kAnswersLate:
      TRY(client.send("PUT", kFaults, {{"late_ms", kAnswerDelay.micros / 1000}}));
      break;
    case Breakage::kAnswersFail:
      TRY(client.send("PUT", kFaults, {{"failing_share", kFailingShare * dose_.share}}));
      break;
    case Breakage::kWorkersDead:
      workers_.emplace(server_.process(), server_.worker_program());
      break;
  }
  state_ = State::kBroken;
  seen_.health_fails = !Client(server_.context()).fetch("/health");
  return {};
}

Result<void> Outage::mend_it() {
  if (breakage_ == Breakage::kServerDead) return server_.start_again();
  if (breakage_ == Breakage::kDiskFull) return server_.let_write(true);
  if (breakage_ == Breakage::kWorkersDead) {
    workers_.reset();
    return wait_for_answers();
  }
  // A store that was away is brought what it missed first.
  Client client(server_.context());
  const auto end = std::chrono::steady_clock::now() + kMendTime;
  while (!member_at(TRY(client.send("PUT", kFaults, JsonObject())), "online_store_answers")
              .as_bool()) {
    if (std::chrono::steady_clock::now() > end)
      return base::error(Code::kUnavailable, "the feature store of the copy does not come back");
    std::this_thread::sleep_for(kLookEvery);
  }
  return {};
}

// A process that has died again and again is not started again at once.
Result<void> Outage::wait_for_answers() {
  if (!last_row_) return {};
  Client client(server_.context());
  const std::string body = infer_body(recording_, *last_row_, {.id = "drill", .traffic = "drill"});
  const auto end = std::chrono::steady_clock::now() + kMendTime;
  for (;;) {
    const auto answered = client.post_text(path_of("/v2/models/{}/infer", {endpoint_}), body);
    if (answered) return {};
    if (std::chrono::steady_clock::now() > end) return answered.error();
    std::this_thread::sleep_for(kLookEvery);
  }
}

Result<void> Outage::mend() {
  const auto begin = std::chrono::steady_clock::now();
  TRY(mend_it());
  state_ = State::kMended;
  const Acknowledged after = TRY(acknowledged());
  tell_(
      fmt::format("well again after {:.1f} s",
                  std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()));
  if (after.clock < before_.clock) seen_.lost.push_back("the event clock");
  if (after.events < before_.events) seen_.lost.push_back("events");
  if (after.request != before_.request) seen_.lost.push_back("the last request");
  return {};
}

}  // namespace slipway::cli
