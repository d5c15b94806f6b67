#include "monitor/budget/alarm_budget.h"

#include <algorithm>

namespace slipway::monitor {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr double kPagesMin = 1e-6, kPagesMax = 1e6;

// One text, or a list of them.
Result<std::vector<std::string>> read_texts(const YamlNode& node) {
  if (const auto one = node.text()) return std::vector{*one};
  std::vector<std::string> texts;
  for (const YamlNode& item : TRY(node.list())) texts.push_back(TRY(item.text()));
  return texts;
}

Json to_list(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

Result<AlarmBudget> read_budget(const YamlNode& node) {
  AlarmBudget budget;
  YamlMap map = TRY(node.map("alarm_budget"));
  const YamlNode pages = TRY(map.get("false_pages"));
  budget.false_pages = TRY(pages.number());
  if (!(budget.false_pages >= kPagesMin && budget.false_pages <= kPagesMax))
    return pages.error("false_pages must be between {} and {}", kPagesMin, kPagesMax);
  if (const auto per = map.find("per")) {
    auto kind = parse_window(TRY(per->text()));
    if (!kind || *kind == WindowKind::kHour) return per->error("per must be day, week or month");
    budget.per = *kind;
  }
  if (const auto severity = map.find("severity")) {
    budget.severities = TRY(read_texts(*severity));
    for (const std::string& word : budget.severities) {
      if (word != "critical" && word != "warning" && word != "info")
        return severity->error("severity must be critical, warning or info: {}", word);
    }
  }
  if (const auto route = map.find("route")) budget.routes = TRY(read_texts(*route));
  TRY(map.finish());
  return budget;
}

}  // namespace

bool AlarmBudget::covers(const std::string& severity, const std::vector<std::string>& to) const {
  const auto has = [](const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  if (!has(severities, severity)) return false;
  return routes.empty() || std::any_of(to.begin(), to.end(), [&](const std::string& route) {
           return has(routes, route);
         });
}

JsonObject AlarmBudget::to_json() const {
  JsonObject object{
      {"false_pages", false_pages}, {"per", window_name(per)}, {"severity", to_list(severities)}};
  if (!routes.empty()) object["route"] = to_list(routes);
  return object;
}

Result<std::optional<AlarmBudget>> parse_alarm_budget(const types::YamlSource& slipway_yaml) {
  const YamlNode root = TRY(slipway_yaml.root());
  std::optional<AlarmBudget> budget;
  if (root.is_null()) return budget;
  YamlMap map = TRY(root.map("slipway.yaml"));
  if (const auto section = map.find("alarm_budget")) budget = TRY(read_budget(*section));
  return budget;
}

Result<AlarmBudget> parse_alarm_budget_mapping(std::string_view text) {
  return read_budget(TRY(YamlNode::parse(text)));
}

double days_of(WindowKind kind) {
  switch (kind) {
    case WindowKind::kHour:
      return 1.0 / 24;
    case WindowKind::kDay:
      return 1;
    case WindowKind::kWeek:
      return 7;
    case WindowKind::kMonth:
      return 365.2425 / 12;
  }
  return 1;
}

double chance_per_window(const AlarmBudget& budget, std::size_t rules, const AlertRule& rule) {
  if (!budget.covers(rule)) return kChanceMax;
  const double pages_a_day = budget.false_pages / days_of(budget.per);
  const double share =
      pages_a_day * days_of(rule.window) / static_cast<double>(std::max<std::size_t>(rules, 1));
  return std::min(kChanceMax, share);
}

double chance_of_detector(const AlarmBudget& budget, std::size_t rules, const DetectorRule& rule) {
  if (!budget.covers(rule)) return kChanceMax;
  return std::min(kChanceMax,
                  budget.false_pages / static_cast<double>(std::max<std::size_t>(rules, 1)));
}

}  // namespace slipway::monitor
