// What an endpoint's rules say of the rows it is asked about, and what they have found so far.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/timestamp.h"
#include "serving/log_rows.h"
#include "serving/tensor.h"
#include "types/column_rules.h"

namespace slipway::serving {

// What `traffic` is of logged rows that no window counts because they broke a rule.
inline constexpr std::string_view kRejectedTraffic = "rejected";
inline constexpr std::string_view kQuarantinedTraffic = "quarantined";

// One value that broke a rule.
struct InputViolation {
  std::size_t row = 0;
  std::size_t column = 0;        // of the policy
  const char* broken = nullptr;  // "max"
};

// A value that its column can't hold, which is refused whatever the rules are.
struct Mistyped {
  std::string_view column;
  std::size_t row = 0;
  std::string value;  // as text
};

// What becomes of one row.
struct RowVerdict {
  bool is_violated = false;
  // The gravest of the rules it broke; of a request that is refused, of any row's.
  types::OnViolation on_violation = types::OnViolation::kFlag;
  std::string broken;  // JSON of what it broke, by column: {"distance":"max"}; empty: nothing
};

// A value that broke a rule, as people are shown it.
struct ViolationExample {
  base::Timestamp event_time;
  std::string request_id, value;  // as text; empty: missing
};
struct ViolationCount {
  std::string column, rule;
  types::OnViolation on_violation = types::OnViolation::kFlag;
  std::int64_t values = 0;
  std::deque<ViolationExample> last;  // the newest last
};

// What the rules of one endpoint have found since the server started, however often they have
// changed meanwhile. Safe to use from several threads.
class InputTally {
 public:
  struct Counts {
    std::int64_t rejected = 0, quarantined = 0, flagged = 0;  // rows
    std::vector<ViolationCount> violations;                   // by column and rule
  };
  void add_rows(types::OnViolation what, std::int64_t rows);
  void add(std::vector<ViolationCount> more);
  Counts read() const;

  static constexpr std::size_t kExamples = 5;  // of a column and rule, the last

 private:
  mutable base::Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
};

// The tallies of all endpoints. Safe to use from several threads.
class InputTallies {
 public:
  std::shared_ptr<InputTally> of(const std::string& endpoint);

 private:
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<InputTally>> tallies_ GUARDED_BY(mutex_);
};

// The rules of one endpoint, made ready for its columns. Immutable; safe to use from several
// threads.
class InputPolicy {
 public:
  // `schema` says what is given to check(). A rule of a column that isn't there holds for nothing.
  // kInvalidArgument: a rule of texts for a column of numbers, or the other way round.
  static Result<std::shared_ptr<const InputPolicy>> make(const std::string& endpoint,
                                                         const types::InputRules& rules,
                                                         const LogSchema& schema,
                                                         std::shared_ptr<InputTally> tally,
                                                         base::Metrics& metrics);

  // Replaces `found`, column after column; `views` are those of the schema's columns.
  void check(std::size_t rows, std::span<const InputView> views,
             std::vector<InputViolation>& found) const;
  // Replaces `verdicts`, one a row, each by what that row broke.
  void judge_rows(std::span<const InputViolation> found, std::size_t rows,
                  std::vector<RowVerdict>& verdicts) const;
  // The same of one request, which is refused as a whole, and gives the gravest of all.
  types::OnViolation judge(std::span<const InputViolation> found, std::size_t rows,
                           std::vector<RowVerdict>& verdicts) const;
  const std::string& column_of(const InputViolation& one) const {
    return columns_[one.column].name;
  }
  // Why a request is refused: the first value that broke a rule which rejects.
  Error refusal(std::span<const InputViolation> found, std::span<const InputView> views,
                std::size_t rows) const;
  // Counts and remembers; `time_of` and `id_of` give a row's event time and request id.
  template <typename TimeOf, typename IdOf>
  void count(std::span<const InputViolation> found, std::span<const RowVerdict> verdicts,
             std::span<const InputView> views, const TimeOf& time_of, const IdOf& id_of) const {
    std::vector<ViolationCount> counts;
    for (std::size_t at = found.size(); at-- > 0;) {
      const InputViolation& one = found[at];
      ViolationCount& of = count_of(one, counts);
      ++of.values;
      if (of.last.size() < InputTally::kExamples)
        of.last.push_front({time_of(one.row), std::string(id_of(one.row)), value_of(one, views)});
    }
    count(std::move(counts), verdicts);
  }
  // The same of one that is refused for its type.
  void count(const Mistyped& one, base::Timestamp event_time, std::string_view id) const;

 private:
  struct OfColumn {
    std::string name;
    std::size_t position = 0;  // in the schema
    bool is_text = false;
    types::ColumnRule rule;
    types::ColumnCheck check;
    types::OnViolation on_violation;
  };
  std::string value_of(const InputViolation& one, std::span<const InputView> views) const;
  // That of its column and rule.
  ViolationCount& count_of(const InputViolation& one, std::vector<ViolationCount>& counts) const;
  void count(std::vector<ViolationCount> counts, std::span<const RowVerdict> verdicts) const;
  base::Counter& counter(const std::string& column, std::string_view rule,
                         types::OnViolation what) const;

  std::string endpoint_;
  base::Metrics* metrics_ = nullptr;
  std::vector<OfColumn> columns_;
  std::shared_ptr<InputTally> tally_;
  std::array<base::Counter*, 3> rows_{};  // by OnViolation
};

}  // namespace slipway::serving
