#include "cli/drill/outage.h"

#include <chrono>

#include "cli/table.h"

namespace slipway::cli {
namespace {

using base::Timestamp;

std::string last_before(const Recording& recording, Timestamp time) {
  const types::Column& events = *recording.requests.find(recording.event_time);
  std::optional<std::size_t> last;
  for (std::size_t row = 0; row < events.size(); ++row) {
    if (!events.is_valid(row) || recording.time(row) >= time) continue;
    if (!last || recording.time(row) >= recording.time(*last)) last = row;
  }
  return last ? recording.requests.find(recording.id)->strings[*last] : "";
}

}  // namespace

Outage::Outage(Server& server, Breakage breakage, const std::string& endpoint,
               const Recording& recording, const Dose& dose, const Tell& tell)
    : server_(server),
      breakage_(breakage),
      endpoint_(endpoint),
      last_request_(last_before(recording, dose.start)),
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
  const auto request =
      client.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {endpoint_, last_request_}));
  if (request) known.request = base::to_text(*request);
  known.clock = cell(member_at(TRY(client.get("/slipway/v1/clock")), "now"));
  const Json chain = TRY(client.get("/slipway/v1/events/verify"));
  known.events = member_at(chain, "events").to_number<std::int64_t>();
  return known;
}

Result<void> Outage::break_it() {
  before_ = TRY(acknowledged());
  if (breakage_ == Breakage::kServerDead) server_.kill();
  if (breakage_ == Breakage::kDiskFull) TRY(server_.let_write(false));
  state_ = State::kBroken;
  seen_.health_fails = !Client(server_.context()).fetch("/health");
  return {};
}

Result<void> Outage::mend() {
  const auto begin = std::chrono::steady_clock::now();
  if (breakage_ == Breakage::kServerDead) TRY(server_.start_again());
  if (breakage_ == Breakage::kDiskFull) TRY(server_.let_write(true));
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
