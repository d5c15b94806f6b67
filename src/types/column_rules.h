// What must hold for the values of a column: of a dataset's rows when they are ingested, and of
// what an endpoint is asked.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"
#include "types/yaml_reader.h"

namespace re2 {
class RE2;
}

namespace slipway::types {

// Everything left out isn't checked.
struct ColumnRule {
  std::string name;
  std::optional<ColumnType> type;
  std::optional<double> min, max;
  std::vector<std::string> in;  // allowed texts, or numbers
  bool required = false;        // may not be missing
  // A regular expression of RE2 that is found in each text; "^...$" is all of it.
  std::optional<std::string> pattern;
  static constexpr std::size_t kPatternBytesMax = 1000;
  // What the values are, such as "pii": no rule, but who may see them goes by it (governance).
  std::vector<std::string> tags;

  // What its members only make sense of; a rule may be neither.
  bool is_of_texts() const;
  bool is_of_numbers() const;
  void append_to(JsonObject& members) const;
  bool operator==(const ColumnRule&) const = default;
};

// What happens to rows that break a rule. They are kept apart with the reason; or nothing is taken;
// or they are taken and only counted.
enum class OnViolation { kQuarantine, kReject, kFlag };
std::string_view on_violation_name(OnViolation what);
// "quarantine", "reject" or "flag". kInvalidArgument with line and column.
Result<OnViolation> read_on_violation(const YamlNode& node);

// Takes a rule's members out of `map`, which the caller finishes. kInvalidArgument with line and
// column.
Result<ColumnRule> read_column_rule(const std::string& name, YamlMap& map);

// A rule made ready to be asked of many values. Each answer is the rule's member that the value
// breaks, as slipway.yaml spells it; null: none. Safe to use from several threads.
class ColumnCheck {
 public:
  explicit ColumnCheck(const ColumnRule& rule);

  const char* of_missing() const { return required_ ? "required" : nullptr; }
  const char* of_number(double value) const {
    if (value < min_) return "min";
    if (value > max_) return "max";
    return is_plain_ ? nullptr : of_rare(value);
  }
  // True: none of them breaks it, and none is missing (NaN). False: ask one by one.
  bool surely_holds(std::span<const double> values) const {
    if (!is_plain_) return false;
    bool is_outside = false;
    for (const double value : values) is_outside |= !(value >= min_ && value <= max_);
    return !is_outside;
  }
  const char* of_text(std::string_view value) const {
    if (!texts_.empty() && !texts_.contains(value)) return "in";
    return pattern_ == nullptr || is_found(value) ? nullptr : "pattern";
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  const char* of_rare(double value) const;
  bool is_found(std::string_view value) const;

  double min_, max_;
  bool required_;
  std::optional<ColumnType> type_;
  bool is_plain_;  // no more than a range
  std::unordered_set<std::string, Hash, std::equal_to<>> texts_;
  std::unordered_set<double> numbers_;  // of `in`, if all are numbers
  std::shared_ptr<const re2::RE2> pattern_;
};

// Of one column of what an endpoint is asked.
struct InputRule {
  ColumnRule rule;
  std::optional<OnViolation> on_violation;  // nothing: as for all
  bool operator==(const InputRule&) const = default;
};

// The part `inputs:` of an endpoint.
struct InputRules {
  OnViolation on_violation = OnViolation::kFlag;
  std::vector<InputRule> columns;

  JsonObject to_json() const;   // in the shape of slipway.yaml, so that read_input_rules reads it
  std::string to_yaml() const;  // likewise, for people: a line a column
  bool operator==(const InputRules&) const = default;
};

// kInvalidArgument with line and column.
Result<InputRules> read_input_rules(const YamlNode& node);

// How a rule is made from values that are known to be right.
struct InferenceOptions {
  double margin = 0.1;              // a range grows so far to both sides, by its width
  std::size_t categories_max = 50;  // texts with more different values are not listed
};
// What holds for all values of the column: numbers in a range, texts among those there are, not
// missing if none is. The range of a column without negative values has none.
ColumnRule infer_rule(const Column& column, const InferenceOptions& options);

}  // namespace slipway::types
