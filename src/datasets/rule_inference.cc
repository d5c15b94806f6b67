#include "datasets/rule_inference.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "datasets/diff/cell_hash.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;

bool is_unique(const Column& column) {
  if (column.type != ColumnType::kString && column.type != ColumnType::kInt64) return false;
  if (column.size() < 2 || column.null_count() > 0) return false;
  std::vector<std::uint64_t> hashes;
  hash_cells(column, CompareAs::kValue, 1, hashes);
  std::unordered_set<std::uint64_t> seen;
  for (const std::uint64_t hash : hashes) {
    if (!seen.insert(hash).second) return false;
  }
  return true;
}

enum class Letters { kNone, kUpper, kLower, kDigit };

Letters kind_of(char c) {
  if (c >= 'A' && c <= 'Z') return Letters::kUpper;
  if (c >= 'a' && c <= 'z') return Letters::kLower;
  return c >= '0' && c <= '9' ? Letters::kDigit : Letters::kNone;
}

// As it means itself in an expression of RE2.
std::string quoted(char c) {
  const bool is_plain =
      kind_of(c) != Letters::kNone || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
  return is_plain ? std::string(1, c) : std::string("\\") + c;
}

// Whether expressions can name it as it is.
bool is_name(const std::string& name) {
  static const std::set<std::string_view> kWords = {
      "and", "between", "case", "else", "end", "false", "if",   "in",
      "is",  "like",    "not",  "null", "or",  "then",  "true", "when"};
  return !name.empty() && !kWords.contains(name) && kind_of(name[0]) != Letters::kDigit &&
         std::ranges::all_of(name, [](char c) { return c == '_' || kind_of(c) != Letters::kNone; });
}

// "^[A-Z]{2}[0-9]{3}$" where each text is "AB123" in its way: letters and digits at the same
// places, the rest the same. Nothing: they differ, have no digit, or are too few to tell.
std::optional<std::string> shape_of(const Column& column) {
  constexpr std::size_t kTextsMin = 5, kBytesMax = 64;
  const std::string* first = nullptr;
  std::size_t texts = 0;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    const std::string& text = column.strings[row];
    if (first == nullptr) first = &text;
    ++texts;
    if (text.size() != first->size() || text.size() > kBytesMax) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const Letters kind = kind_of(text[i]);
      if (kind != kind_of((*first)[i]) || (kind == Letters::kNone && text[i] != (*first)[i]))
        return std::nullopt;
    }
  }
  if (texts < kTextsMin ||
      !std::ranges::any_of(*first, [](char c) { return kind_of(c) == Letters::kDigit; }))
    return std::nullopt;
  std::string pattern = "^";
  for (std::size_t i = 0; i < first->size();) {
    const Letters kind = kind_of((*first)[i]);
    std::size_t end = i + 1;
    if (kind == Letters::kNone) {
      pattern += quoted((*first)[i]);
    } else {
      while (end < first->size() && kind_of((*first)[end]) == kind) ++end;
      pattern += kind == Letters::kUpper ? "[A-Z]" : kind == Letters::kLower ? "[a-z]" : "[0-9]";
      if (end - i > 1) pattern += fmt::format("{{{}}}", end - i);
    }
    i = end;
  }
  return pattern + "$";
}

// Whether `late` is never before `early` where both are there, which they are somewhere, and not
// always the same.
bool is_never_before(const Column& late, const Column& early) {
  std::size_t both = 0, later = 0;
  for (std::size_t row = 0; row < late.size(); ++row) {
    if (!late.is_valid(row) || !early.is_valid(row)) continue;
    if (late.ints[row] < early.ints[row]) return false;
    ++both;
    later += late.ints[row] > early.ints[row] ? 1 : 0;
  }
  return both > 1 && later > 0;
}

// "until_from_at: until >= at" of each two times for which it holds.
void add_orders(const types::Frame& frame, const std::set<std::string>& masked,
                std::vector<RowRule>& rules) {
  std::vector<const Column*> times;
  for (const Column& column : frame.columns()) {
    if (column.type == ColumnType::kTimestamp && !masked.contains(column.name) &&
        is_name(column.name))
      times.push_back(&column);
  }
  for (const Column* late : times) {
    for (const Column* early : times) {
      if (late == early || !is_never_before(*late, *early)) continue;
      RowRule rule{.name = fmt::format("{}_from_{}", late->name, early->name),
                   .condition = fmt::format("{} >= {}", late->name, early->name)};
      const bool is_known = std::ranges::any_of(rules, [&](const RowRule& other) {
        return other.name == rule.name || other.condition == rule.condition;
      });
      if (!is_known) rules.push_back(std::move(rule));
    }
  }
}

}  // namespace

DatasetDefinition infer_rules(const types::Frame& frame, const DatasetDefinition& declared,
                              const types::InferenceOptions& options,
                              const std::set<std::string>& masked) {
  DatasetDefinition inferred = declared;
  inferred.columns.clear();
  VersionChecks& checks = inferred.checks;
  checks.rows_change_max = 0.5;
  checks.missing_max.clear();
  checks.unique.clear();
  for (const Column& column : frame.columns()) {
    types::ColumnRule rule = types::infer_rule(column, options);
    if (const auto known =
            std::ranges::find(declared.columns, column.name, &types::ColumnRule::name);
        known != declared.columns.end())
      rule.tags = known->tags;
    const bool has_identity = is_unique(column);
    if (has_identity) {
      rule.in.clear();
      rule.min = rule.max = std::nullopt;
      if (declared.key != std::vector{column.name}) checks.unique.push_back({column.name});
    }
    if (masked.contains(column.name)) {
      rule.in.clear();
      rule.min = rule.max = std::nullopt;
    } else if (column.type == ColumnType::kString && rule.in.empty()) {
      rule.pattern = shape_of(column);
    }
    const double missing = missing_share(column);
    if (missing > 0 && missing < 1)
      checks.missing_max[column.name] = std::min(1.0, std::ceil(missing * 150) / 100);
    inferred.columns.push_back(std::move(rule));
  }
  add_orders(frame, masked, inferred.rules);
  return inferred;
}

}  // namespace slipway::datasets
