#include "monitor/drift/column_report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>

#include "monitor/drift/bins.h"
#include "monitor/drift/category_samples.h"
#include "monitor/drift/category_tests.h"
#include "monitor/drift/draws.h"
#include "monitor/drift/methods.h"
#include "monitor/drift/number_samples.h"
#include "monitor/drift/share_distances.h"
#include "monitor/drift/text_contents.h"
#include "monitor/drift/units.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using types::Column;
using types::ColumnType;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kFewIntegers = 10;
constexpr std::size_t kBins = 20, kValueBinsMax = 12, kLabels = 10, kNames = 5;
// A change of the share of missing values is told when it is as sure and as large as drift is.
constexpr double kMissingP = 0.001, kMissingChange = 0.02, kOutsideShare = 0.001;

std::string percent(double share) {
  return share > 0 && share < 0.0001 ? "<0.01%" : fmt::format("{:.4g}%", 100 * share);
}

double severity_of(const DriftMethod& method, double score, double threshold) {
  if (std::isnan(score) || threshold <= 0) return 0;
  if (!method.is_p_value) return std::min(score / threshold, std::numeric_limits<double>::max());
  if (threshold >= 1) return score <= threshold ? 1 : 0;
  return std::log(std::max(score, 1e-300)) / std::log(threshold);
}

// The method's say about a pair, into the report.
void judge(const DriftChoice& choice, double threshold, const DriftScore& score,
           ColumnReport& report) {
  report.method = choice.method->name;
  report.method_title = choice.method->title;
  report.is_p_value = choice.method->is_p_value;
  report.score = score.value;
  report.threshold = score.limit.value_or(threshold);
  const bool drifted = choice.method->has_drifted(score, report.threshold);
  report.verdict = drifted ? Verdict::kDrift : Verdict::kNoDrift;
  report.severity = severity_of(*choice.method, score.value, report.threshold);
  if (!drifted) report.severity = std::min(report.severity, 1.0);
}

template <typename Pair>
void judge(const DriftChoice& choice, const ColumnRule& rule, const Pair& pair,
           DriftScore (*measure)(const Pair&), ColumnReport& report) {
  judge(choice, rule.threshold > 0 ? rule.threshold : choice.threshold, measure(pair), report);
}

void describe(const NumberSample& sample, ColumnSide& side) {
  if (sample.sorted.empty()) {
    side.least = side.greatest = side.mean = side.deviation = side.median = kNone;
    return;
  }
  side.least = sample.sorted.front();
  side.greatest = sample.sorted.back();
  side.median = sample.sorted[sample.sorted.size() / 2];
  side.mean = sample.moments.mean;
  side.deviation = std::sqrt(sample.moments.squares / static_cast<double>(sample.sorted.size()));
}

std::vector<double> shares_of(std::vector<double> counts) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  for (double& count : counts) count = all > 0 ? count / all : 0;
  return counts;
}

// Equal widths over what 99% of both sides lie in: single outliers don't flatten the picture.
void draw_numbers(const NumberPair& pair, ColumnReport& report) {
  if (distinct_values(pair, kValueBinsMax) <= kValueBinsMax) {
    for (const double value : values_of(pair))
      report.labels.push_back(fmt::format("{:.6g}", value));
    const CategoryPair table = by_value(pair);
    report.reference_shares = shares_of(table.reference);
    report.current_shares = shares_of(table.current);
    return;
  }
  const auto quantile = [](std::span<const double> sorted, double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
  };
  double low = kNone, high = kNone;
  for (const auto& side : {pair.reference, pair.current}) {
    if (side.empty()) continue;
    low = std::fmin(low, quantile(side, 0.005));
    high = std::fmax(high, quantile(side, 0.995));
  }
  report.edges = equal_width_edges(low, high, kBins);
  std::vector<double> open = report.edges;
  open.front() = -std::numeric_limits<double>::infinity();
  open.back() = std::numeric_limits<double>::infinity();
  report.reference_shares = shares_of(histogram(pair.reference, open));
  report.current_shares = shares_of(histogram(pair.current, open));
}

void note_missing(ColumnReport& report) {
  const auto& [reference, current] = std::pair(report.reference, report.current);
  const double before = reference.missing_rate(), now = current.missing_rate();
  const double counts[2][2] = {
      {static_cast<double>(reference.rows - reference.missing),
       static_cast<double>(reference.missing)},
      {static_cast<double>(current.rows - current.missing), static_cast<double>(current.missing)}};
  if (std::abs(now - before) >= kMissingChange &&
      proportions_z_test(counts[0], counts[1]) <= kMissingP) {
    report.notes.push_back(
        fmt::format("missing values: {} before, {} now", percent(before), percent(now)));
  }
}

void note_infinite(ColumnReport& report) {
  const ColumnSide &before = report.reference, &now = report.current;
  if (now.infinite <= before.infinite && !(before.is_empty() && before.infinite > 0)) return;
  report.notes.push_back(
      fmt::format("infinite values: {} before, {} now", before.infinite, now.infinite));
}

void note_numbers(const NumberPair& pair, ColumnReport& report) {
  const ColumnSide &before = report.reference, &now = report.current;
  if (pair.reference.empty() || pair.current.empty()) return;
  const auto below = std::lower_bound(pair.current.begin(), pair.current.end(), before.least);
  const auto above = std::upper_bound(pair.current.begin(), pair.current.end(), before.greatest);
  const auto all = static_cast<double>(pair.current.size());
  report.below = static_cast<double>(below - pair.current.begin()) / all;
  report.above = static_cast<double>(pair.current.end() - above) / all;
  // Of the same distribution, about one row in as many as the reference has lies beyond an end.
  const double expected = 10 / static_cast<double>(pair.reference.size());
  if (std::max(report.below, report.above) >= std::max(kOutsideShare, expected)) {
    report.notes.push_back(fmt::format("outside the range before: {} below {:.6g}, {} above {:.6g}",
                                       percent(report.below), before.least, percent(report.above),
                                       before.greatest));
  }
  if (now.least == now.greatest && before.least != before.greatest) {
    report.notes.push_back(fmt::format("one value only: {:.6g}", now.least));
  }
  const bool drifted = report.verdict == Verdict::kDrift;
  if (std::string unit = unit_words(pair.reference, pair.current, drifted); !unit.empty())
    report.notes.push_back(std::move(unit));
}

void note_categories(ColumnReport& report) {
  const auto names = [](const OneSided& side) {
    return fmt::format("{}{}", fmt::join(side.names, ", "),
                       side.categories > std::ssize(side.names) ? ", ..." : "");
  };
  if (const OneSided& side = report.new_categories; side.categories > 0) {
    report.notes.push_back(fmt::format("{} new {} in {} of the rows: {}", side.categories,
                                       side.categories == 1 ? "category" : "categories",
                                       percent(side.share), names(side)));
  }
  if (const OneSided& side = report.gone_categories; side.categories > 0) {
    report.notes.push_back(fmt::format(
        "{} gone that had {} of the rows: {}",
        side.categories == 1 ? "1 category is" : fmt::format("{} categories are", side.categories),
        percent(side.share), names(side)));
  }
}

// The most frequent categories, all others in one.
void draw_categories(const CategorySamples& samples, ColumnReport& report) {
  const auto& [p, q] = std::pair(samples.pair.reference, samples.pair.current);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const double all_p = std::accumulate(p.begin(), p.end(), 0.0);
  const double all_q = std::accumulate(q.begin(), q.end(), 0.0);
  const auto weight = [&](std::size_t i) {
    return (all_p > 0 ? p[i] / all_p : 0) + (all_q > 0 ? q[i] / all_q : 0);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  std::vector<double> drawn_p, drawn_q;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::size_t i = order[k];
    if (k < kLabels) {
      report.labels.push_back(samples.names[i]);
      drawn_p.push_back(p[i]);
      drawn_q.push_back(q[i]);
    } else {
      if (k == kLabels) {
        report.labels.push_back(fmt::format("{} others", order.size() - kLabels));
        drawn_p.push_back(0);
        drawn_q.push_back(0);
      }
      drawn_p.back() += p[i];
      drawn_q.back() += q[i];
    }
    for (const auto& [here, there, all, side] :
         {std::tuple(q[i], p[i], all_q, &report.new_categories),
          std::tuple(p[i], q[i], all_p, &report.gone_categories)}) {
      if (here <= 0 || there > 0) continue;
      ++side->categories;
      side->share += here / all;
      if (side->names.size() < kNames) side->names.push_back(samples.names[i]);
    }
  }
  report.reference_shares = shares_of(std::move(drawn_p));
  report.current_shares = shares_of(std::move(drawn_q));
}

Result<void> compare_categories(CategorySamples samples, const ColumnRule& rule,
                                ColumnReport& report) {
  report.kind = ColumnKind::kCategorical;
  const double values =
      std::accumulate(samples.pair.reference.begin(), samples.pair.reference.end(), 0.0);
  const DriftChoice choice = TRY(choose_drift_method(
      rule.categorical_method, {.categorical = true,
                                .reference_values = static_cast<std::size_t>(values),
                                .distinct = samples.names.size(),
                                .columns = rule.columns}));
  judge(choice, rule, samples.pair, choice.method->of_categories, report);
  draw_categories(samples, report);
  note_categories(report);
  return {};
}

Result<void> compare_numbers(NumberSample reference, NumberSample current, Values values,
                             const ColumnRule& rule, ColumnReport& report) {
  describe(reference, report.reference);
  describe(current, report.current);
  const NumberPair pair{.reference = reference.sorted,
                        .current = current.sorted,
                        .values = values,
                        .reference_inflation = reference.inflation,
                        .current_inflation = current.inflation};
  const DriftChoice choice =
      TRY(choose_drift_method(rule.numeric_method, {.reference_values = reference.sorted.size(),
                                                    .distinct = distinct_values(pair, kFewIntegers),
                                                    .columns = rule.columns}));
  if (choice.by_value) {
    judge(choice, rule, by_value(pair), choice.method->of_categories, report);
  } else {
    judge(choice, rule, pair, choice.method->of_numbers, report);
  }
  draw_numbers(pair, report);
  note_numbers(pair, report);
  return {};
}

// At most kTextsMax of the texts, each equally likely.
std::vector<std::string_view> texts_of(const Column& column, std::uint64_t seed, bool& drawn) {
  std::vector<std::string_view> texts;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.is_valid(row)) texts.push_back(column.strings[row]);
  }
  if (texts.size() <= kTextsMax) return texts;
  drawn = true;
  std::vector<std::string_view> some;
  for (const std::size_t i : rows_drawn(texts.size(), kTextsMax, seed)) some.push_back(texts[i]);
  return some;
}

Result<void> compare_texts(const Column& reference, const Column& current, const ColumnRule& rule,
                           ColumnReport& report) {
  report.kind = ColumnKind::kText;
  const DriftChoice choice = TRY(choose_drift_method(
      rule.text_method, {.text = true,
                         .reference_values = static_cast<std::size_t>(report.reference.rows -
                                                                      report.reference.missing),
                         .columns = rule.columns}));
  bool drawn = false;
  const TextPair pair{.reference = texts_of(reference, kReferenceSeed, drawn),
                      .current = texts_of(current, kCurrentSeed, drawn)};
  if (drawn) {
    report.notes.push_back(
        fmt::format("{} texts a side were looked at, drawn at random", kTextsMax));
  }
  auto contents = tell_texts_apart(pair);
  if (!contents) {
    report.notes.push_back("texts without words to tell them apart by, or too few: not compared");
    return {};
  }
  const double threshold = rule.text_threshold > 0 ? rule.text_threshold : choice.threshold;
  judge(choice, threshold, choice.method->of_texts(*contents, threshold), report);
  report.current_words = std::move(contents->current_words);
  report.reference_words = std::move(contents->reference_words);
  if (report.verdict != Verdict::kDrift) return {};
  std::string words;
  for (const auto& [side, of_side] :
       {std::pair("now", &report.current_words), {"before", &report.reference_words}}) {
    if (of_side->empty()) continue;
    words += fmt::format("{}of {}: {}", words.empty() ? "words " : "; ", side,
                         fmt::join(*of_side, ", "));
  }
  if (!words.empty()) report.notes.push_back(std::move(words));
  return {};
}

// "from A to B before, from C to D now".
void note_times(const Column& reference, const Column& current, ColumnReport& report) {
  std::string note;
  for (const auto& [column, side] : {std::pair(&reference, "before"), {&current, "now"}}) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max(), greatest = -least;
    for (std::size_t row = 0; row < column->size(); ++row) {
      if (!column->is_valid(row)) continue;
      least = std::min(least, column->ints[row]);
      greatest = std::max(greatest, column->ints[row]);
    }
    note += fmt::format("{}from {} to {} {}", note.empty() ? "" : ", ",
                        types::to_rfc3339(base::Timestamp{least}),
                        types::to_rfc3339(base::Timestamp{greatest}), side);
  }
  report.notes.push_back(std::move(note));
}

bool is_number(ColumnType type) {
  return type == ColumnType::kDouble || type == ColumnType::kInt64 || type == ColumnType::kBool;
}

ColumnSide side_of(const Column& column) {
  ColumnSide side{.rows = static_cast<std::int64_t>(column.size()),
                  .missing = static_cast<std::int64_t>(column.null_count())};
  if (column.type == ColumnType::kDouble) {
    // Nulls hold NaN too.
    side.missing = 0;
    for (const double value : column.doubles) {
      side.missing += std::isnan(value);
      side.infinite += std::isinf(value);
    }
  }
  side.least = side.greatest = side.mean = side.deviation = side.median = kNone;
  return side;
}

JsonObject side_to_json(const ColumnSide& side, ColumnKind kind) {
  using base::number_or_null;
  JsonObject object{{"rows", side.rows},
                    {"missing", side.missing},
                    {"missing_rate", number_or_null(side.missing_rate())}};
  if (kind == ColumnKind::kNumeric) {
    object["infinite"] = side.infinite;
    object["min"] = number_or_null(side.least);
    object["max"] = number_or_null(side.greatest);
    object["mean"] = number_or_null(side.mean);
    object["std"] = number_or_null(side.deviation);
    object["median"] = number_or_null(side.median);
  }
  return object;
}

JsonObject one_sided_to_json(const OneSided& side) {
  return {{"categories", side.categories},
          {"share", side.share},
          {"names", JsonArray(side.names.begin(), side.names.end())}};
}

}  // namespace

std::string_view column_kind_name(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kNumeric:
      return "numeric";
    case ColumnKind::kCategorical:
      return "categorical";
    case ColumnKind::kText:
      return "text";
    case ColumnKind::kTime:
      return "time";
  }
  return "";
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNoDrift:
      return "no drift";
    case Verdict::kDrift:
      return "drift";
    case Verdict::kChanged:
      return "changed";
    case Verdict::kNotCompared:
      return "not compared";
  }
  return "";
}

double ColumnSide::missing_rate() const {
  return rows == 0 ? kNone : static_cast<double>(missing) / static_cast<double>(rows);
}

void ColumnReport::hide_values() {
  for (ColumnSide* side : {&reference, &current})
    side->least = side->greatest = side->mean = side->deviation = side->median = kNone;
  for (auto* shares : {&edges, &reference_shares, &current_shares}) shares->clear();
  for (auto* words :
       {&labels, &new_categories.names, &gone_categories.names, &current_words, &reference_words})
    words->clear();
  notes = {"values are masked"};
}

JsonObject ColumnReport::to_json() const {
  using base::number_or_null;
  JsonObject object{
      {"column", name}, {"kind", column_kind_name(kind)}, {"verdict", verdict_name(verdict)}};
  if (!method.empty()) {
    object["method"] = method;
    object["method_title"] = method_title;
    object["score_is"] = kind == ColumnKind::kText ? "AUC" : is_p_value ? "p value" : "distance";
    object["score"] = number_or_null(score);
    object["threshold"] = threshold;
    object["severity"] = severity;
    object["moved"] = number_or_null(moved);
  }
  object["reference"] = side_to_json(reference, kind);
  object["current"] = side_to_json(current, kind);
  if (!reference_shares.empty()) {
    JsonObject drawn;
    if (edges.empty()) {
      drawn["labels"] = JsonArray(labels.begin(), labels.end());
    } else {
      JsonArray numbers;
      for (const double edge : edges) numbers.push_back(number_or_null(edge));
      drawn["edges"] = std::move(numbers);
    }
    drawn["reference"] = JsonArray(reference_shares.begin(), reference_shares.end());
    drawn["current"] = JsonArray(current_shares.begin(), current_shares.end());
    object["histogram"] = std::move(drawn);
  }
  if (kind == ColumnKind::kNumeric) {
    object["below_range"] = below;
    object["above_range"] = above;
  }
  if (kind == ColumnKind::kCategorical) {
    object["new_categories"] = one_sided_to_json(new_categories);
    object["gone_categories"] = one_sided_to_json(gone_categories);
  }
  if (kind == ColumnKind::kText && !method.empty()) {
    object["words"] = {{"reference", JsonArray(reference_words.begin(), reference_words.end())},
                       {"current", JsonArray(current_words.begin(), current_words.end())}};
  }
  object["notes"] = JsonArray(notes.begin(), notes.end());
  return object;
}

Result<ColumnReport> compare_column(Column reference, Column current, const ColumnRule& rule) {
  ColumnReport report{.name = reference.name};
  report.reference = side_of(reference);
  report.current = side_of(current);
  const bool no_reference = report.reference.is_empty(), no_current = report.current.is_empty();
  note_infinite(report);
  const bool numbers = is_number(reference.type), now_numbers = is_number(current.type);
  if (no_reference || no_current) {
    // A column without any value may come with any type.
    const ColumnType type = no_reference ? current.type : reference.type;
    report.kind = is_number(type)                  ? ColumnKind::kNumeric
                  : type == ColumnType::kTimestamp ? ColumnKind::kTime
                                                   : ColumnKind::kCategorical;
    if (no_reference && no_current) {
      report.notes.push_back("no value on both sides");
    } else {
      report.verdict = Verdict::kChanged;
      report.severity = std::numeric_limits<double>::max();
      const ColumnSide& empty = no_current ? report.current : report.reference;
      report.notes.push_back(fmt::format("no {}value {}", empty.infinite > 0 ? "finite " : "",
                                         no_current ? "any more" : "in the reference"));
    }
    return report;
  }
  if (numbers != now_numbers || (!numbers && reference.type != current.type)) {
    report.kind = numbers ? ColumnKind::kNumeric : ColumnKind::kCategorical;
    report.verdict = Verdict::kChanged;
    report.severity = std::numeric_limits<double>::max();
    report.notes.push_back(fmt::format("another type: {} before, {} now",
                                       types::type_name(reference.type),
                                       types::type_name(current.type)));
    return report;
  }
  note_missing(report);
  if (reference.type == ColumnType::kTimestamp) {
    report.kind = ColumnKind::kTime;
    note_times(reference, current, report);
    return report;
  }
  if (!numbers) {
    CategorySamples samples = CategorySamples::of(reference, current);
    if (2 * samples.current_categories >
        static_cast<std::size_t>(report.current.rows - report.current.missing)) {
      samples = {};
      TRY(compare_texts(reference, current, rule, report));
      return report;
    }
    TRY(compare_categories(std::move(samples), rule, report));
  } else {
    const bool whole = reference.type != ColumnType::kDouble && current.type != ColumnType::kDouble;
    const bool flags = current.type == ColumnType::kBool;
    const bool integers = current.type == ColumnType::kInt64;
    const auto dependence =
        counts_effective_rows(rule.numeric_method) || counts_effective_rows(rule.categorical_method)
            ? NumberSample::Dependence::kMeasured
            : NumberSample::Dependence::kIgnored;
    NumberSample before = NumberSample::of(std::move(reference), dependence);
    NumberSample now = NumberSample::of(std::move(current), dependence);
    if (flags || (integers && distinct_values(now.sorted, kFewIntegers) <= kFewIntegers)) {
      TRY(compare_categories(CategorySamples::of(before, now), rule, report));
    } else {
      TRY(compare_numbers(std::move(before), std::move(now), whole ? Values::kWhole : Values::kReal,
                          rule, report));
    }
  }
  report.moved = total_variation_distance(report.reference_shares, report.current_shares);
  return report;
}

}  // namespace slipway::monitor
