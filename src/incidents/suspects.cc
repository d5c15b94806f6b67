#include "incidents/suspects.h"

#include <algorithm>
#include <cmath>

namespace slipway::incidents {

std::string roughly(base::Duration duration) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86'400, "day"}, {3'600, "hour"}, {60, "minute"}, {1, "second"}};
  const std::int64_t seconds = duration.micros / 1'000'000;
  for (const Unit& unit : kUnits) {
    // 36 hours say more than a day, 90 minutes more than an hour.
    if (seconds < 2 * unit.seconds && unit.seconds > 1) continue;
    const std::int64_t count = (seconds + unit.seconds / 2) / unit.seconds;
    return fmt::format("{} {}{}", count, unit.name, count == 1 ? "" : "s");
  }
  return "";
}

std::vector<Suspect> rank_suspects(const std::vector<Entry>& entries, const Onset& onset) {
  std::vector<Suspect> suspects;
  for (const Entry& entry : entries) {
    if (entry.weight <= 0 || entry.time >= std::max(onset.bad_until, onset.bad_since)) continue;
    if (entry.time < onset.bad_since - onset.look_back) continue;
    const base::Duration before = onset.bad_since - entry.time;
    const double days =
        std::max<double>(0, static_cast<double>(before.micros)) / base::Duration::days(1).micros;
    Suspect suspect{.entry = entry, .score = entry.weight * std::exp2(-days)};
    suspect.why = before.micros > 0 ? roughly(before) + " before the first bad window"
                                    : "inside the first bad window";
    suspects.push_back(std::move(suspect));
  }
  std::sort(suspects.begin(), suspects.end(), [](const Suspect& a, const Suspect& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.entry.time > b.entry.time;
  });
  return suspects;
}

JsonObject Suspect::to_json() const {
  JsonObject object = entry.to_json();
  object["score"] = score;
  object["why"] = why;
  return object;
}

}  // namespace slipway::incidents
