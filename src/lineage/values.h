// What jobs read and write, as others tell of it: plain values.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/timestamp.h"

namespace slipway::lineage {

// A job or a dataset is known by a name within a space: where it is kept, or who runs it.
struct Name {
  std::string space, name;
  auto operator<=>(const Name&) const = default;
};

// What is told of a thing beyond its name, by the facet's name: JSON as it came. An empty text
// takes the facet away.
using Facets = std::map<std::string, std::string>;

struct DatasetTold {
  Name name;
  std::string version;            // empty: not said
  std::vector<Name> other_names;  // the same data under other names, as facet "symlinks" has them
  Facets facets;                  // of the dataset
  Facets use_facets;              // of this one reading or writing of it
};

// In the order in which a run goes through them: a later one is not undone by an earlier one that
// comes late.
enum class RunState { kUnknown, kStarted, kRunning, kCompleted, kAborted, kFailed };
inline bool is_over(RunState state) { return state >= RunState::kCompleted; }
std::string_view state_name(RunState state);  // "completed"

struct RunTold {
  std::string id;  // a UUID in lower case
  RunState state = RunState::kUnknown;
  Facets facets;
  std::string parent;  // the run that started it; empty: none
  Name parent_job;     // of that run
};

struct JobTold {
  Name name;
  Facets facets;
  std::vector<DatasetTold> inputs, outputs;
};

// Something happened to a run, or a job or a dataset is described.
struct Event {
  base::Timestamp time;
  std::string text;  // whole, as it came
  std::optional<RunTold> run;
  std::optional<JobTold> job;  // a run has one
  std::optional<DatasetTold> dataset;
};

}  // namespace slipway::lineage
