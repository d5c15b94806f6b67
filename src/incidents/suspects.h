// What changed before an incident, the likeliest first. A pure function.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "incidents/time_line.h"

namespace slipway::incidents {

struct Suspect {
  Entry entry;
  double score = 0;  // 0..1
  std::string why;   // "3 hours before the first bad window"

  JsonObject to_json() const;
};

// Where the trouble began.
struct Onset {
  base::Timestamp bad_since;  // the first bad window's start
  base::Timestamp bad_until;  // its end: what happened after it caused nothing
  base::Duration look_back;   // what is older isn't looked at
};

// score = weight x 2^(-days before bad_since); inside the first bad window: the weight itself.
// Equal scores: the later first.
std::vector<Suspect> rank_suspects(const std::vector<Entry>& entries, const Onset& onset);

// "3 hours", "2 days": for people.
std::string roughly(base::Duration duration);

}  // namespace slipway::incidents
