#include "monitor/class_answers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

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

// What is left of a list of numbers that was too long for the log.
struct Largest {
  std::size_t at = 0, of = 0;
};
std::optional<Largest> largest_of(const Json& value) {
  if (!value.is_object() || value.as_object().size() != 2) return std::nullopt;
  const Json* at = value.as_object().if_contains("largest_at");
  const Json* of = value.as_object().if_contains("of");
  if (at == nullptr || of == nullptr || !at->is_int64() || !of->is_int64()) return std::nullopt;
  if (at->get_int64() < 0 || at->get_int64() >= of->get_int64()) return std::nullopt;
  return Largest{static_cast<std::size_t>(at->get_int64()),
                 static_cast<std::size_t>(of->get_int64())};
}

// False: a place that no class has.
bool add_largest(const ProblemRules& rules, const Largest& largest, ClassAnswer& answer,
                 std::string& likeliest) {
  if (!rules.classes.empty() && largest.of != rules.classes.size()) return false;
  answer.chances_left_out = largest.of;
  likeliest = rules.classes.empty() ? fmt::format("{}", largest.at) : rules.classes[largest.at];
  return true;
}

// Several outputs.
bool add_outputs(const ProblemRules& rules, const JsonObject& outputs, ClassAnswer& answer,
                 std::string& likeliest) {
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
    } else if (const auto largest = largest_of(value)) {
      if (likeliest.empty() && !add_largest(rules, *largest, answer, likeliest)) return false;
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

struct ReadRow {
  std::string label;
  ClassAnswer answer;
};

// Those with the most labels.
void keep_commonest(const std::vector<ReadRow>& read, std::vector<std::string>& classes) {
  std::map<std::string, std::int64_t> counts;
  for (const ReadRow& row : read) ++counts[row.label];
  std::ranges::stable_sort(classes, std::greater(),
                           [&](const std::string& name) { return counts[name]; });
  classes.resize(kClassesMax - 1);
}

void keep_each_class(const std::vector<ReadRow>& read, bool has_chances, NamedClassRows& named) {
  types::ClassRows& all = named.each_class.emplace();
  std::unordered_map<std::string_view, std::size_t> places;
  for (const ReadRow& row : read) {
    if (row.label.empty()) continue;
    all.labels.push_back(places.emplace(row.label, places.size()).first->second);
    all.said.push_back(places.emplace(row.answer.said, places.size()).first->second);
    if (!has_chances) continue;
    double& chance = named.label_chances.emplace_back(0);
    for (const auto& [name, value] : row.answer.chances) chance += name == row.label ? value : 0;
  }
  all.classes = places.size();
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
  std::string likeliest;  // unless it says a class
  if (const auto largest = largest_of(*parsed)) {
    if (!add_largest(rules, *largest, answer, likeliest)) return std::nullopt;
  } else if (parsed->is_object()) {
    if (!add_outputs(rules, parsed->as_object(), answer, likeliest)) return std::nullopt;
  } else if (is_list_of_numbers(*parsed)) {
    if (!add_places(rules, parsed->as_array(), answer)) return std::nullopt;
  } else if (const auto said = said_class(rules, *parsed)) {
    answer.said = *said;
  }
  if (!answer.chances.empty()) answer.chances_left_out = 0;
  if (answer.said.empty()) answer.said = likeliest;
  if (answer.said.empty() && !answer.chances.empty()) {
    answer.said = std::max_element(answer.chances.begin(), answer.chances.end(),
                                   [](const auto& a, const auto& b) { return a.second < b.second; })
                      ->first;
  }
  if (answer.said.empty()) return std::nullopt;
  return answer;
}

std::string NamedClassRows::note() const {
  std::string text;
  const auto add = [&](std::string sentence) {
    text += (text.empty() ? "" : "; ") + std::move(sentence);
  };
  if (not_logged > 0) {
    add(
        fmt::format("{} of {} labelled answers aren't measured: the request log has none of their "
                    "values, as they are more than request-log-values-max",
                    not_logged, answers));
  }
  if (not_read > 0) {
    add(
        fmt::format("{} of {} labelled answers aren't measured: they say no class, or none that is "
                    "declared",
                    not_read, answers));
  }
  if (largest_only > 0) {
    add(
        fmt::format("log_loss, roc_auc_ovr and estimates aren't known: of {} of {} answers the "
                    "request log has only the likeliest class; to have their chances start the "
                    "server with request-log-values-max above {}",
                    largest_only, answers, chances_left_out));
  }
  if (each_class && !label_chances.empty()) {
    add(
        fmt::format("roc_auc_ovr isn't known: there are more than {} classes; name those that "
                    "matter under classes",
                    kClassesMax));
  }
  return text;
}

NamedClassRows class_rows(const ProblemRules& rules, const std::vector<LabelledAnswer>& answers) {
  NamedClassRows named{.classes = rules.classes, .rows = {}, .answers = std::ssize(answers)};
  std::vector<ReadRow> read;
  std::set<std::string> seen;
  bool has_chances = true;
  for (const LabelledAnswer& one : answers) {
    const auto label = one.label == nullptr ? std::string() : class_of(rules, *one.label);
    auto answer = read_class_answer(rules, one.prediction, one.answer);
    const bool is_logged = std::isfinite(one.prediction) || !one.answer.empty();
    if (!answer) ++(is_logged ? named.not_read : named.not_logged);
    if (!label || !answer) continue;
    if (answer->chances_left_out > 0) ++named.largest_only;
    named.chances_left_out = std::max(named.chances_left_out, answer->chances_left_out);
    seen.insert(answer->said);
    if (!label->empty()) seen.insert(*label);
    for (const auto& [name, chance] : answer->chances) seen.insert(name);
    has_chances = has_chances && !answer->chances.empty();
    read.push_back({*label, std::move(*answer)});
  }
  bool has_others = false;
  if (named.classes.empty()) {
    named.classes.assign(seen.begin(), seen.end());
    if ((has_others = named.classes.size() > kClassesMax)) {
      keep_commonest(read, named.classes);
      keep_each_class(read, has_chances, named);
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
  for (const ReadRow& row : read) {
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
