// The trials of a step with `search`, as people look at them.
#pragma once

#include <string>

#include "base/json.h"

namespace slipway::cli {

// Whether a step as the API tells it has trials instead of items.
bool is_search(const Json& step);

// Each trial with its values; the best has a star. `rows_max`: those that run and the best ones, if
// there are more; 0: all.
std::string trials_table(const Json& step, std::size_t rows_max = 0);

// " auc=0.91; best so far 0.93 of train[1]", of a trial that has ended; empty: it has no value.
std::string told_score(const Json& step, const Json& trial);

// Draws the trials of the search that runs over what it drew before, on a terminal.
class LiveTrials {
 public:
  // Takes what is drawn away, before something else is written.
  void clear();
  void draw(const Json& run);

 private:
  std::size_t lines_ = 0;
};

}  // namespace slipway::cli
