#include "cli/evaluate/judged_model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>

#include "datasets/validation.h"
#include "monitor/class_answers.h"
#include "serving/logged_answer.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kRowsPerCall = 16'384;
constexpr std::size_t kGroupsMax = 100;
constexpr std::size_t kChancesMax = 10'000;  // of an answer of several classes

// The chance of a 1, from a model that gives the chance of both.
std::optional<double> second_of_two(const std::vector<serving::Output>& outputs, std::size_t row) {
  for (const serving::Output& output : outputs) {
    if (output.row_shape != std::vector<std::int64_t>{2}) continue;
    if (const auto* values = std::get_if<std::vector<float>>(&output.values))
      return (*values)[2 * row + 1];
    if (const auto* values = std::get_if<std::vector<double>>(&output.values))
      return (*values)[2 * row + 1];
  }
  return std::nullopt;
}

}  // namespace

Result<Answers> JudgedModel::answer(const types::Frame& rows) {
  Answers answers;
  const std::vector<serving::InputView>& all = views_.read(model_.shape(), rows);
  const bool has_classes = problem() == monitor::Problem::kMulticlass;
  for (std::size_t from = 0; from < rows.rows(); from += kRowsPerCall) {
    const std::size_t count = std::min(kRowsPerCall, rows.rows() - from);
    std::vector<serving::InputView> part = all;
    for (serving::InputView& view : part) {
      if (view.numbers != nullptr) view.numbers += from;
      if (view.texts != nullptr) view.texts += from;
    }
    TRY(model_.predict({.rows = count, .inputs = part}, outputs_));
    for (std::size_t row = 0; row < count; ++row) {
      double number = serving::logged_number(outputs_, row);
      if (problem() == monitor::Problem::kBinary) {
        if (const auto chance = second_of_two(outputs_, row)) number = *chance;
      }
      if (!has_classes && std::isnan(number)) {
        return base::error(Code::kInvalidArgument,
                           "the model's answer to row {} is not one number, as a {} problem needs",
                           from + row, monitor::problem_name(problem()));
      }
      answers.numbers.push_back(number);
      if (!has_classes) continue;
      answers.texts.push_back(serving::is_one_number(outputs_)
                                  ? ""
                                  : serving::logged_values(outputs_, row, kChancesMax));
      const auto said = monitor::read_class_answer(rules_.problem, number, answers.texts.back());
      if (!said) {
        return base::error(Code::kInvalidArgument,
                           "the model's answer to row {} names no class: answer={} classes={}",
                           from + row,
                           answers.texts.back().empty() ? fmt::format("{}", number)
                                                        : answers.texts.back().substr(0, 200),
                           rules_.problem.classes.empty()
                               ? "(not said: --classes)"
                               : fmt::format("{}", fmt::join(rules_.problem.classes, ",")));
      }
      answers.classes.push_back(said->said);
    }
  }
  return answers;
}

Result<std::vector<double>> JudgedModel::latencies(const types::Frame& rows, std::size_t count) {
  std::vector<double> milliseconds;
  for (std::size_t i = 0; i < std::min(count, rows.rows()); ++i) {
    const types::Frame one = rows.take({i * rows.rows() / std::min(count, rows.rows())});
    const auto start = std::chrono::steady_clock::now();
    const auto& views = views_.read(model_.shape(), one);
    TRY(model_.predict({.rows = 1, .inputs = views}, outputs_));
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  return milliseconds;
}

Result<std::vector<monitor::KnownLabel>> read_labels(const types::Column& column,
                                                     const monitor::ProblemRules& problem) {
  std::vector<monitor::KnownLabel> labels(column.size());
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    if (column.type == types::ColumnType::kString)
      labels[row].class_name = column.strings[row];
    else
      labels[row].value = column.number(row);
    std::optional<std::string> fault = monitor::find_fault(problem, labels[row]);
    const std::optional<double>& value = labels[row].value;
    if (problem.kind == monitor::Problem::kBinary && (!value || (*value != 0 && *value != 1)))
      fault = "a binary label is 0, 1, true or false, as a number or a truth value";
    if (fault) {
      return base::error(Code::kInvalidArgument, "a label makes no sense: column={} row={}: {}",
                         column.name, row, *fault);
    }
  }
  return labels;
}

JsonObject measure(const monitor::QualityRules& rules, const Answers& answers,
                   const std::vector<monitor::KnownLabel>& labels,
                   const std::vector<std::size_t>& rows) {
  std::vector<monitor::LabelledAnswer> known;
  for (const std::size_t row : rows) {
    const monitor::KnownLabel& label = labels[row];
    if (!label.value && label.class_name.empty()) continue;
    known.push_back({.prediction = answers.numbers[row],
                     .answer = answers.texts.empty() ? std::string_view() : answers.texts[row],
                     .label = &label});
  }
  const monitor::Quality quality = monitor::measure_quality(rules, std::move(known));
  JsonObject object{{"rows", quality.rows}};
  for (const auto& [name, measured] : quality.measures)
    object[name] = base::number_or_null(measured.value);
  return object;
}

std::vector<Group> groups_of(const types::Column& column, std::size_t rows_min) {
  std::map<std::string, std::vector<std::size_t>> by_name;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.is_valid(row)) by_name[datasets::cell_text(column, row)].push_back(row);
  }
  std::vector<Group> groups;
  for (auto& [name, rows] : by_name) {
    if (rows.size() >= rows_min) groups.push_back({name, std::move(rows)});
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.rows.size() > b.rows.size(); });
  groups.resize(std::min(groups.size(), kGroupsMax));
  return groups;
}

std::optional<std::string> find_mismatch(const monitor::QualityRules& rules, const Answers& answers,
                                         const std::vector<monitor::KnownLabel>& labels) {
  if (rules.problem.kind != monitor::Problem::kMulticlass || !rules.problem.classes.empty())
    return std::nullopt;
  const auto has_list = [](const std::string& text) { return text.find('[') != text.npos; };
  const auto is_name = [](const monitor::KnownLabel& label) {
    return !std::all_of(label.class_name.begin(), label.class_name.end(),
                        [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  if (std::none_of(answers.texts.begin(), answers.texts.end(), has_list)) return std::nullopt;
  const auto named = std::find_if(labels.begin(), labels.end(), is_name);
  if (named == labels.end()) return std::nullopt;
  return fmt::format(
      "the model gives a list of chances, and labels are names such as '{}': say --classes, in the "
      "order of the chances",
      named->class_name);
}

}  // namespace slipway::cli
