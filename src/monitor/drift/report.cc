#include "monitor/drift/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "monitor/drift/methods.h"

namespace slipway::monitor {
namespace {

// Beyond this severity a p value says nothing more than "surely".
constexpr double kSure = 10;

using Columns = std::vector<std::pair<std::string, types::ColumnType>>;

bool has(const Columns& columns, const std::string& name) {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const auto& column) { return column.first == name; });
}

std::vector<std::string> names_of(const Columns& columns) {
  std::vector<std::string> names;
  for (const auto& [name, type] : columns) names.push_back(name);
  return names;
}

// The columns to compare, in the reference's order.
Result<std::vector<std::string>> common_columns(const ColumnSource& reference,
                                                const ColumnSource& current,
                                                const std::vector<std::string>& only) {
  for (const std::string& name : only) {
    for (const auto& [source, side] : {std::pair(&reference, "reference"), {&current, "current"}}) {
      if (has(source->columns(), name)) continue;
      return base::error(Code::kNotFound, "the {} data has no such column: column={} known={}",
                         side, name, fmt::join(names_of(source->columns()), ", "));
    }
  }
  std::vector<std::string> common;
  for (const auto& [name, type] : reference.columns()) {
    const bool wanted = only.empty() || std::find(only.begin(), only.end(), name) != only.end();
    if (wanted && has(current.columns(), name)) common.push_back(name);
  }
  if (common.empty()) {
    return base::error(Code::kInvalidArgument,
                       "the two data sets have no column in common: reference={} current={}",
                       fmt::join(names_of(reference.columns()), ", "),
                       fmt::join(names_of(current.columns()), ", "));
  }
  return common;
}

// The rows of a column that it is compared together with others by.
struct KeptRows {
  const std::vector<std::size_t>*reference_rows, *current_rows;  // nullptr: none are asked for
  std::optional<types::Column> reference, current;
  std::string note;  // why there are none

  void keep(const types::Column& before, const types::Column& now) {
    if (reference_rows == nullptr) return;
    if (!may_be_compared_together(before, now)) {
      note = fmt::format("{} is left out: {} before, {} now", before.name,
                         types::type_name(before.type), types::type_name(now.type));
    } else if (before.size() <= reference_rows->back() || now.size() <= current_rows->back()) {
      note = fmt::format("{} is left out: its rows changed meanwhile", before.name);
    } else {
      reference = before.take(*reference_rows);
      current = now.take(*current_rows);
    }
  }
};

Result<void> compare_together(std::vector<KeptRows> columns,
                              const std::vector<MultivariateRule>& rules, DriftReport& report) {
  types::Frame reference, current;
  std::vector<std::string> notes;
  for (KeptRows& column : columns) {
    if (!column.note.empty()) notes.push_back(std::move(column.note));
    if (!column.reference) continue;
    TRY(reference.add(std::move(*column.reference)));
    TRY(current.add(std::move(*column.current)));
  }
  for (MultivariateRule rule : rules) {
    rule.columns.clear();
    const MultivariateReference made = TRY(MultivariateReference::of(reference, rule));
    MultivariateDrift drift = TRY(made.compare(current));
    drift.notes.insert(drift.notes.end(), notes.begin(), notes.end());
    report.multivariate.push_back(std::move(drift));
  }
  return {};
}

// The method for a column, by its types on both sides as far as they tell: categories that are
// integers are found out later, and take the method of categories then.
Result<ColumnReport> compare_one(ColumnSource& reference, ColumnSource& current,
                                 const std::string& name, std::size_t columns,
                                 const DriftReportOptions& options, KeptRows& kept) try {
  types::Column before = TRY(reference.read(name));
  types::Column now = TRY(current.read(name));
  kept.keep(before, now);
  const auto or_method = [&](const std::string& given) {
    return given.empty() ? options.method : given;
  };
  auto report = compare_column(std::move(before), std::move(now),
                               {.numeric_method = or_method(options.numeric_method),
                                .categorical_method = or_method(options.categorical_method),
                                .threshold = options.threshold,
                                .columns = columns});
  if (!report) {
    return base::error(report.error().code, "{} column={}", report.error().message, name);
  }
  return report;
} catch (const std::exception& e) {  // the net at the entry of a thread
  return base::error(Code::kInternal, "the column could not be compared: {} column={}", e.what(),
                     name);
}

// The worst first: what changed altogether, what drifted, then by how far; equals by how many rows
// moved, then as the data has them.
bool is_worse(const ColumnReport& a, const ColumnReport& b) {
  const auto rank = [](Verdict verdict) {
    switch (verdict) {
      case Verdict::kChanged:
        return 0;
      case Verdict::kDrift:
        return 1;
      case Verdict::kNoDrift:
        return 2;
      case Verdict::kNotCompared:
        return 3;
    }
    return 3;
  };
  const auto severity = [](const ColumnReport& column) {
    return column.is_p_value ? std::min(column.severity, kSure) : column.severity;
  };
  const auto moved = [](const ColumnReport& column) {
    return std::isnan(column.moved) ? 0 : column.moved;
  };
  return std::tuple(rank(a.verdict), -severity(a), -moved(a)) <
         std::tuple(rank(b.verdict), -severity(b), -moved(b));
}

}  // namespace

double DriftReport::share() const {
  return compared == 0 ? std::numeric_limits<double>::quiet_NaN()
                       : static_cast<double>(drifted) / static_cast<double>(compared);
}

bool DriftReport::has_drifted() const { return share() >= drift_share; }

JsonObject DriftReport::to_json() const {
  JsonArray described;
  for (const ColumnReport& column : columns) described.push_back(column.to_json());
  JsonArray together;
  for (const MultivariateDrift& drift : multivariate) together.push_back(drift.to_json());
  return {{"reference", {{"name", reference_name}, {"rows", reference_rows}}},
          {"current", {{"name", current_name}, {"rows", current_rows}}},
          {"method", method},
          {"drift_share", drift_share},
          {"columns_compared", compared},
          {"columns_drifted", drifted},
          {"share_drifted", base::number_or_null(share())},
          {"drifted", has_drifted()},
          {"only_in_reference", JsonArray(only_in_reference.begin(), only_in_reference.end())},
          {"only_in_current", JsonArray(only_in_current.begin(), only_in_current.end())},
          {"multivariate", std::move(together)},
          {"columns", std::move(described)}};
}

Result<DriftReport> compare_columns(ColumnSource& reference, ColumnSource& current,
                                    const DriftReportOptions& options) {
  for (const auto& [source, side] : {std::pair(&reference, "reference"), {&current, "current"}}) {
    if (source->rows() == 0)
      return base::error(Code::kInvalidArgument, "the {} data has no rows", side);
  }
  const std::vector<std::string> common = TRY(common_columns(reference, current, options.columns));
  for (const std::string* method :
       {&options.method, &options.numeric_method, &options.categorical_method}) {
    if (!method->empty()) TRY(check_drift_method(*method));
  }
  DriftReport report{.reference_rows = reference.rows(),
                     .current_rows = current.rows(),
                     .method = options.method,
                     .drift_share = options.drift_share};
  std::size_t rows_max = 0;
  for (const MultivariateRule& rule : options.multivariate) {
    TRY(check_multivariate_method(rule.method));
    rows_max = std::max(rows_max, rule.rows_max);
  }
  std::vector<std::size_t> reference_rows, current_rows;
  KeptRows none{.reference_rows = nullptr, .current_rows = nullptr};
  if (!options.multivariate.empty()) {
    reference_rows =
        rows_drawn(static_cast<std::size_t>(reference.rows()), rows_max, kReferenceSeed);
    current_rows = rows_drawn(static_cast<std::size_t>(current.rows()), rows_max, kCurrentSeed);
    none = {.reference_rows = &reference_rows, .current_rows = &current_rows};
  }
  std::vector<KeptRows> kept(common.size(), none);
  std::vector<std::optional<Result<ColumnReport>>> found(common.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    for (std::size_t i = next++; i < common.size() && !failed; i = next++) {
      found[i] = compare_one(reference, current, common[i], common.size(), options, kept[i]);
      if (!*found[i]) failed = true;
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t threads = std::clamp<std::size_t>(options.threads, 1, common.size());
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  for (auto& column : found) {
    if (!column) continue;  // another one failed before
    if (!*column) return column->error();
    report.columns.push_back(std::move(**column));
  }
  std::stable_sort(report.columns.begin(), report.columns.end(), is_worse);
  if (!options.multivariate.empty())
    TRY(compare_together(std::move(kept), options.multivariate, report));
  for (const ColumnReport& column : report.columns) {
    report.compared += column.verdict != Verdict::kNotCompared;
    report.drifted += column.verdict == Verdict::kDrift || column.verdict == Verdict::kChanged;
  }
  if (options.columns.empty()) {
    for (const auto& [name, type] : reference.columns()) {
      if (!has(current.columns(), name)) report.only_in_reference.push_back(name);
    }
    for (const auto& [name, type] : current.columns()) {
      if (!has(reference.columns(), name)) report.only_in_current.push_back(name);
    }
  }
  return report;
}

}  // namespace slipway::monitor
