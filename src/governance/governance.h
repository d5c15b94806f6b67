// Keeps who may see columns with which tags, and whose rows were erased, so that they don't come
// back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "governance/definition.h"
#include "governance/masking.h"
#include "store/db.h"
#include "types/frame.h"

namespace slipway::governance {

store::RoomMigrations migrations();

// That everything of somebody was to go. Who it was isn't kept, only a keyed digest.
struct Erasure {
  std::string id, tag;
  // Of the tag and the value, and of each of its number_forms(), with spaces between.
  std::string subject;
  std::string actor;
  base::Timestamp requested_at;
  std::optional<base::Timestamp> done_at;  // nothing: it was broken off, and is to be done again
  JsonObject report;

  JsonObject to_json() const;
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Governance {
 public:
  // `clock`: of events.
  Governance(store::Db& db, const base::Clock& clock, base::Random& random)
      : db_(db), clock_(clock), random_(random) {}
  // Reads what is kept; call it before anything else.
  Result<void> open();

  void set_policies(std::vector<TagPolicy> policies);
  std::vector<TagPolicy> policies() const;
  Masks masks(const ColumnTags& columns, const Viewer& viewer) const;
  // Of masks and of subjects.
  const std::string& key() const { return key_; }

  // From now on rows of the value that are from before now don't come in any more. A second one of
  // the same value takes the place of the first.
  Result<Erasure> begin_erasure(const std::string& tag, const std::string& value,
                                const std::string& actor);
  // What is known of it before it is done, and stays if it never is.
  Result<void> report_erasure(const std::string& id, const JsonObject& report);
  // `told`: of the report, what the event has.
  Result<Erasure> finish_erasure(const std::string& id, JsonObject report, JsonObject told);
  Result<std::vector<Erasure>> erasures();  // newest first

  // Positions of a frame's rows that were erased: whose `time_column` (empty: there is none) is
  // missing or not after the erasure. Empty at once where nobody was erased.
  std::vector<std::size_t> erased_rows(const types::Frame& frame, const ColumnTags& columns,
                                       const std::string& time_column) const;

 private:
  std::string subject_of(std::string_view tag, std::string_view value) const;

  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  std::string key_;
  mutable base::Mutex mutex_;
  std::vector<TagPolicy> policies_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, base::Timestamp> erased_ GUARDED_BY(mutex_);  // by subject
};

// What tells a person in a cell, as it is written in a request: whole numbers by their digits.
// Empty: nothing.
std::string subject_text(const types::Column& column, std::size_t row);

// How columns of numbers may have it beside as it is written, if it reads as a number: as
// subject_text() writes that ("4711.0" is 4711; doubles don't tell all of its digits). In texts
// these are somebody else.
std::vector<std::string> number_forms(std::string_view value);

}  // namespace slipway::governance
