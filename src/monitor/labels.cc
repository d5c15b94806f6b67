#include "monitor/labels.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {
namespace {

enum class Added { kNew, kUnchanged, kCorrected };
constexpr base::Duration kClockStepMax = base::Duration::seconds(1);

// One label; says how it relates to what was known.
Result<Added> add_one(store::Tx& tx, const std::string& workspace, const std::string& endpoint,
                      Label label) {
  struct Known {
    std::optional<double> value;
    std::int64_t arrival;
    std::string class_name;
    bool is(const Label& label) const {
      return value == label.value && class_name == label.class_name;
    }
  };
  // The newest known label that arrived no later than this one; else the earliest of all.
  const auto map = [](const store::Row& row) {
    return Known{row.is_null(0) ? std::nullopt : std::optional(row.real(0)), row.int64(1),
                 row.is_null(2) ? "" : row.string(2)};
  };
  std::optional<Known> known = TRY(
      tx.find("SELECT value, arrival_time, class_name FROM monitor_labels WHERE workspace = ? AND "
              "endpoint = ? AND request_id = ? ORDER BY arrival_time DESC LIMIT 1",
              {workspace, endpoint, label.request_id}, map));
  // The clock may stand, or have stepped back a little since.
  if (label.is_stamped && known && !known->is(label) &&
      known->arrival >= label.arrival_time.micros &&
      known->arrival - label.arrival_time.micros <= kClockStepMax.micros)
    label.arrival_time.micros = known->arrival + 1;
  if (known && known->is(label) && known->arrival <= label.arrival_time.micros) {
    return Added::kUnchanged;
  }
  const std::int64_t changed = TRY(tx.execute(
      "INSERT INTO monitor_labels(workspace, endpoint, request_id, arrival_time, value, "
      "event_time, class_name) VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, endpoint, "
      "request_id, arrival_time) DO "
      "NOTHING",
      {workspace, endpoint, label.request_id, label.arrival_time, label.value, label.event_time,
       label.class_name.empty() ? std::nullopt : std::optional(label.class_name)}));
  if (changed == 0) {
    // Same id, same arrival: the same label again, or two values that claim one moment.
    const auto there = TRY(tx.find(
        "SELECT value, arrival_time, class_name FROM monitor_labels WHERE workspace = ? AND "
        "endpoint = ? AND request_id = ? AND arrival_time = ?",
        {workspace, endpoint, label.request_id, label.arrival_time}, map));
    if (there && there->is(label)) return Added::kUnchanged;
    return base::error(Code::kConflict,
                       "two labels with different values arrived at the same moment: id={}",
                       label.request_id);
  }
  return known ? Added::kCorrected : Added::kNew;
}

}  // namespace

Result<LabelReceipt> LabelStore::add(const std::string& endpoint,
                                     const std::vector<Label>& labels) {
  for (const Label& label : labels) {
    if (label.request_id.empty()) {
      return base::error(Code::kInvalidArgument, "a label needs the id of its request");
    }
    if (label.value && !std::isfinite(*label.value)) {
      return base::error(Code::kInvalidArgument, "a label's value must be a finite number: id={}",
                         label.request_id);
    }
  }
  return db_.write([&](store::Tx& tx) -> Result<LabelReceipt> {
    LabelReceipt receipt;
    for (const Label& label : labels) {
      switch (TRY(add_one(tx, workspace_, endpoint, label))) {
        case Added::kNew:
          ++receipt.added;
          break;
        case Added::kUnchanged:
          ++receipt.unchanged;
          break;
        case Added::kCorrected:
          ++receipt.corrected;
          break;
      }
    }
    return receipt;
  });
}

Result<Labels> LabelStore::find(const std::string& endpoint, const std::vector<std::string>& ids,
                                base::Timestamp as_of) {
  return db_.read([&](store::Reader& reader) -> Result<Labels> {
    Labels labels;
    for (const std::string& id : ids) {
      TRY(
          reader.query("SELECT value, class_name, arrival_time FROM monitor_labels WHERE "
                       "workspace = ? AND endpoint = ? AND request_id = ? AND arrival_time <= ? "
                       "ORDER BY arrival_time",
                       {workspace_, endpoint, id, as_of}, [&](const store::Row& row) {
                         const auto [label, is_first] = labels.try_emplace(id);
                         KnownLabel& known = label->second;
                         known.value = row.is_null(0) ? std::nullopt : std::optional(row.real(0));
                         known.class_name = row.is_null(1) ? "" : row.string(1);
                         if (is_first) known.arrival = row.time(2);
                       }));
    }
    return labels;
  });
}

Result<std::vector<std::pair<std::string, base::Timestamp>>> LabelStore::arrivals(
    const std::string& endpoint, const std::vector<std::string>& ids) {
  using Arrivals = std::vector<std::pair<std::string, base::Timestamp>>;
  return db_.read([&](store::Reader& reader) -> Result<Arrivals> {
    Arrivals arrivals;
    for (const std::string& id : ids) {
      TRY(reader.query(
          "SELECT arrival_time FROM monitor_labels WHERE workspace = ? AND endpoint = ? AND "
          "request_id = ? ORDER BY arrival_time LIMIT 1",
          {workspace_, endpoint, id},
          [&](const store::Row& row) { arrivals.emplace_back(id, row.time(0)); }));
    }
    return arrivals;
  });
}

Result<std::optional<base::Timestamp>> LabelStore::newest_arrival(const std::string& endpoint,
                                                                  base::Timestamp until) {
  return db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT arrival_time FROM monitor_labels WHERE workspace = ? AND endpoint = ? AND "
        "arrival_time <= ? ORDER BY arrival_time DESC LIMIT 1",
        {workspace_, endpoint, until}, [](const store::Row& row) { return row.time(0); });
  });
}

Result<std::vector<Label>> LabelStore::history(const std::string& endpoint, const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Label>> {
    std::vector<Label> labels;
    TRY(
        reader.query("SELECT value, event_time, arrival_time, class_name FROM monitor_labels WHERE "
                     "workspace = ? AND "
                     "endpoint = ? AND request_id = ? ORDER BY arrival_time",
                     {workspace_, endpoint, id}, [&](const store::Row& row) {
                       Label label{.request_id = id, .arrival_time = row.time(2)};
                       if (!row.is_null(0)) label.value = row.real(0);
                       if (!row.is_null(1)) label.event_time = row.time(1);
                       if (!row.is_null(3)) label.class_name = row.string(3);
                       labels.push_back(std::move(label));
                     }));
    return labels;
  });
}

Result<std::int64_t> LabelStore::count(const std::string& endpoint,
                                       std::optional<base::Timestamp> after,
                                       base::Timestamp until) {
  const base::Timestamp from =
      after.value_or(base::Timestamp{std::numeric_limits<std::int64_t>::min()});
  return db_.read([&](store::Reader& reader) -> Result<std::int64_t> {
    std::int64_t count = 0;
    TRY(reader.query(
        "SELECT COUNT(DISTINCT request_id) FROM monitor_labels AS label WHERE workspace = ? AND "
        "endpoint = ? AND arrival_time > ? AND arrival_time <= ? AND (value IS NOT NULL OR "
        "class_name IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM monitor_labels AS earlier WHERE "
        "earlier.workspace = label.workspace AND earlier.endpoint = label.endpoint AND "
        "earlier.request_id = label.request_id AND earlier.arrival_time <= ? AND (earlier.value IS "
        "NOT NULL OR earlier.class_name IS NOT NULL))",
        {workspace_, endpoint, from, until, from},
        [&](const store::Row& row) { count = row.int64(0); }));
    return count;
  });
}

}  // namespace slipway::monitor
