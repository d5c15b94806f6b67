// Keeps issues: problems of an application that somebody found in its traces. Traces point to one
// with an assessment of that kind, whose name is the issue's id.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "traces/ports.h"

namespace slipway::traces {

struct Issue {
  std::string id;  // "iss-" and 32 hex digits
  std::string experiment_id, name, description;
  std::string status = "pending";  // pending, rejected, resolved
  std::string severity;            // not_an_issue, low, medium, high; empty: nobody has said
  std::string source_run_id, created_by;
  std::vector<std::string> root_causes, categories;
  base::Timestamp created, updated;
  std::optional<std::int64_t> traces;  // that point to it, when that was asked
};

// What changes; the rest stays.
struct IssuePatch {
  std::optional<std::string> name, description, status, severity;
};

struct IssueQuery {
  std::string experiment_id;  // empty: of all
  std::string filter;         // by status and source_run_id
  std::int64_t max_results = 100;
  std::int64_t offset = 0;
  bool counts_traces = false;
};

struct IssuePage {
  std::vector<Issue> items;
  bool has_more = false;
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class Issues {
 public:
  Issues(store::Db& db, ExperimentRecords& experiments, const base::Clock& clock,
         base::Random& random)
      : db_(db), experiments_(experiments), clock_(clock), random_(random) {}

  // Gives it back with its id. kNotFound, kFailedPrecondition: the experiment; kInvalidArgument: a
  // word that is no status or severity.
  Result<Issue> create(Issue issue);
  Result<Issue> get(const std::string& id);  // kNotFound
  Result<Issue> update(const std::string& id, const IssuePatch& patch);
  // Newest first. kInvalidArgument.
  Result<IssuePage> search(const IssueQuery& query);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
  const base::Clock& clock_;
  base::Random& random_;
};

// Which experiment an issue belongs to. Nothing: no such issue.
Result<std::optional<std::string>> experiment_of_issue(store::Db& db, const std::string& id);

}  // namespace slipway::traces
