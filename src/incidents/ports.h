// What incidents need of others, in their own words; app connects them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::incidents {

// What an endpoint is made from and watched by, by name: where its events are found.
struct Surroundings {
  std::string model;  // registered name; empty: none
  std::vector<std::string> monitors, datasets;
};

// An input that was as it should be, and then wasn't.
struct MovedInput {
  std::string input, how;  // "pages", "ks 0.4 (over 0.1) in the day from 2024-02-05T00:00:00Z"
  base::Timestamp since;   // the first such window's start
};

struct FirstBadWindow {
  base::Timestamp start, end;
};

// Safe to use from several threads.
class Neighbourhood {
 public:
  virtual ~Neighbourhood() = default;

  // kNotFound: no such endpoint.
  virtual Result<Surroundings> around(const std::string& endpoint) = 0;
  virtual Result<std::vector<MovedInput>> moved_inputs(const std::string& endpoint,
                                                       base::Timestamp from,
                                                       base::Timestamp to) = 0;
  virtual Result<bool> has_open_alert(const std::string& endpoint) = 0;
  // Of the first alert of the endpoint whose first bad window began at `since` or later.
  virtual Result<std::optional<FirstBadWindow>> first_bad_window(const std::string& endpoint,
                                                                 base::Timestamp since) = 0;
  // True: events without a time of their own were written while the event clock stood elsewhere.
  virtual bool rehearses() const = 0;
};

}  // namespace slipway::incidents
