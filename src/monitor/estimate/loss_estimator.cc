#include "monitor/estimate/loss_estimator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/json.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using Loss = LossEstimator::Loss;
constexpr std::array kAll = {Loss::kAbsolute, Loss::kSquared, Loss::kRelative, Loss::kSquaredLog};

std::size_t place_of(Loss loss) { return static_cast<std::size_t>(loss); }

double loss_of(Loss loss, double prediction, double label) {
  const double error = prediction - label;
  switch (loss) {
    case Loss::kAbsolute:
      return std::abs(error);
    case Loss::kSquared:
      return error * error;
    case Loss::kRelative:
      return std::abs(error) / std::max(std::abs(label), std::numeric_limits<double>::epsilon());
    case Loss::kSquaredLog: {
      const double logs = std::log1p(prediction) - std::log1p(label);
      return prediction > -1 && label > -1 ? logs * logs : kNone;
    }
  }
  return kNone;
}

Error corrupt() {
  return base::error(Code::kCorruption, "a stored estimator of losses makes no sense");
}

JsonArray to_array(const std::vector<double>& values) {
  JsonArray array;
  for (const double value : values) array.push_back(base::number_or_null(value));
  return array;
}

Result<std::vector<double>> numbers(const JsonObject& object, std::string_view name) {
  const Json* array = object.if_contains(name);
  if (array == nullptr || !array->is_array()) return corrupt();
  std::vector<double> values;
  for (const Json& value : array->as_array()) {
    if (!value.is_number() && !value.is_null()) return corrupt();
    values.push_back(value.is_null() ? kNone : value.to_number<double>());
  }
  return values;
}

Result<InputColumn> read_input(const Json& json) {
  if (!json.is_object()) return corrupt();
  const JsonObject& object = json.as_object();
  InputColumn input{.name = TRY(base::get_string(object, "name"))};
  const Json* texts = object.if_contains("texts");
  input.is_text = texts != nullptr;
  if (!input.is_text) {
    input.numbers = TRY(numbers(object, "numbers"));
    return input;
  }
  if (!texts->is_array()) return corrupt();
  for (const Json& text : texts->as_array()) {
    if (!text.is_string()) return corrupt();
    input.texts.emplace_back(text.get_string());
  }
  return input;
}

const InputColumn* find_input(const PredictedRows& rows, const InputColumn& like) {
  for (const InputColumn& input : rows.inputs) {
    if (input.name == like.name && input.is_text == like.is_text) return &input;
  }
  return nullptr;
}

}  // namespace

const std::vector<std::string>& estimated_loss_names() {
  static const std::vector<std::string> names = {"mae", "mape", "mse", "msle", "rmse", "rmsle"};
  return names;
}

std::size_t LossEstimator::step(std::size_t rows, const EstimateRules& rules) {
  return std::max<std::size_t>(1, rows / (static_cast<std::size_t>(rules.rows) * 2));
}

void LossEstimator::collect(const PredictedRows& rows, const EstimateRules& rules) {
  if (ready_) return;
  if (rows_.predictions.empty()) {
    for (const InputColumn& input : rows.inputs)
      rows_.inputs.push_back({.name = input.name, .is_text = input.is_text});
  }
  const std::size_t count = rows.predictions.size();
  std::vector<const InputColumn*> from;
  for (const InputColumn& input : rows_.inputs) from.push_back(find_input(rows, input));
  for (std::size_t row = 0; row < count; row += step(count, rules)) {
    rows_.predictions.push_back(rows.predictions[row]);
    rows_.labels.push_back(rows.labels[row]);
    for (std::size_t i = 0; i < from.size(); ++i) {
      InputColumn& input = rows_.inputs[i];
      if (input.is_text) {
        input.texts.push_back(from[i] == nullptr ? "" : from[i]->texts[row]);
      } else {
        input.numbers.push_back(from[i] == nullptr ? kNone : from[i]->numbers[row]);
      }
    }
  }
  if (std::ssize(rows_.predictions) >= rules.rows) fit();
}

std::vector<types::FeatureValues> LossEstimator::features_of(const PredictedRows& rows) const {
  std::vector<types::FeatureValues> features;
  for (std::size_t i = 0; i < rows_.inputs.size(); ++i) {
    const InputColumn* input = find_input(rows, rows_.inputs[i]);
    types::FeatureValues& feature = features.emplace_back();
    feature.categorical = rows_.inputs[i].is_text;
    if (input == nullptr) {
      feature.values.assign(rows.predictions.size(), kNone);
    } else if (!feature.categorical) {
      feature.values = input->numbers;
    } else {
      for (const std::string& text : input->texts) {
        const auto code = codes_[i].find(text);
        feature.values.push_back(code == codes_[i].end() ? kNone : code->second);
      }
    }
  }
  features.push_back({.values = rows.predictions});
  return features;
}

void LossEstimator::fit() {
  codes_.assign(rows_.inputs.size(), {});
  for (std::size_t i = 0; i < rows_.inputs.size(); ++i) {
    for (const std::string& text : rows_.inputs[i].texts)
      codes_[i].try_emplace(text, static_cast<double>(codes_[i].size()));
  }
  table_ = types::BinnedTable::of(features_of(rows_));
  std::vector<std::uint32_t> all(rows_.predictions.size());
  std::iota(all.begin(), all.end(), 0u);
  for (const Loss loss : kAll) {
    std::vector<double> losses;
    for (std::size_t row = 0; row < all.size(); ++row)
      losses.push_back(loss_of(loss, rows_.predictions[row], rows_.labels[row]));
    const auto n = static_cast<double>(losses.size());
    Spread& spread = spread_[place_of(loss)];
    spread.mean = std::accumulate(losses.begin(), losses.end(), 0.0) / n;
    double squares = 0;
    for (const double one : losses) squares += (one - spread.mean) * (one - spread.mean);
    spread.deviation = std::sqrt(squares / n);
    if (std::isfinite(spread.mean))
      trees_[place_of(loss)] = types::BoostedTrees::fit(table_, all, losses, {});
  }
  ready_ = true;
}

std::array<double, LossEstimator::kLosses> LossEstimator::sum_losses(
    const PredictedRows& rows) const {
  std::array<double, kLosses> sums;
  sums.fill(kNone);
  const types::BinnedTable table = table_.cut(features_of(rows));
  for (std::size_t loss = 0; loss < trees_.size(); ++loss) {
    if (!trees_[loss]) continue;
    sums[loss] = 0;
    // Nothing is lost than nothing.
    for (std::size_t row = 0; row < rows.predictions.size(); ++row)
      sums[loss] += std::max(0.0, trees_[loss]->predict(table, row));
  }
  return sums;
}

std::string LossEstimator::to_text() const {
  JsonArray inputs;
  for (const InputColumn& input : rows_.inputs) {
    JsonObject column{{"name", input.name}};
    if (input.is_text) {
      column["texts"] = JsonArray(input.texts.begin(), input.texts.end());
    } else {
      column["numbers"] = to_array(input.numbers);
    }
    inputs.emplace_back(std::move(column));
  }
  return base::to_text(JsonObject{{"ready", ready_},
                                  {"inputs", std::move(inputs)},
                                  {"predictions", to_array(rows_.predictions)},
                                  {"labels", to_array(rows_.labels)}});
}

Result<LossEstimator> LossEstimator::from_text(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  LossEstimator estimator;
  PredictedRows& rows = estimator.rows_;
  rows.predictions = TRY(numbers(object, "predictions"));
  rows.labels = TRY(numbers(object, "labels"));
  const Json* inputs = object.if_contains("inputs");
  if (inputs == nullptr || !inputs->is_array()) return corrupt();
  for (const Json& input : inputs->as_array()) rows.inputs.push_back(TRY(read_input(input)));
  const std::size_t count = rows.predictions.size();
  if (rows.labels.size() != count) return corrupt();
  for (const InputColumn& input : rows.inputs) {
    if ((input.is_text ? input.texts.size() : input.numbers.size()) != count) return corrupt();
  }
  const bool ready = TRY(base::find_bool(object, "ready")).value_or(false);
  if (ready && count == 0) return corrupt();
  if (ready) estimator.fit();
  return estimator;
}

Estimates estimate_losses(const LossEstimators& estimators, const RowsByVersion& rows) {
  Estimates estimates;
  std::array<double, LossEstimator::kLosses> sums{};
  const LossEstimator* most = nullptr;
  std::size_t most_rows = 0;
  for (const auto& [version, of] : rows) {
    const auto found = estimators.find(version);
    if (found == estimators.end() || found->second == nullptr || !found->second->is_ready())
      continue;
    if (of.predictions.empty()) continue;
    const auto lost = found->second->sum_losses(of);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += lost[i];
    estimates.rows += std::ssize(of.predictions);
    if (of.predictions.size() <= most_rows) continue;
    most_rows = of.predictions.size();
    most = found->second.get();
  }
  if (most == nullptr) return estimates;
  const auto n = static_cast<double>(estimates.rows);
  const auto put = [&](const char* mean, const char* root, Loss loss) {
    const LossEstimator::Spread& spread = most->spread()[place_of(loss)];
    const double value = sums[place_of(loss)] / n;
    estimates.values[mean] = {.value = value, .sampling_error = spread.deviation / std::sqrt(n)};
    if (root == nullptr) return;
    estimates.values[root] = {.value = std::sqrt(value),
                              .sampling_error = spread.deviation / std::sqrt(4 * n * spread.mean)};
  };
  put("mae", nullptr, Loss::kAbsolute);
  put("mape", nullptr, Loss::kRelative);
  put("mse", "rmse", Loss::kSquared);
  put("msle", "rmsle", Loss::kSquaredLog);
  return estimates;
}

}  // namespace slipway::monitor
