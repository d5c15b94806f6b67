// The durable store of labels: what turned out to be true for a request, and when we could have
// known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/problem.h"
#include "store/db.h"

namespace slipway::monitor {

struct Label {
  std::string request_id;
  std::optional<double> value;  // nothing and no class: the outcome will never be known
  std::optional<base::Timestamp> event_time;
  base::Timestamp arrival_time;
  std::string class_name;   // instead of a value
  bool is_stamped = false;  // nobody said when it arrived: it is when it was sent
};

// A label as a caller sends it.
struct LabelDraft {
  std::string request_id;
  std::optional<double> value;
  std::optional<base::Timestamp> event_time;
  std::optional<base::Timestamp> arrival_time;  // left out: now
  std::string class_name;
};

struct LabelReceipt {
  std::int64_t added = 0;
  std::int64_t unchanged = 0;  // were there already
  std::int64_t corrected = 0;  // another value than the one known before; both are kept
};

// Safe to use from several threads. `db` must outlive it.
class LabelStore {
 public:
  explicit LabelStore(store::Db& db, std::string workspace)
      : db_(db), workspace_(std::move(workspace)) {}

  // Durable when it returns; all of them or none. Adding the same label again changes nothing, so a
  // client may repeat a batch it got no answer for. A stamped label of another value than one of
  // the same moment corrects it, and arrives a microsecond later. kInvalidArgument: an empty id, or
  // a number that isn't finite; kConflict: two values that were both said to arrive at one moment.
  Result<LabelReceipt> add(const std::string& endpoint, const std::vector<Label>& labels);

  // For each id the newest label with arrival_time <= as_of, and when its first arrived; ids
  // without one are left out.
  Result<Labels> find(const std::string& endpoint, const std::vector<std::string>& ids,
                      base::Timestamp as_of);
  // When the newest came that came until `until`; nothing: none did.
  Result<std::optional<base::Timestamp>> newest_arrival(const std::string& endpoint,
                                                        base::Timestamp until);
  // When each id's first label arrived, as far as we know now; ids without one are left out.
  Result<std::vector<std::pair<std::string, base::Timestamp>>> arrivals(
      const std::string& endpoint, const std::vector<std::string>& ids);
  // All that is known about one request, oldest first.
  Result<std::vector<Label>> history(const std::string& endpoint, const std::string& id);
  // Requests whose first label with a value or class has after < arrival_time <= until.
  Result<std::int64_t> count(const std::string& endpoint, std::optional<base::Timestamp> after,
                             base::Timestamp until);

 private:
  store::Db& db_;
  const std::string workspace_;
};

}  // namespace slipway::monitor
