#include "pipelines/data_trigger.h"

#include "base/json.h"

namespace slipway::pipelines {
namespace {

constexpr std::size_t kEventsAtOnce = 100;

// What events of it are about; ending in '/': everything under it.
std::string subject_of(const DataTrigger& trigger) {
  if (!trigger.dataset.empty()) return "datasets/" + trigger.dataset + "/";
  return "models/" + trigger.model + (trigger.alias.empty() ? "/" : "");
}

}  // namespace

const char* DataTrigger::event_kind() const {
  if (!dataset.empty()) return "dataset.ingested";
  return alias.empty() ? "model_version.created" : "alias.moved";
}

std::optional<std::string> DataTrigger::version_in(const store::Event& event) const {
  if (event.kind != event_kind()) return std::nullopt;
  const std::string subject = subject_of(*this);
  if (alias.empty()) {
    const std::size_t slash = event.subject.rfind('/');
    if (event.subject.substr(0, slash + 1) != subject) return std::nullopt;
    return event.subject.substr(slash + 1);
  }
  if (event.subject != subject) return std::nullopt;
  const auto payload = base::parse_json_object(event.payload);
  if (!payload) return std::nullopt;  // erased
  const auto moved = base::get_string(*payload, "alias");
  const auto to = base::find_int(*payload, "to");
  if (!moved || *moved != alias || !to || !*to) return std::nullopt;
  return std::to_string(**to);
}

Result<std::optional<std::string>> first_version(store::Db& db, const DataTrigger& trigger,
                                                 std::int64_t sequence) {
  for (;;) {
    const auto events = TRY(store::list_events(db, {.subject = subject_of(trigger),
                                                    .kind = trigger.event_kind(),
                                                    .after = sequence,
                                                    .limit = kEventsAtOnce}));
    for (const store::Event& event : events) {
      if (auto version = trigger.version_in(event)) return version;
    }
    if (events.size() < kEventsAtOnce) return std::optional<std::string>();
    sequence = events.back().sequence;
  }
}

}  // namespace slipway::pipelines
