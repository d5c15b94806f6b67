#include "pipelines/notify.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

constexpr std::array<std::string_view, 5> kOccasions = {"failed", "refused", "succeeded", "waiting",
                                                        "late"};

const std::map<std::string, std::string_view, std::less<>> kScheduleOccasions = {
    {"schedule.not_started", "late"},
    {"schedule.late", "late"},
    {"schedule.missed", "late"},
    {"schedule.failed", "failed"}};

// Adds those of a JSON list that aren't there yet.
void add_routes(JsonArray& routes, const Json* more) {
  if (more == nullptr || !more->is_array()) return;
  for (const Json& route : more->get_array()) {
    if (std::find(routes.begin(), routes.end(), route) == routes.end()) routes.push_back(route);
  }
}

}  // namespace

Result<Notify> read_notify(const types::YamlNode& node) {
  Notify notify;
  for (const auto& [occasion, value] : TRY(node.entries())) {
    if (std::find(kOccasions.begin(), kOccasions.end(), occasion) == kOccasions.end()) {
      return value.error("nobody can hear of that: notify={} known={}", occasion,
                         fmt::join(kOccasions, ", "));
    }
    std::vector<std::string>& routes = notify[occasion];
    if (!value.is_list()) {
      routes.push_back(TRY(value.text()));
    } else {
      for (const types::YamlNode& route : TRY(value.list())) routes.push_back(TRY(route.text()));
    }
    if (routes.empty() || std::find(routes.begin(), routes.end(), "") != routes.end())
      return value.error("name the routes that hear of it: notify={}", occasion);
  }
  return notify;
}

std::string to_text(const Notify& notify) {
  JsonObject object;
  for (const auto& [occasion, routes] : notify)
    object[occasion] = JsonArray(routes.begin(), routes.end());
  return base::to_text(object);
}

Result<std::optional<JsonObject>> notice_of(store::Tx& tx, const std::string& pipeline,
                                            std::string_view occasion, JsonObject about) {
  const auto found =
      TRY(tx.find("SELECT notify, failing FROM pipeline_definitions WHERE name = ?", {pipeline},
                  [](const store::Row& row) { return std::pair(row.string(0), row.string(1)); }));
  std::optional<JsonObject> notice;
  if (!found) return notice;
  const auto declared = base::parse_json_object(found->first);
  JsonArray routes;
  if (declared) add_routes(routes, declared->if_contains(occasion));
  about["pipeline"] = pipeline;
  about["occasion"] = occasion;
  if (occasion == "succeeded" && !found->second.empty()) {
    about["occasion"] = "recovered";
    if (const auto failure = base::parse_json_object(found->second)) {
      add_routes(routes, failure->if_contains("routes"));
      const Json* since = failure->if_contains("failing_since");
      if (since == nullptr) since = failure->if_contains("time");
      if (since != nullptr) about["failing_since"] = *since;
    }
    TRY(tx.execute("UPDATE pipeline_definitions SET failing = '' WHERE name = ?", {pipeline}));
  }
  if (routes.empty()) return notice;
  if (occasion == "failed") {
    // Of the newest failure, but since when it fails and who has heard of it are of all.
    JsonArray heard = routes;
    if (const auto failure = base::parse_json_object(found->second)) {
      add_routes(heard, failure->if_contains("routes"));
      const Json* since = failure->if_contains("failing_since");
      if (since == nullptr) since = failure->if_contains("time");
      if (since != nullptr) about["failing_since"] = *since;
    }
    JsonObject kept = about;
    kept["routes"] = std::move(heard);
    const std::string text = base::to_text(kept);
    TRY(tx.execute("UPDATE pipeline_definitions SET failing = ? WHERE name = ?", {text, pipeline}));
  }
  about["routes"] = std::move(routes);
  notice = std::move(about);
  return notice;
}

Result<void> append_schedule_event(store::Tx& tx, const std::string& schedule, std::string kind,
                                   JsonObject payload, base::Timestamp event_time) {
  const auto occasion = kScheduleOccasions.find(kind);
  if (occasion != kScheduleOccasions.end()) {
    const auto definition =
        TRY(tx.find("SELECT definition FROM pipeline_schedules WHERE name = ?", {schedule},
                    [](const store::Row& row) { return row.string(0); }));
    const auto parsed = base::parse_json_object(definition.value_or(""));
    const Json* pipeline = parsed ? parsed->if_contains("pipeline") : nullptr;
    if (pipeline != nullptr && pipeline->is_string()) {
      JsonObject about = payload;
      about["schedule"] = schedule;
      about["time"] = types::to_rfc3339(event_time);
      about["what"] = kind;
      if (auto notice = TRY(notice_of(tx, std::string(std::string_view(pipeline->get_string())),
                                      occasion->second, std::move(about))))
        payload["notice"] = std::move(*notice);
    }
  }
  return tx.append_event({.kind = std::move(kind),
                          .subject = "schedules/" + schedule,
                          .payload = std::move(payload),
                          .event_time = event_time});
}

Result<std::vector<JsonObject>> failing(store::Db& db) {
  std::vector<JsonObject> notices;
  TRY(db.read([&](store::Reader& reader) {
    notices.clear();
    return reader.query(
        "SELECT failing FROM pipeline_definitions WHERE failing <> '' ORDER BY name", {},
        [&](const store::Row& row) {
          if (auto notice = base::parse_json_object(row.text(0)))
            notices.push_back(std::move(*notice));
        });
  }));
  return notices;
}

}  // namespace slipway::pipelines
