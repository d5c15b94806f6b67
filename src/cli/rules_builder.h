// Puts the rules of a dataset together from what others wrote, one demand after the other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/rules_import.h"

namespace slipway::cli {

// Members of what others wrote; nothing where there is none, or one of another type.
std::optional<double> number_at(const JsonObject& object, std::string_view key);
std::string text_at(const JsonObject& object, std::string_view key);
bool is_true_at(const JsonObject& object, std::string_view key);
std::vector<std::string> texts_at(const JsonObject& object, std::string_view key);

// A text of an expression.
std::string literal(std::string_view text);

// Puts a definition together, one demand after the other. Each says why it can't be, or nothing.
class Builder {
 public:
  using Why = std::optional<std::string>;

  types::ColumnRule& column(const std::string& name);  // with no demand yet, if it is new
  // As pandas, NumPy, Spark and SQL call it.
  Why type(const std::string& name, const std::vector<std::string>& called);
  // Limits that belong to the range or not, of numbers or times.
  Why range(const std::string& name, const Json* low, const Json* high, bool low_is_out,
            bool high_is_out);
  Why one_of(const std::string& name, const Json* values);  // of several lists what all allow
  Why none_of(const std::string& name, const Json* values);
  Why like(const std::string& name, const std::string& pattern);
  Why length(const std::string& name, std::optional<double> low, std::optional<double> high);
  // `condition` reads `columns`. A name that is taken gets a number.
  Why rule(const std::string& called, const std::vector<std::string>& columns,
           std::string condition);
  Why unique(std::vector<std::string> columns);
  void missing_at_most(const std::string& name, double share);
  // Expectations that this share of rows may break; of several the smallest counts.
  void may_break(double share);
  // What became of a demand: taken, or left out and why.
  void tell(const std::string& what, const Why& why);

  datasets::VersionChecks& checks() { return rules_.dataset.checks; }
  ImportedRules& rules() { return rules_; }

 private:
  ImportedRules rules_{.dataset = {.on_violation = types::OnViolation::kReject}};
};

}  // namespace slipway::cli
