// Keeps review queues: traces that wait for people to judge them, who those are, and what they are
// asked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "evaluations/ports.h"
#include "store/db.h"

namespace slipway::evaluations {

enum class QueueKind { kUser, kCustom };  // the worklist of one person, who names it; any other
enum class ReviewStatus { kPending, kComplete, kDeclined };

struct ReviewQueue {
  std::string id;  // "rq-" and 32 hex digits
  std::string experiment_id, name;
  QueueKind kind = QueueKind::kCustom;
  std::string owner;                    // empty: nobody
  std::vector<std::string> users;       // any of whom may review; lower case
  std::vector<std::string> schema_ids;  // of a user's queue empty: all of the experiment
  base::Timestamp created, updated;
};

struct ReviewQueuePatch {
  std::optional<std::string> name, owner;
  std::optional<std::vector<std::string>> users, schema_ids;
};

struct ReviewItem {
  std::string queue_id, trace_id;
  ReviewStatus status = ReviewStatus::kPending;
  std::string completed_by;                  // who completed or declined it
  std::optional<base::Timestamp> completed;  // and when
  base::Timestamp created, updated;
};

struct ReviewQueueQuery {
  std::string experiment_id;
  std::optional<std::string> user, trace_id;  // queues of that user, that have that trace
  std::int64_t max_results = 1000;
  std::int64_t offset = 0;
};

struct ReviewQueuePage {
  std::vector<ReviewQueue> items;
  bool has_more = false;
};
struct ReviewItemPage {
  std::vector<ReviewItem> items;
  bool has_more = false;
};

// Names are unique in an experiment whatever the case. Safe to use from several threads. Everything
// given to the constructor must outlive it. Whatever names an experiment can fail with kNotFound,
// and kFailedPrecondition when it is deleted; whatever names a queue with kNotFound.
class ReviewQueues {
 public:
  ReviewQueues(store::Db& db, ExperimentRecords& experiments, TraceRecords& traces,
               const base::Clock& clock, base::Random& random)
      : db_(db), experiments_(experiments), traces_(traces), clock_(clock), random_(random) {}

  // Gives it back with its id. kInvalidArgument: a name, user or schema; kAlreadyExists: the name.
  Result<ReviewQueue> create(ReviewQueue queue);
  // kAlreadyExists: a custom queue has that name.
  Result<ReviewQueue> ensure_of_user(const std::string& experiment_id, const std::string& user);
  Result<ReviewQueue> get(const std::string& id);
  Result<ReviewQueue> get_by_name(const std::string& experiment_id, const std::string& name);
  // Newest first.
  Result<ReviewQueuePage> list(const ReviewQueueQuery& query);
  // kInvalidArgument: of a user's queue nothing changes, and the questions of one that has traces
  // don't.
  Result<ReviewQueue> update(const std::string& id, const ReviewQueuePatch& patch);
  Result<void> remove(const std::string& id);  // idempotent

  // What is in it already stays as it is. kNotFound: a trace that is not in the experiment.
  Result<std::vector<ReviewItem>> add_traces(const std::string& id,
                                             const std::vector<std::string>& trace_ids);
  Result<void> remove_traces(const std::string& id, const std::vector<std::string>& trace_ids);
  Result<ReviewItemPage> items(const std::string& id, std::optional<ReviewStatus> status,
                               std::int64_t max_results, std::int64_t offset);
  // Whoever was first to complete it stays named. kInvalidArgument: nobody has, or somebody reopens
  // it.
  Result<ReviewItem> set_status(const std::string& id, const std::string& trace_id,
                                ReviewStatus status, const std::string& by);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
  TraceRecords& traces_;
  const base::Clock& clock_;
  base::Random& random_;
};

// A user's name as queues keep it: no spaces around it, lower case.
std::string folded_user(std::string_view name);

}  // namespace slipway::evaluations
