#include "monitor/class_answers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/json.h"

namespace slipway::monitor {
namespace {

bool is_list_of_numbers(const Json& value) {
  return value.is_array() && value.as_array().size() > 1 &&
         std::all_of(value.as_array().begin(), value.as_array().end(),
                     [](const Json& one) { return one.is_number(); });
}

// The class that a text or a number says.
std::optional<std::string> said_class(const ProblemRules& rules, const Json& value) {
  if (value.is_string()) return class_of(rules, std::string_view(value.get_string()));
  if (value.is_number()) return class_of(rules, value.to_number<double>());
  if (value.is_array() && value.as_array().size() == 1)
    return said_class(rules, value.as_array().front());
  return std::nullopt;
}

// False: a place that no class has.
bool add_places(const ProblemRules& rules, const JsonArray& list, ClassAnswer& answer) {
  if (!rules.classes.empty() && list.size() != rules.classes.size()) return false;
  for (std::size_t place = 0; place < list.size(); ++place) {
    answer.chances.emplace_back(
        rules.classes.empty() ? fmt::format("{}", place) : rules.classes[place],
        list[place].to_number<double>());
  }
  return true;
}

// Several outputs.
bool add_outputs(const ProblemRules& rules, const JsonObject& outputs, ClassAnswer& answer) {
  const bool all_numbers = std::all_of(outputs.begin(), outputs.end(), [](const auto& output) {
    return output.value().is_number();
  });
  if (all_numbers) {
    for (const auto& [name, value] : outputs) {
      const auto known = class_of(rules, std::string_view(name));
      if (!known) return false;
      answer.chances.emplace_back(*known, value.template to_number<double>());
    }
    return !answer.chances.empty();
  }
  for (const auto& [name, value] : outputs) {
    if (is_list_of_numbers(value)) {
      if (answer.chances.empty() && !add_places(rules, value.as_array(), answer)) return false;
    } else if (answer.said.empty()) {
      const auto said = said_class(rules, value);
      if (!said) return false;
      answer.said = *said;
    }
  }
  return true;
}

bool is_number(const std::string& name, std::int64_t& number) {
  const char* end = name.data() + name.size();
  const auto [to, error] = std::from_chars(name.data(), end, number);
  return error == std::errc() && to == end;
}

void sort_names(std::vector<std::string>& names) {
  std::int64_t ignored = 0;
  const bool by_number = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return is_number(name, ignored);
  });
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    std::int64_t x = 0, y = 0;
    if (by_number && is_number(a, x) && is_number(b, y)) return x < y;
    return a < b;
  });
}

}  // namespace

std::optional<ClassAnswer> read_class_answer(const ProblemRules& rules, double prediction,
                                             std::string_view text) {
  ClassAnswer answer;
  if (text.empty()) {
    const auto said = class_of(rules, prediction);
    if (!said) return std::nullopt;
    answer.said = *said;
    return answer;
  }
  const Result<Json> parsed = base::parse_json(text);
  if (!parsed) return std::nullopt;
  if (parsed->is_object()) {
    if (!add_outputs(rules, parsed->as_object(), answer)) return std::nullopt;
  } else if (is_list_of_numbers(*parsed)) {
    if (!add_places(rules, parsed->as_array(), answer)) return std::nullopt;
  } else if (const auto said = said_class(rules, *parsed)) {
    answer.said = *said;
  }
  if (answer.said.empty() && !answer.chances.empty()) {
    answer.said = std::max_element(answer.chances.begin(), answer.chances.end(),
                                   [](const auto& a, const auto& b) { return a.second < b.second; })
                      ->first;
  }
  if (answer.said.empty()) return std::nullopt;
  return answer;
}

NamedClassRows class_rows(const ProblemRules& rules, const std::vector<LabelledAnswer>& answers) {
  struct Row {
    std::string label;
    ClassAnswer answer;
  };
  std::vector<Row> read;
  std::set<std::string> seen;
  bool has_chances = true;
  for (const LabelledAnswer& one : answers) {
    const auto label = one.label == nullptr ? std::string() : class_of(rules, *one.label);
    auto answer = read_class_answer(rules, one.prediction, one.answer);
    if (!label || !answer) continue;
    seen.insert(answer->said);
    if (!label->empty()) seen.insert(*label);
    for (const auto& [name, chance] : answer->chances) seen.insert(name);
    has_chances = has_chances && !answer->chances.empty();
    read.push_back({*label, std::move(*answer)});
  }
  NamedClassRows named{.classes = rules.classes, .rows = {}};
  bool has_others = false;
  if (named.classes.empty()) {
    named.classes.assign(seen.begin(), seen.end());
    if ((has_others = named.classes.size() > kClassesMax)) {
      std::map<std::string, std::int64_t> counts;
      for (const Row& row : read) ++counts[row.label];
      std::ranges::stable_sort(named.classes, std::greater(),
                               [&](const std::string& name) { return counts[name]; });
      named.classes.resize(kClassesMax - 1);
    }
    sort_names(named.classes);
    if (has_others) named.classes.emplace_back(kOtherClasses);
  }
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < named.classes.size(); ++i) places[named.classes[i]] = i;
  const auto place_of = [&](const std::string& name) {
    const auto at = places.find(name);
    if (at != places.end()) return at->second;
    CHECK(has_others);
    return named.classes.size() - 1;
  };
  named.rows.classes = named.classes.size();
  for (const Row& row : read) {
    if (!row.label.empty()) named.rows.labels.push_back(place_of(row.label));
    named.rows.said.push_back(place_of(row.answer.said));
    if (!has_chances) continue;
    const std::size_t from = named.rows.chances.size();
    named.rows.chances.resize(from + named.classes.size(), 0.0);
    for (const auto& [name, chance] : row.answer.chances)
      named.rows.chances[from + place_of(name)] += chance;
  }
  return named;
}

}  // namespace slipway::monitor
