// What got better or worse since an earlier drill.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/drill/score.h"

namespace slipway::cli {

// An earlier report, as `--out FILE.json` wrote it.
struct EarlierDrill {
  struct Fault {
    std::string name;
    double share = 1;
    base::Duration ramp;
    bool caught = false;
    std::optional<base::Duration> delay;
  };
  std::string grade;
  std::int64_t false_pages = 0;
  std::vector<Fault> faults;

  // kInvalidArgument: not a drill's report, or of another endpoint.
  static Result<EarlierDrill> read(std::string_view text, const std::string& endpoint);
};

// Sentences; faults that were played then and now with the same share and ramp are
// compared.
struct Trend {
  std::string grade_was;
  std::vector<std::string> better, worse;
  std::vector<std::string> not_compared;  // faults that one of the two didn't play, or differently

  JsonObject to_json() const;
};

Trend compare(const DrillReport& now, const EarlierDrill& earlier);

}  // namespace slipway::cli
