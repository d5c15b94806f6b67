#include "cli/evaluate/robustness.h"

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "monitor/profile/running_moments.h"

namespace slipway::cli {
namespace {

using types::Column;
using types::ColumnType;

// Of the numbers that are there; 0: there is none.
double deviation_of(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return 0;
  monitor::RunningMoments moments;
  moments.add(values);
  return moments.deviation();
}

std::vector<double> numbers_of(const Column& column) {
  std::vector<double> numbers(column.size());
  for (std::size_t row = 0; row < numbers.size(); ++row) numbers[row] = column.number(row);
  return numbers;
}

void lose(Column& column, double chance, base::Random& random) {
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (random.uniform() < chance) column.set_null(row);
  }
}

template <typename Change>
void change_numbers(Column& column, Change change) {
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    const double changed = change(column.number(row));
    if (column.type == ColumnType::kDouble)
      column.doubles[row] = changed;
    else if (std::fabs(changed) < 0x1p62)
      column.ints[row] = std::llround(changed);
  }
}

}  // namespace

types::Frame disturb(const types::Frame& rows, const serving::ModelShape& shape,
                     std::string_view how, double strength, std::uint64_t seed) {
  types::Frame disturbed = rows;
  base::SeededRandom random(seed);
  for (const serving::InputSpec& input : shape.inputs) {
    Column* column = disturbed.find(input.name);
    if (column == nullptr) continue;
    const bool is_number =
        column->type == ColumnType::kDouble || column->type == ColumnType::kInt64;
    if (how == "missing") {
      lose(*column, strength, random);
    } else if (!is_number) {
      continue;
    } else if (how == "noise") {
      const double deviation = strength * deviation_of(numbers_of(*column));
      change_numbers(*column, [&](double value) { return value + deviation * random.normal(); });
    } else {
      change_numbers(*column, [&](double value) { return value * (1 + strength); });
    }
  }
  return disturbed;
}

JsonObject measure_robustness(JudgedModel& model, const types::Frame& disturbed,
                              const Answers& undisturbed,
                              const std::vector<monitor::KnownLabel>& labels,
                              const JsonObject& metrics) {
  const auto answers = model.answer(disturbed);
  if (!answers) {  // nulls, so that a check finds them missing
    JsonObject none;
    for (const auto& [name, value] : metrics) none[name] = nullptr;
    return {{"error", answers.error().message},
            {"answers_changed", nullptr},
            {"metrics", none},
            {"change", none}};
  }
  const std::size_t rows = labels.size();
  double changed = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const double before = undisturbed.numbers[row], after = answers->numbers[row];
    switch (model.problem()) {
      case monitor::Problem::kBinary:
        changed += (before >= model.rules().threshold) != (after >= model.rules().threshold);
        break;
      case monitor::Problem::kMulticlass:
        changed += undisturbed.classes[row] != answers->classes[row];
        break;
      default:
        changed += std::fabs(after - before);
    }
  }
  changed /= static_cast<double>(rows);
  if (model.problem() == monitor::Problem::kRegression && changed > 0)
    changed /= deviation_of(undisturbed.numbers);
  std::vector<std::size_t> all(rows);
  std::iota(all.begin(), all.end(), std::size_t{0});
  JsonObject after = measure(model.rules(), *answers, labels, all);
  JsonObject change;
  for (const auto& [name, value] : after) {
    const Json* before = metrics.if_contains(name);
    if (name == "rows" || !value.is_number() || before == nullptr || !before->is_number()) continue;
    change[name] = value.to_number<double>() - before->to_number<double>();
  }
  after.stable_erase("rows");
  return {{"answers_changed", base::number_or_null(changed)},
          {"metrics", std::move(after)},
          {"change", std::move(change)}};
}

}  // namespace slipway::cli
