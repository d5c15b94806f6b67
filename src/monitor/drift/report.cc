#include "monitor/drift/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "monitor/drift/draws.h"
#include "monitor/drift/methods.h"
#include "monitor/drift/repeated_rows.h"

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
                                                const std::vector<std::string>& only,
                                                const std::vector<Embedding>& embeddings) {
  const auto is_embedded = [&](const std::string& name) {
    return std::any_of(embeddings.begin(), embeddings.end(), [&](const Embedding& embedding) {
      const auto& columns = embedding.columns;
      return columns.empty() ? embedding.name == name
                             : std::find(columns.begin(), columns.end(), name) != columns.end();
    });
  };
  for (const std::string& name : only) {
    if (is_embedded(name)) continue;
    for (const auto& [source, side] : {std::pair(&reference, "reference"), {&current, "current"}}) {
      if (has(source->columns(), name)) continue;
      return base::error(Code::kNotFound, "the {} data has no such column: column={} known={}",
                         side, name, fmt::join(names_of(source->columns()), ", "));
    }
  }
  std::vector<std::string> common;
  for (const auto& [name, type] : reference.columns()) {
    const bool wanted = only.empty() || std::find(only.begin(), only.end(), name) != only.end();
    if (wanted && has(current.columns(), name) && !is_embedded(name)) common.push_back(name);
  }
  if (common.empty() && embeddings.empty()) {
    return base::error(Code::kInvalidArgument,
                       "the two data sets have no column in common: reference={} current={}",
                       fmt::join(names_of(reference.columns()), ", "),
                       fmt::join(names_of(current.columns()), ", "));
  }
  return common;
}

// What is kept of the rows of one side while its columns pass by.
struct KeptSide {
  std::vector<std::size_t> rows;      // that columns are looked at together by
  std::vector<std::uint64_t> hashes;  // of each row, over all columns; if those are asked for
};

// What several columns are looked at together by. Columns may come from several threads.
struct Kept {
  bool rows = false, hashes = false;  // what is asked for
  KeptSide reference, current;
  base::Mutex mutex;

  // `place` is the column's among all.
  void add_hashes(const types::Column& column, std::size_t place, KeptSide& side) {
    std::vector<std::uint64_t> hashes(column.size());
    for (std::size_t row = 0; row < hashes.size(); ++row)
      hashes[row] = cell_hash(column, place, row);
    const base::MutexLock lock(mutex);
    side.hashes.resize(std::max(side.hashes.size(), hashes.size()), 0);
    for (std::size_t row = 0; row < hashes.size(); ++row) side.hashes[row] += hashes[row];
  }
};

// A column as it is looked at together with others.
struct KeptColumn {
  std::optional<types::Column> reference, current;
  std::string note;  // why there is none

  void keep(const types::Column& before, const types::Column& now, const Kept& kept) {
    if (!may_be_compared_together(before, now)) {
      note = fmt::format("{} is left out: {} before, {} now", before.name,
                         types::type_name(before.type), types::type_name(now.type));
    } else if (before.size() <= kept.reference.rows.back() ||
               now.size() <= kept.current.rows.back()) {
      note = fmt::format("{} is left out: its rows changed meanwhile", before.name);
    } else {
      reference = before.take(kept.reference.rows);
      current = now.take(kept.current.rows);
    }
  }
};

Result<void> compare_together(std::vector<KeptColumn> columns, const DriftReportOptions& options,
                              DriftReport& report) {
  types::Frame reference, current;
  std::vector<std::string> notes;
  for (KeptColumn& column : columns) {
    if (!column.note.empty()) notes.push_back(std::move(column.note));
    if (!column.reference) continue;
    TRY(reference.add(std::move(*column.reference)));
    TRY(current.add(std::move(*column.current)));
  }
  for (MultivariateRule rule : options.multivariate) {
    rule.columns.clear();
    rule.rows_max = options.rows_together;
    const MultivariateReference made = TRY(MultivariateReference::of(reference, rule));
    MultivariateDrift drift = TRY(made.compare(current));
    drift.notes.insert(drift.notes.end(), notes.begin(), notes.end());
    report.multivariate.push_back(std::move(drift));
  }
  if (report.quality) report.quality->associations = association_changes(reference, current);
  return {};
}

Error lost_rows(const Embedding& embedding) {
  return base::error(Code::kInvalidArgument,
                     "an embedding has no values, or its rows changed meanwhile: embedding={}",
                     embedding.name);
}

// The components of an embedding, of the rows that are looked at.
Result<types::Frame> components_of(ColumnSource& source, const Embedding& embedding,
                                   const std::vector<std::size_t>& rows) {
  const auto lists = source.lists();
  if (std::find(lists.begin(), lists.end(), embedding.name) != lists.end() &&
      embedding.columns.empty()) {
    const types::Frame all = TRY(source.read_lists(embedding.name));
    if (all.rows() <= rows.back()) return lost_rows(embedding);
    return all.take(rows);
  }
  types::Frame frame;
  for (const std::string& name : embedding.columns) {
    const types::Column column = TRY(source.read(name));
    if (column.size() <= rows.back()) return lost_rows(embedding);
    TRY(frame.add(column.take(rows)));
  }
  return frame;
}

// Those that are declared, and the lists of both sides.
Result<std::vector<Embedding>> embeddings_of(const ColumnSource& reference,
                                             const ColumnSource& current,
                                             const DriftReportOptions& options) {
  std::vector<Embedding> embeddings;
  for (const std::string& text : options.embeddings) {
    Embedding embedding = TRY(parse_embedding(text, reference));
    for (const std::string& name : embedding.columns) {
      for (const auto& [source, side] :
           {std::pair(&reference, "reference"), {&current, "current"}}) {
        if (has(source->columns(), name)) continue;
        return base::error(Code::kNotFound,
                           "the {} data has no such column: column={} embedding={}", side, name,
                           embedding.name);
      }
    }
    embeddings.push_back(std::move(embedding));
  }
  const auto now = current.lists();
  for (const std::string& name : reference.lists()) {
    const auto& only = options.columns;
    if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) continue;
    if (std::find(now.begin(), now.end(), name) != now.end())
      embeddings.push_back({.name = name, .columns = {}});
  }
  return embeddings;
}

Result<EmbeddingDrift> compare_embedding(ColumnSource& reference, ColumnSource& current,
                                         const Embedding& embedding, const Kept& kept,
                                         const EmbeddingRule& rule) {
  const types::Frame before = TRY(components_of(reference, embedding, kept.reference.rows));
  const types::Frame now = TRY(components_of(current, embedding, kept.current.rows));
  if (before.columns().size() != now.columns().size()) {
    return base::error(
        Code::kInvalidArgument,
        "an embedding has other components now: embedding={} reference={} current={}",
        embedding.name, before.columns().size(), now.columns().size());
  }
  return compare_embeddings(embedding.name, before, now, rule);
}

// What texts are compared by when nobody says it.
std::string text_method(const DriftReportOptions& options) {
  if (!options.text_method.empty()) return options.text_method;
  return choose_drift_method(options.method, {.text = true}) ? options.method : "slipway";
}

// How a column is compared, whatever its type turns out to be.
ColumnRule rule_of(const std::string& name, std::size_t columns,
                   const DriftReportOptions& options) {
  if (const auto own = options.rules.find(name); own != options.rules.end()) {
    const DriftRule& rule = own->second;
    return {.numeric_method = rule.method,
            .categorical_method = rule.method,
            .text_method = text_method({.method = rule.method}),
            .threshold = rule.threshold.value_or(0),
            .text_threshold = rule.threshold.value_or(0),
            .columns = columns};
  }
  const auto or_method = [&](const std::string& given) {
    return given.empty() ? options.method : given;
  };
  return {.numeric_method = or_method(options.numeric_method),
          .categorical_method = or_method(options.categorical_method),
          .text_method = text_method(options),
          .threshold = options.threshold,
          .text_threshold = options.text_method.empty() ? 0 : options.threshold,
          .columns = columns};
}

// The method for a column, by its types on both sides as far as they tell: categories that are
// integers are found out later, and take the method of categories then.
Result<ColumnReport> compare_one(ColumnSource& reference, ColumnSource& current,
                                 const std::string& name, std::size_t columns,
                                 const DriftReportOptions& options, Kept& kept, std::size_t place,
                                 KeptColumn& column) try {
  types::Column before = TRY(reference.read(name));
  types::Column now = TRY(current.read(name));
  if (kept.rows) column.keep(before, now, kept);
  if (kept.hashes) {
    kept.add_hashes(before, place, kept.reference);
    kept.add_hashes(now, place, kept.current);
  }
  auto report = compare_column(std::move(before), std::move(now), rule_of(name, columns, options));
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

JsonObject DataQuality::to_json() const {
  JsonArray changes;
  for (const AssociationChange& change : associations) changes.push_back(change.to_json());
  return {{"duplicates", {{"reference", reference_duplicates}, {"current", current_duplicates}}},
          {"associations", std::move(changes)}};
}

Result<Embedding> parse_embedding(const std::string& text, const ColumnSource& source) {
  const std::size_t is = text.find('=');
  if (is == std::string::npos || is == 0 || is + 1 == text.size()) {
    return base::error(Code::kInvalidArgument,
                       "an embedding is NAME=COLUMN,COLUMN or NAME=PREFIX*: {}", text);
  }
  Embedding embedding{.name = text.substr(0, is), .columns = {}};
  const std::string columns = text.substr(is + 1);
  if (columns.back() == '*') {
    const std::string_view prefix = std::string_view(columns).substr(0, columns.size() - 1);
    for (const auto& [name, type] : source.columns()) {
      if (name.starts_with(prefix)) embedding.columns.push_back(name);
    }
    if (embedding.columns.empty())
      return base::error(Code::kInvalidArgument, "no column begins so: {}", text);
    return embedding;
  }
  for (std::size_t from = 0; from <= columns.size();) {
    const std::size_t to = std::min(columns.find(',', from), columns.size());
    embedding.columns.push_back(columns.substr(from, to - from));
    from = to + 1;
  }
  return embedding;
}

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
  JsonArray vectors;
  for (const EmbeddingDrift& drift : embeddings) vectors.push_back(drift.to_json());
  JsonObject object{
      {"reference", {{"name", reference_name}, {"rows", reference_rows}}},
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
      {"embeddings", std::move(vectors)},
      {"columns", std::move(described)}};
  if (quality) object["quality"] = quality->to_json();
  return object;
}

Result<DriftReport> compare_columns(ColumnSource& reference, ColumnSource& current,
                                    const DriftReportOptions& options) {
  for (const auto& [source, side] : {std::pair(&reference, "reference"), {&current, "current"}}) {
    if (source->rows() == 0)
      return base::error(Code::kInvalidArgument, "the {} data has no rows", side);
  }
  const std::vector<Embedding> embeddings = TRY(embeddings_of(reference, current, options));
  TRY(check_embedding_rule(options.embedding));
  const std::vector<std::string> common =
      TRY(common_columns(reference, current, options.columns, embeddings));
  for (const std::string* method : {&options.method, &options.numeric_method,
                                    &options.categorical_method, &options.text_method}) {
    if (!method->empty()) TRY(check_drift_method(*method));
  }
  DriftReport report{.reference_rows = reference.rows(),
                     .current_rows = current.rows(),
                     .method = options.method,
                     .drift_share = options.drift_share};
  for (const MultivariateRule& rule : options.multivariate)
    TRY(check_multivariate_method(rule.method));
  Kept kept;
  kept.rows = !options.multivariate.empty() || options.quality;
  kept.hashes = options.quality;
  if (kept.rows || !embeddings.empty()) {
    kept.reference.rows = rows_drawn(static_cast<std::size_t>(reference.rows()),
                                     options.rows_together, kReferenceSeed);
    kept.current.rows =
        rows_drawn(static_cast<std::size_t>(current.rows()), options.rows_together, kCurrentSeed);
  }
  std::vector<KeptColumn> columns(common.size());
  std::vector<std::optional<Result<ColumnReport>>> found(common.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    for (std::size_t i = next++; i < common.size() && !failed; i = next++) {
      found[i] =
          compare_one(reference, current, common[i], common.size(), options, kept, i, columns[i]);
      if (!*found[i]) failed = true;
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t threads =
        std::clamp<std::size_t>(options.threads, 1, std::max<std::size_t>(1, common.size()));
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  for (auto& column : found) {
    if (!column) continue;  // another one failed before
    if (!*column) return column->error();
    report.columns.push_back(std::move(**column));
  }
  std::stable_sort(report.columns.begin(), report.columns.end(), is_worse);
  if (options.quality) {
    report.quality.emplace();
    report.quality->reference_duplicates = repeated_rows(std::move(kept.reference.hashes));
    report.quality->current_duplicates = repeated_rows(std::move(kept.current.hashes));
  }
  if (kept.rows) TRY(compare_together(std::move(columns), options, report));
  for (const Embedding& embedding : embeddings) {
    report.embeddings.push_back(
        TRY(compare_embedding(reference, current, embedding, kept, options.embedding)));
  }
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
    for (const auto& [source, other, only] :
         {std::tuple(&reference, &current, &report.only_in_reference),
          std::tuple(&current, &reference, &report.only_in_current)}) {
      const auto there = other->lists();
      for (std::string& name : source->lists()) {
        if (std::find(there.begin(), there.end(), name) == there.end())
          only->push_back(std::move(name));
      }
    }
  }
  return report;
}

}  // namespace slipway::monitor
