#include "monitor/prediction_drift.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "monitor/drift/bins.h"
#include "monitor/drift/draws.h"
#include "monitor/drift/methods.h"

namespace slipway::monitor {
namespace {

constexpr const char* kPrediction = "prediction";

// So many of the rows that they have no more than the bytes a baseline may have.
std::size_t rows_kept(const types::Column& answers) {
  std::size_t bytes = 0;
  for (const std::string& text : answers.strings) bytes += text.size();
  if (bytes <= kBaselineBytesMax) return kBaselineRowsMax;
  const double share = static_cast<double>(kBaselineBytesMax) / static_cast<double>(bytes);
  return std::min(kBaselineRowsMax,
                  static_cast<std::size_t>(share * static_cast<double>(answers.size())));
}

Json answers_json(const types::Column& answers) {
  JsonArray values;
  for (std::size_t row = 0; row < answers.size(); ++row) {
    if (!answers.is_valid(row)) {
      values.emplace_back(nullptr);
    } else if (answers.type == types::ColumnType::kString) {
      values.emplace_back(answers.strings[row]);
    } else {
      values.emplace_back(answers.doubles[row]);
    }
  }
  return values;
}

types::Column answers_of(const JsonArray& values, types::ColumnType type) {
  types::Column answers = types::Column::of_type(kPrediction, type);
  for (const Json& value : values) {
    if (type == types::ColumnType::kString && value.is_string()) {
      answers.append_string(std::string(value.get_string()));
    } else if (type == types::ColumnType::kDouble && value.is_number()) {
      answers.append_double(value.to_number<double>());
    } else {
      answers.append_null();
    }
  }
  return answers;
}

}  // namespace

Result<void> check_prediction_method(const std::string& method, const ProblemRules& problem) {
  const bool says_classes = problem.kind == Problem::kMulticlass;
  const auto takes = [&](const std::string& name) {
    const bool as_text = says_classes && problem.classes.empty() &&
                         choose_drift_method(name, {.text = true}).has_value();
    return as_text || choose_drift_method(name, {.categorical = says_classes}).has_value();
  };
  TRY(check_drift_method(method));
  if (takes(method)) return {};
  std::vector<std::string> fitting;
  for (const DriftMethod& known : drift_methods()) {
    if (takes(std::string(known.name))) fitting.emplace_back(known.name);
  }
  return base::error(
      Code::kInvalidArgument,
      "the model of a {} problem answers {}, and the drift method takes none: method={} these do: "
      "{}",
      problem_name(problem.kind), says_classes ? "classes" : "numbers", method,
      fmt::join(fitting, ", "));
}

JsonObject PredictionDrift::to_json() const {
  JsonObject object = found.to_json();
  object["declared_method"] = rule.method;
  if (rule.threshold) object["declared_threshold"] = *rule.threshold;
  return object;
}

Result<PredictionDrift> PredictionDrift::from_json(const JsonObject& object) {
  PredictionDrift drift{.rule = {}, .found = TRY(FeatureDrift::from_json(object))};
  drift.rule.method = TRY(base::get_string(object, "declared_method"));
  drift.rule.threshold = TRY(base::find_double(object, "declared_threshold"));
  return drift;
}

PredictionBaseline PredictionBaseline::of(std::vector<double> predictions,
                                          const types::Column& answers) {
  std::sort(predictions.begin(), predictions.end());
  PredictionBaseline baseline;
  baseline.edges = profile_edges(predictions);
  baseline.counts = histogram(predictions, baseline.edges);
  baseline.answers = answers.take(rows_drawn(answers.size(), rows_kept(answers), kReferenceSeed));
  baseline.answers.name = kPrediction;
  return baseline;
}

PredictionDrift PredictionBaseline::compare(types::Column now, const DriftRule& rule) const {
  CHECK(now.type == answers.type);
  types::Frame before, current;
  MUST(before.add(answers));
  now.name = kPrediction;
  MUST(current.add(std::move(now)));
  std::vector<std::size_t> rows(current.rows());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const DriftProfile profile = DriftProfile::of(before, {.all = rule});
  return {.rule = rule, .found = profile.compare(current, rows).at(0)};
}

std::string PredictionBaseline::to_text() const {
  JsonArray inner, all;
  for (std::size_t i = 1; i + 1 < edges.size(); ++i) inner.emplace_back(edges[i]);
  for (const double count : counts) all.emplace_back(count);
  JsonObject object{{"inner_edges", std::move(inner)}, {"counts", std::move(all)}};
  object[answers.type == types::ColumnType::kString ? "classes" : "numbers"] =
      answers_json(answers);
  return base::to_text(object);
}

Result<PredictionBaseline> PredictionBaseline::from_text(std::string_view text) {
  const JsonObject object = TRY(base::parse_json_object(text));
  const Json* inner = object.if_contains("inner_edges");
  const Json* all = object.if_contains("counts");
  if (inner == nullptr || all == nullptr || !inner->is_array() || !all->is_array() ||
      all->as_array().size() != inner->as_array().size() + 1) {
    return base::error(Code::kCorruption, "a stored prediction baseline makes no sense");
  }
  PredictionBaseline baseline;
  baseline.edges.push_back(-std::numeric_limits<double>::infinity());
  for (const Json& edge : inner->as_array()) baseline.edges.push_back(edge.to_number<double>());
  baseline.edges.push_back(std::numeric_limits<double>::infinity());
  for (const Json& count : all->as_array()) baseline.counts.push_back(count.to_number<double>());
  for (const auto& [key, type] : {std::pair("numbers", types::ColumnType::kDouble),
                                  {"classes", types::ColumnType::kString}}) {
    if (const Json* said = object.if_contains(key); said != nullptr && said->is_array())
      baseline.answers = answers_of(said->as_array(), type);
  }
  return baseline;
}

}  // namespace slipway::monitor
