#include "serving/input_policy.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/json.h"
#include "base/json_document.h"
#include "base/text.h"

namespace slipway::serving {
namespace {

using types::OnViolation;

constexpr std::size_t kValuesShown = 10;
constexpr std::size_t kValueBytesMax = 100;  // of a text that people are shown

int gravity(OnViolation what) {
  switch (what) {
    case OnViolation::kFlag:
      return 0;
    case OnViolation::kQuarantine:
      return 1;
    case OnViolation::kReject:
      return 2;
  }
  return 0;
}

// "max: 6000", as it was declared.
std::string rule_text(const types::ColumnRule& rule, std::string_view broken) {
  JsonObject members;
  rule.append_to(members);
  const Json* member = members.if_contains(broken);
  if (member == nullptr) return std::string(broken);
  if (member->is_double()) return fmt::format("{}: {}", broken, member->get_double());
  if (member->is_string())
    return fmt::format("{}: {}", broken, std::string_view(member->get_string()));
  if (member->is_array() && member->get_array().size() > kValuesShown)
    return fmt::format("{}: one of {} values", broken, member->get_array().size());
  return fmt::format("{}: {}", broken, base::to_text(*member));
}

// A text as people are shown it.
std::string shown(std::string_view text) {
  if (!base::is_utf8(text)) return fmt::format("{} bytes that are no text", text.size());
  const std::string_view seen = base::beginning(text, kValueBytesMax);
  return std::string(seen) + (seen.size() < text.size() ? "..." : "");
}

}  // namespace

void InputTally::add_rows(OnViolation what, std::int64_t rows) {
  base::MutexLock lock(mutex_);
  switch (what) {
    case OnViolation::kReject:
      counts_.rejected += rows;
      break;
    case OnViolation::kQuarantine:
      counts_.quarantined += rows;
      break;
    case OnViolation::kFlag:
      counts_.flagged += rows;
      break;
  }
}

void InputTally::add(std::vector<ViolationCount> more) {
  const auto key = [](const ViolationCount& of) {
    return std::tie(of.column, of.rule, of.on_violation);
  };
  base::MutexLock lock(mutex_);
  for (ViolationCount& one : more) {
    const auto at = std::ranges::lower_bound(counts_.violations, key(one), {}, key);
    if (at == counts_.violations.end() || key(*at) != key(one)) {
      counts_.violations.insert(at, std::move(one));
      continue;
    }
    at->values += one.values;
    for (ViolationExample& example : one.last) at->last.push_back(std::move(example));
    while (at->last.size() > kExamples) at->last.pop_front();
  }
}

InputTally::Counts InputTally::read() const {
  base::MutexLock lock(mutex_);
  return counts_;
}

std::shared_ptr<InputTally> InputTallies::of(const std::string& endpoint) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<InputTally>& tally = tallies_[endpoint];
  if (tally == nullptr) tally = std::make_shared<InputTally>();
  return tally;
}

Result<std::shared_ptr<const InputPolicy>> InputPolicy::make(const std::string& endpoint,
                                                             const types::InputRules& rules,
                                                             const LogSchema& schema,
                                                             std::shared_ptr<InputTally> tally,
                                                             base::Metrics& metrics) {
  std::shared_ptr<const InputPolicy> none;
  if (rules.columns.empty()) return none;
  auto policy = std::make_shared<InputPolicy>();
  policy->endpoint_ = endpoint;
  policy->metrics_ = &metrics;
  policy->tally_ = std::move(tally);
  for (const types::InputRule& input : rules.columns) {
    const types::ColumnRule& rule = input.rule;
    const std::string of_request = std::string(kRequestPrefix) + rule.name;
    const auto at = std::find_if(schema.begin(), schema.end(), [&](const LoggedFeature& feature) {
      return feature.name == rule.name || feature.name == of_request;
    });
    if (at == schema.end()) continue;
    if (at->is_text ? rule.is_of_numbers() : rule.is_of_texts()) {
      return base::error(Code::kInvalidArgument,
                         "the endpoint's rule for an input is one of {}, and the model reads {}: "
                         "endpoint={} input={}",
                         at->is_text ? "numbers" : "texts", at->is_text ? "texts" : "numbers",
                         endpoint, rule.name);
    }
    OfColumn column{.name = rule.name,
                    .position = static_cast<std::size_t>(at - schema.begin()),
                    .is_text = at->is_text,
                    .rule = rule,
                    .check = types::ColumnCheck(rule),
                    .on_violation = input.on_violation.value_or(rules.on_violation)};
    JsonObject members;
    rule.append_to(members);
    for (const auto& [member, value] : members)  // so that they are told before one is broken
      policy->counter(rule.name, member, column.on_violation);
    policy->columns_.push_back(std::move(column));
  }
  for (const OnViolation what :
       {OnViolation::kQuarantine, OnViolation::kReject, OnViolation::kFlag}) {
    policy->rows_[static_cast<std::size_t>(what)] = &metrics.counter(
        "slipway_endpoint_violating_rows_total",
        "Rows of requests that broke a rule, by what became of them.",
        {{"endpoint", endpoint}, {"on_violation", std::string(on_violation_name(what))}});
  }
  return std::shared_ptr<const InputPolicy>(std::move(policy));
}

base::Counter& InputPolicy::counter(const std::string& column, std::string_view rule,
                                    OnViolation what) const {
  return metrics_->counter("slipway_endpoint_violations_total",
                           "Values of requests that broke a rule of the endpoint's inputs.",
                           {{"endpoint", endpoint_},
                            {"column", column},
                            {"rule", std::string(rule)},
                            {"on_violation", std::string(on_violation_name(what))}});
}

void InputPolicy::check(std::size_t rows, std::span<const InputView> views,
                        std::vector<InputViolation>& found) const {
  found.clear();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const OfColumn& column = columns_[i];
    const types::ColumnCheck& check = column.check;
    const InputView& view = views[column.position];
    if (column.is_text) {
      for (std::size_t row = 0; row < rows; ++row) {
        const std::string_view text = view.texts[row];
        const char* broken = text.data() == nullptr ? check.of_missing() : check.of_text(text);
        if (broken != nullptr) found.push_back({row, i, broken});
      }
    } else if (!check.surely_holds({view.numbers, rows})) {
      for (std::size_t row = 0; row < rows; ++row) {
        const double number = view.numbers[row];
        const char* broken = std::isnan(number) ? check.of_missing() : check.of_number(number);
        if (broken != nullptr) found.push_back({row, i, broken});
      }
    }
  }
}

void InputPolicy::judge_rows(std::span<const InputViolation> found, std::size_t rows,
                             std::vector<RowVerdict>& verdicts) const {
  verdicts.assign(rows, {});
  for (const InputViolation& one : found) {
    const OfColumn& column = columns_[one.column];
    RowVerdict& verdict = verdicts[one.row];
    verdict.broken += verdict.is_violated ? ',' : '{';
    verdict.broken += base::to_text(Json(column.name));
    verdict.broken += fmt::format(":\"{}\"", one.broken);
    verdict.is_violated = true;
    if (gravity(column.on_violation) > gravity(verdict.on_violation))
      verdict.on_violation = column.on_violation;
  }
  for (RowVerdict& verdict : verdicts) {
    if (verdict.is_violated) verdict.broken += '}';
  }
}

OnViolation InputPolicy::judge(std::span<const InputViolation> found, std::size_t rows,
                               std::vector<RowVerdict>& verdicts) const {
  judge_rows(found, rows, verdicts);
  OnViolation gravest = OnViolation::kFlag;
  for (const RowVerdict& verdict : verdicts) {
    if (gravity(verdict.on_violation) > gravity(gravest)) gravest = verdict.on_violation;
  }
  for (RowVerdict& verdict : verdicts) {
    if (verdict.is_violated && gravest == OnViolation::kReject) verdict.on_violation = gravest;
  }
  return gravest;
}

std::string InputPolicy::value_of(const InputViolation& one,
                                  std::span<const InputView> views) const {
  const OfColumn& column = columns_[one.column];
  const InputView& view = views[column.position];
  if (!column.is_text) {
    const double number = view.numbers[one.row];
    return std::isnan(number) ? "" : fmt::format("{}", number);
  }
  return shown(view.texts[one.row]);
}

Error InputPolicy::refusal(std::span<const InputViolation> found, std::span<const InputView> views,
                           std::size_t rows) const {
  const InputViolation* first = nullptr;
  std::size_t refusing = 0;
  for (const InputViolation& one : found) {
    if (columns_[one.column].on_violation != OnViolation::kReject) continue;
    ++refusing;
    if (first == nullptr || one.row < first->row) first = &one;
  }
  const OfColumn& column = columns_[first->column];
  const std::string value = value_of(*first, views);
  Error error = base::error(
      Code::kInvalidArgument, "input {} breaks a rule of this endpoint: got={} rule=\"{}\"{}",
      column.name,
      std::string_view(first->broken) == "required" ? "nothing"
      : column.is_text                              ? base::to_text(Json(value))
                                                    : value,
      rule_text(column.rule, first->broken),
      refusing > 1 ? fmt::format(" (and {} more values)", refusing - 1) : std::string());
  return rows > 1 ? std::move(error).with_context(fmt::format("row {}", first->row)) : error;
}

ViolationCount& InputPolicy::count_of(const InputViolation& one,
                                      std::vector<ViolationCount>& counts) const {
  const OfColumn& column = columns_[one.column];
  // Column after column: one of the last.
  const auto known = std::find_if(counts.rbegin(), counts.rend(), [&](const ViolationCount& of) {
    return of.column == column.name && of.rule == one.broken;
  });
  if (known != counts.rend()) return *known;
  return counts.emplace_back(ViolationCount{.column = column.name,
                                            .rule = one.broken,
                                            .on_violation = column.on_violation,
                                            .values = 0,
                                            .last = {}});
}

void InputPolicy::count(const Mistyped& one, base::Timestamp event_time,
                        std::string_view id) const {
  const RowVerdict verdict{.is_violated = true, .on_violation = OnViolation::kReject, .broken = {}};
  count({{.column = std::string(one.column),
          .rule = "type",
          .on_violation = OnViolation::kReject,
          .values = 1,
          .last = {{event_time, std::string(id), shown(one.value)}}}},
        {&verdict, 1});
}

void InputPolicy::count(std::vector<ViolationCount> counts,
                        std::span<const RowVerdict> verdicts) const {
  for (const ViolationCount& of : counts)
    counter(of.column, of.rule, of.on_violation).add(static_cast<std::uint64_t>(of.values));
  tally_->add(std::move(counts));
  std::array<std::int64_t, 3> rows{};
  for (const RowVerdict& verdict : verdicts) {
    if (verdict.is_violated) ++rows[static_cast<std::size_t>(verdict.on_violation)];
  }
  for (std::size_t what = 0; what < rows.size(); ++what) {
    if (rows[what] == 0) continue;
    rows_[what]->add(static_cast<std::uint64_t>(rows[what]));
    tally_->add_rows(static_cast<OnViolation>(what), rows[what]);
  }
}

}  // namespace slipway::serving
