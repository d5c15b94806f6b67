// What a judged window says of its parts: where the model does worst, how it does in declared
// slices, and which inputs it goes by.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_set>

#include "monitor/monitor.h"
#include "monitor/slices/slice_finder.h"
#include "monitor/window_reads.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// Values of a declared column, the commonest: each is a slice.
constexpr std::size_t kValuesMax = 100;
// Of an answer that was sure of what turned out wrong.
constexpr double kChanceMin = 1e-15;

// At most `most` of them, evenly spread.
template <typename Item>
std::vector<Item> sampled(std::vector<Item> items, std::size_t most) {
  if (items.size() <= most) return items;
  std::vector<Item> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(items[i * items.size() / most]);
  return some;
}

// What each answer of the live variant with a label cost.
struct RowLosses {
  std::string name;  // of the loss; empty: nobody can say
  std::vector<std::size_t> rows;
  std::vector<double> losses;
  std::vector<double> expected;  // of what the model itself held for likely; empty: it said nothing
};

// Of chances the log loss, which tells more than whether they were on the right side.
RowLosses losses_of(const WindowRows& rows, const Labels& labels, const QualityRules& quality,
                    std::size_t most) {
  RowLosses all;
  const auto live = rows.by_variant().find("live");
  if (live == rows.by_variant().end()) return all;
  struct Answer {
    std::size_t row;
    double prediction, label, error;
  };
  std::vector<Answer> answers;
  for (const std::size_t row : live->second) {
    const WindowRows::Scored answer = rows.scored(row);
    const auto label = labels.find(rows.request_id(row));
    if (answer.failed || label == labels.end()) continue;
    const std::optional<double> error = rows.error_of(quality, row, label->second);
    if (error) answers.push_back({row, answer.prediction, label->second.value.value_or(0), *error});
  }
  answers = sampled(std::move(answers), most);
  if (answers.empty()) return all;
  const bool are_chances = quality.problem.kind == Problem::kBinary &&
                           std::all_of(answers.begin(), answers.end(), [](const Answer& answer) {
                             return answer.prediction >= 0 && answer.prediction <= 1;
                           });
  all.name = are_chances                                    ? "log_loss"
             : quality.problem.kind == Problem::kRegression ? "absolute_error"
                                                            : "wrong_share";
  for (const Answer& answer : answers) {
    all.rows.push_back(answer.row);
    if (!are_chances) {
      all.losses.push_back(answer.error);
      continue;
    }
    const double chance = std::clamp(answer.prediction, kChanceMin, 1 - kChanceMin);
    const auto loss = [&](double label) {
      return -label * std::log(chance) - (1 - label) * std::log1p(-chance);
    };
    all.losses.push_back(loss(answer.label));
    all.expected.push_back(loss(chance));
  }
  return all;
}

SliceResult result_of(std::string name, const WindowRows& rows, const Labels& labels,
                      const std::vector<bool>& picks, const QualityRules& quality) {
  SliceResult slice{.name = std::move(name)};
  VariantResult there = rows.live_where(picks).judge("live", labels, nullptr, nullptr, quality);
  slice.rows = there.rows;
  slice.labels = there.labels;
  slice.metrics = std::move(there.metrics);
  return slice;
}

void add_column_slices(const types::Column& column, const WindowRows& rows, const Labels& labels,
                       const QualityRules& quality, VariantResult& live) {
  const std::vector<std::string> values = slice_values(column);
  std::map<std::string, std::int64_t> counts;
  for (const std::size_t row : rows.by_variant().at("live")) {
    if (!values[row].empty()) ++counts[values[row]];
  }
  std::vector<std::pair<std::int64_t, std::string>> common;
  for (const auto& [value, count] : counts) common.emplace_back(-count, value);
  std::sort(common.begin(), common.end());
  if (common.size() > kValuesMax) {
    live.add_note(fmt::format("slices of {}: only its {} commonest values of {}", column.name,
                              kValuesMax, common.size()));
    common.resize(kValuesMax);
  }
  for (const auto& [count, value] : common) {
    std::vector<bool> picks(values.size());
    for (std::size_t row = 0; row < values.size(); ++row) picks[row] = values[row] == value;
    live.declared_slices.push_back(
        result_of(fmt::format("{}={}", column.name, value), rows, labels, picks, quality));
  }
}

}  // namespace

Result<void> Monitor::take_apart(const Cursor& cursor, const WindowRows& rows, const Labels& labels,
                                 base::Timestamp now, VariantResult& live) {
  const MonitorDefinition& definition = *cursor.definition;
  const QualityRules quality = definition.quality();
  for (const DeclaredSlice& slice : definition.slices) {
    if (slice.is_column()) {
      const types::Column* column = rows.frame().find(slice.name);
      if (column == nullptr) {
        live.add_note("no slices of an input that requests don't have: " + slice.name);
      } else {
        add_column_slices(*column, rows, labels, quality, live);
      }
      continue;
    }
    if (ports_.conditions == nullptr) continue;
    const auto picks = ports_.conditions->holds(slice.when, rows.frame());
    if (!picks) {
      live.add_note(fmt::format("no slice {}: {}", slice.name, picks.error().message));
      continue;
    }
    live.declared_slices.push_back(result_of(slice.name, rows, labels, *picks, quality));
  }
  live.metrics["attribution_ndcg"] = kNone;
  // All inputs, declared or not, of as many rows as the limits say.
  const RowLosses looked_at =
      losses_of(rows, labels, quality, static_cast<std::size_t>(limits_.slice_rows));
  const std::unordered_set<std::string> answered = rows_to_attribute(definition, rows, live);
  std::unordered_set<std::string> ids = answered;
  for (const std::size_t row : looked_at.rows) ids.insert(rows.request_id(row));
  if (ids.empty()) {
    live.slices = SliceReport();
    return {};
  }
  const types::Frame frame =
      TRY(whole_rows(ports_.requests, definition.endpoint, cursor.window, ids));
  const WindowRows whole = TRY(WindowRows::of(frame));
  if (auto report = look_for_slices(cursor, whole, labels, now)) {
    live.slices = std::move(*report);
  } else {
    live.add_note("no slices looked for: " + report.error().message);
  }
  if (!answered.empty()) attribute(cursor, whole, answered, live);
  return {};
}

std::unordered_set<std::string> Monitor::rows_to_attribute(const MonitorDefinition& definition,
                                                           const WindowRows& rows,
                                                           const VariantResult& live) {
  std::vector<std::size_t> answered;
  if (ports_.attributions == nullptr || !definition.reference_from) return {};
  for (const std::size_t row : rows.by_variant().at("live")) {
    if (const auto answer = rows.scored(row);
        !answer.failed && answer.model_version == live.model_version)
      answered.push_back(row);
  }
  std::unordered_set<std::string> ids;
  for (const std::size_t row :
       sampled(std::move(answered), static_cast<std::size_t>(limits_.attribution_rows)))
    ids.insert(rows.request_id(row));
  return ids;
}

Result<SliceReport> Monitor::look_for_slices(const Cursor& cursor, const WindowRows& rows,
                                             const Labels& labels, base::Timestamp now) {
  const auto most = static_cast<std::size_t>(limits_.slice_rows);
  const MonitorDefinition& definition = *cursor.definition;
  const QualityRules quality = definition.quality();
  const RowLosses here = losses_of(rows, labels, quality, most);
  if (here.rows.empty()) return SliceReport();
  SliceReport report = find_slices(rows.frame(), here.rows, here.losses, here.expected);
  report.loss = here.name;
  if (report.slices.empty()) return report;
  // Whether it is new: the same slices in the window before.
  const Calendar calendar = TRY(Calendar::create(definition.time_zone, definition.week_starts));
  const Window before = calendar.window_of(cursor.kind, {cursor.window.start.micros - 1});
  std::set<std::string> columns(kScoreColumns.begin(), kScoreColumns.end());
  columns.insert("prediction_values");
  for (const Slice& slice : report.slices) {
    for (const Predicate& predicate : slice.predicates) columns.insert(predicate.input);
  }
  const types::Frame frame = TRY(ports_.requests.requests(
      definition.endpoint, before.start, before.end, {columns.begin(), columns.end()}));
  const WindowRows rows_before = TRY(WindowRows::of(frame));
  const Labels labels_before =
      TRY(labels_.find(definition.endpoint, rows_before.live_request_ids(), now));
  const RowLosses there = losses_of(rows_before, labels_before, quality, most);
  if (there.name != here.name) return report;
  const auto measured = measure_slices(report.slices, frame, there.rows, there.losses);
  for (std::size_t i = 0; i < measured.size(); ++i) report.slices[i].before = measured[i];
  return report;
}

void Monitor::attribute(const Cursor& cursor, const WindowRows& rows,
                        const std::unordered_set<std::string>& answered, VariantResult& live) {
  const MonitorDefinition& definition = *cursor.definition;
  const auto most = static_cast<std::size_t>(limits_.attribution_rows);
  auto& known = reference_attributions_[definition.name];
  if (!known.contains(live.model_version)) {
    const auto frame = ports_.reference.reference(definition.endpoint, *definition.reference_from,
                                                  *definition.reference_to);
    if (!frame || frame->rows() == 0) return;  // profile() says so
    std::vector<std::size_t> all(frame->rows());
    for (std::size_t row = 0; row < all.size(); ++row) all[row] = row;
    auto made = ports_.attributions->attributions(definition.endpoint, live.model_version, *frame,
                                                  sampled(std::move(all), most));
    // A model that can't be explained is no news in every window.
    if (!made) {
      if (made.error().code != Code::kFailedPrecondition)
        live.add_note("no attributions: " + made.error().message);
      return;
    }
    known[live.model_version] = std::move(*made);
  }
  std::vector<std::size_t> picked;
  const auto logged = rows.by_variant().find("live");
  if (logged == rows.by_variant().end()) {  // read anew, after they had gone
    live.add_note("no attributions: the requests are no longer in the log");
    return;
  }
  for (const std::size_t row : logged->second) {
    if (answered.contains(rows.request_id(row))) picked.push_back(row);
  }
  const auto now = ports_.attributions->attributions(definition.endpoint, live.model_version,
                                                     rows.frame(), picked);
  if (!now) {
    live.add_note("no attributions: " + now.error().message);
    return;
  }
  live.attributions = AttributionDrift::between(known[live.model_version], *now);
  live.metrics["attribution_ndcg"] = live.attributions->ndcg;
}

}  // namespace slipway::monitor
