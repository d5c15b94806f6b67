#include "governance/governance.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>

#include "base/hash.h"

namespace slipway::governance {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE governance_key(
  workspace TEXT PRIMARY KEY,
  secret TEXT NOT NULL);
CREATE TABLE erasures(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  tag TEXT NOT NULL,
  subject TEXT NOT NULL,
  actor TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  done_at INTEGER,
  report TEXT NOT NULL,
  PRIMARY KEY(workspace, id));
)sql";

Result<Erasure> read_erasure(const store::Row& row) {
  Erasure erasure{.id = row.string(0),
                  .tag = row.string(1),
                  .subject = row.string(2),
                  .actor = row.string(3),
                  .requested_at = row.time(4)};
  if (!row.is_null(5)) erasure.done_at = row.time(5);
  erasure.report = TRY(base::parse_json_object(row.text(6)));
  return erasure;
}

void keep_away(const Erasure& erasure, std::unordered_map<std::string, base::Timestamp>& erased) {
  std::istringstream subjects(erasure.subject);
  for (std::string subject; subjects >> subject;) {
    base::Timestamp& until = erased[subject];
    until = std::max(until, erasure.requested_at);
  }
}

// Forms of numbers have digests of their own: no tag has a line break.
std::string number_tag(std::string_view tag) { return fmt::format("{}\n", tag); }

std::string number_text(double value) {
  const bool is_whole = std::abs(value) < 9.0e15 && std::trunc(value) == value;
  return is_whole ? std::to_string(static_cast<std::int64_t>(value)) : fmt::format("{}", value);
}

}  // namespace

store::RoomMigrations migrations() { return {"governance", {{1, kFirst}}}; }

JsonObject Erasure::to_json() const {
  JsonObject object = report;
  object["id"] = id;
  object["tag"] = tag;
  object["subject"] = subject;
  object["actor"] = actor;
  object["requested_at"] = types::to_rfc3339(requested_at);
  object["done_at"] = done_at ? Json(types::to_rfc3339(*done_at)) : Json(nullptr);
  return object;
}

Result<void> Governance::open() {
  const std::string fresh = random_.hex(32);
  key_ = TRY(db_.write([&](store::Tx& tx) -> Result<std::string> {
    TRY(
        tx.execute("INSERT INTO governance_key(workspace, secret) VALUES('default', ?) "
                   "ON CONFLICT DO NOTHING",
                   {fresh}));
    return TRY(tx.find("SELECT secret FROM governance_key WHERE workspace = 'default'", {},
                       [](const store::Row& row) { return row.string(0); }))
        .value_or(fresh);
  }));
  std::unordered_map<std::string, base::Timestamp> erased;
  for (const Erasure& erasure : TRY(erasures())) keep_away(erasure, erased);
  const base::MutexLock lock(mutex_);
  erased_ = std::move(erased);
  return {};
}

void Governance::set_policies(std::vector<TagPolicy> policies) {
  const base::MutexLock lock(mutex_);
  policies_ = std::move(policies);
}

std::vector<TagPolicy> Governance::policies() const {
  const base::MutexLock lock(mutex_);
  return policies_;
}

Masks Governance::masks(const ColumnTags& columns, const Viewer& viewer) const {
  if (viewer.sees_all || columns.empty()) return {};
  return masks_of(policies(), columns, viewer);
}

std::string Governance::subject_of(std::string_view tag, std::string_view value) const {
  return base::to_hex(base::hmac_sha256(key_, fmt::format("{}={}", tag, value)));
}

Result<Erasure> Governance::begin_erasure(const std::string& tag, const std::string& value,
                                          const std::string& actor) {
  Erasure erasure{
      .id = random_.hex(), .tag = tag, .subject = {}, .actor = actor, .requested_at = clock_.now()};
  erasure.subject = subject_of(tag, value);
  for (const std::string& form : number_forms(value))
    erasure.subject += " " + subject_of(number_tag(tag), form);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO erasures(id, tag, subject, actor, requested_at, report) "
                   "VALUES(?, ?, ?, ?, ?, '{}')",
                   {erasure.id, tag, erasure.subject, actor, erasure.requested_at}));
    return tx.append_event({.kind = "erasure.requested",
                            .subject = "erasures/" + erasure.id,
                            .actor = actor,
                            .payload = {{"tag", tag}},
                            .event_time = erasure.requested_at});
  }));
  const base::MutexLock lock(mutex_);
  keep_away(erasure, erased_);
  return erasure;
}

Result<void> Governance::report_erasure(const std::string& id, const JsonObject& report) {
  const std::string text = base::to_text(report);
  return db_.write([&](store::Tx& tx) {
    return tx.send("UPDATE erasures SET report = ? WHERE id = ?", {text, id});
  });
}

Result<Erasure> Governance::finish_erasure(const std::string& id, JsonObject report,
                                           JsonObject told) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Erasure> {
    TRY(tx.execute("UPDATE erasures SET done_at = ?, report = ? WHERE id = ?",
                   {now, base::to_text(report), id}));
    auto found = TRY(tx.find(
        "SELECT id, tag, subject, actor, requested_at, done_at, report FROM erasures WHERE id = ?",
        {id}, read_erasure));
    if (!found) return base::error(Code::kNotFound, "no such erasure: id={}", id);
    Erasure erasure = TRY(std::move(*found));
    TRY(tx.append_event({.kind = "erasure.done",
                         .subject = "erasures/" + id,
                         .actor = erasure.actor,
                         .payload = told,
                         .event_time = now}));
    return erasure;
  });
}

Result<std::vector<Erasure>> Governance::erasures() {
  Result<std::vector<Erasure>> found = std::vector<Erasure>();
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT id, tag, subject, actor, requested_at, done_at, report FROM erasures ORDER BY "
        "requested_at DESC, id",
        {}, [&](const store::Row& row) {
          Result<Erasure> one = read_erasure(row);
          if (!found) return;
          if (one) {
            found->push_back(std::move(*one));
          } else {
            found = std::move(one).error();
          }
        });
  }));
  return found;
}

std::vector<std::size_t> Governance::erased_rows(const types::Frame& frame,
                                                 const ColumnTags& columns,
                                                 const std::string& time_column) const {
  std::unordered_map<std::string, base::Timestamp> erased;
  {
    const base::MutexLock lock(mutex_);
    erased = erased_;
  }
  if (erased.empty()) return {};
  const types::Column* times = time_column.empty() ? nullptr : frame.find(time_column);
  if (times != nullptr && times->type != types::ColumnType::kTimestamp) times = nullptr;
  std::set<std::size_t> rows;
  for (const auto& [name, tags] : columns) {
    const types::Column* column = frame.find(name);
    if (column == nullptr) continue;
    const bool is_number = column->type != types::ColumnType::kString;
    for (std::size_t row = 0; row < column->size(); ++row) {
      const std::string value = subject_text(*column, row);
      if (value.empty()) continue;
      for (const std::string& tag : tags) {
        auto found = erased.find(subject_of(tag, value));
        if (found == erased.end() && is_number)
          found = erased.find(subject_of(number_tag(tag), value));
        if (found == erased.end()) continue;
        const bool is_later = times != nullptr && times->is_valid(row) &&
                              base::Timestamp{times->ints[row]} > found->second;
        if (!is_later) rows.insert(row);
      }
    }
  }
  return {rows.begin(), rows.end()};
}

std::string subject_text(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return "";
  switch (column.type) {
    case types::ColumnType::kString:
      return column.strings[row];
    case types::ColumnType::kInt64:
      return std::to_string(column.ints[row]);
    case types::ColumnType::kDouble:
      return number_text(column.doubles[row]);
    case types::ColumnType::kBool:
    case types::ColumnType::kTimestamp:
      return "";  // told apart by nobody
  }
  return "";
}

std::vector<std::string> number_forms(std::string_view value) {
  std::vector<std::string> forms;
  // Digits alone, with a fraction or none: 007 and 12e5 are names.
  const auto are_digits = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const std::size_t point = std::min(value.find('.'), value.size());
  const std::string_view whole = value.substr(0, point);
  const std::string_view digits = whole.substr(whole.starts_with('-') ? 1 : 0);
  const std::string_view fraction = value.substr(std::min(point + 1, value.size()));
  const bool is_number = are_digits(digits) && (digits == "0" || digits[0] != '0') &&
                         (point == value.size() || are_digits(fraction));
  if (!is_number) return forms;
  const auto add = [&](std::string text) {
    if (text != value && std::ranges::find(forms, text) == forms.end())
      forms.push_back(std::move(text));
  };
  if (fraction.find_first_not_of('0') == std::string_view::npos)
    add(std::string(whole));  // of a column of integers
  double number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  if (read.ec == std::errc()) add(number_text(number));
  return forms;
}

}  // namespace slipway::governance
