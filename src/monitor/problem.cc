#include "monitor/problem.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace slipway::monitor {
namespace {

struct ProblemName {
  Problem problem;
  std::string_view name;
};
constexpr ProblemName kProblems[] = {{Problem::kBinary, "binary"},
                                     {Problem::kRegression, "regression"},
                                     {Problem::kMulticlass, "multiclass"},
                                     {Problem::kRanking, "ranking"}};
constexpr double kWholeMax = 0x1p53;

bool is_declared(const ProblemRules& rules, std::string_view name) {
  return std::find(rules.classes.begin(), rules.classes.end(), name) != rules.classes.end();
}

}  // namespace

std::string_view problem_name(Problem problem) {
  for (const ProblemName& known : kProblems) {
    if (known.problem == problem) return known.name;
  }
  return "";
}

Result<Problem> parse_problem(std::string_view name) {
  for (const ProblemName& known : kProblems) {
    if (known.name == name) return known.problem;
  }
  return base::error(Code::kInvalidArgument,
                     "no such problem: problem={} known=binary, regression, multiclass, ranking",
                     name);
}

std::optional<std::string> class_of(const ProblemRules& rules, std::string_view name) {
  if (!rules.classes.empty() && !is_declared(rules, name)) return std::nullopt;
  return std::string(name);
}

std::optional<std::string> class_of(const ProblemRules& rules, double id) {
  if (!(std::abs(id) <= kWholeMax) || id != std::floor(id)) return std::nullopt;
  std::string name = fmt::format("{}", static_cast<std::int64_t>(id));
  if (rules.classes.empty() || is_declared(rules, name)) return name;
  if (id < 0 || id >= static_cast<double>(rules.classes.size())) return std::nullopt;
  return rules.classes[static_cast<std::size_t>(id)];
}

std::optional<std::string> class_of(const ProblemRules& rules, const KnownLabel& label) {
  return label.value ? class_of(rules, *label.value)
                     : class_of(rules, std::string_view(label.class_name));
}

std::optional<std::string> find_fault(const ProblemRules& rules, const KnownLabel& label) {
  if (!label.value && label.class_name.empty()) return std::nullopt;
  const auto says = [&](std::string_view wanted) {
    return fmt::format("{} takes {}", problem_name(rules.kind), wanted);
  };
  const double number = label.value.value_or(std::nan(""));
  switch (rules.kind) {
    case Problem::kBinary:
      if (!(number >= 0 && number <= 1)) return says("a number from 0 to 1");
      break;
    case Problem::kRegression:
      if (!std::isfinite(number)) return says("a finite number");
      break;
    case Problem::kRanking:
      if (!(std::isfinite(number) && number >= 0)) return says("a relevance, a number from 0 on");
      break;
    case Problem::kMulticlass:
      if (class_of(rules, label)) break;
      if (rules.classes.empty()) return says("a class's name, or a whole number");
      return says(fmt::format("a class, or its place from 0 on: classes={}",
                              fmt::join(rules.classes, ", ")));
  }
  return std::nullopt;
}

}  // namespace slipway::monitor
