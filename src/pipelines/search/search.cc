#include "pipelines/search/search.h"

#include <array>
#include <optional>

#include "base/json.h"
#include "pipelines/names.h"
#include "pipelines/search/grid.h"

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::int64_t kTrialsMax = 10'000;  // no setting allows more (pipeline-items-max)
constexpr std::int64_t kParallelMax = 1000;

constexpr std::array<std::pair<std::string_view, Search::Method>, 3> kMethods = {
    {{"grid", Search::Method::kGrid},
     {"random", Search::Method::kRandom},
     {"tpe", Search::Method::kTpe}}};

Result<Search::Method> read_method(const YamlNode& node) {
  const std::string written = TRY(node.text());
  for (const auto& [name, method] : kMethods) {
    if (name == written) return method;
  }
  return node.error("method is grid, random or tpe: got={}", written);
}

Result<Objective> read_objective(const YamlNode& node) {
  Objective objective{.text = TRY(node.text())};
  const std::size_t hash = objective.text.find('#');
  if (hash != std::string::npos) {
    objective.file = objective.text.substr(0, hash);
    objective.member = objective.text.substr(hash + 1);
    if (objective.member.empty() || !stays_inside(objective.file))
      return node.error(
          "metric is a member of a file below {{out}}, as in metrics.json#auc, or a metric of the "
          "tracked run, as in auc: got={}",
          objective.text);
  } else if (objective.text.empty()) {
    return node.error("metric is empty");
  }
  return objective;
}

Result<bool> read_goal(const YamlNode& node) {
  const std::string goal = TRY(node.text());
  if (goal == "maximize" || goal == "minimize") return goal == "maximize";
  return node.error("goal is maximize or minimize: got={}", goal);
}

// All of a grid unless fewer are asked for; other methods go on for ever, so they have to say.
Result<std::int64_t> read_trials(YamlMap& map, const Search& search) {
  const auto trials = TRY(map.find_integer("trials", 1, kTrialsMax));
  if (search.method != Search::Method::kGrid) {
    if (trials) return *trials;
    return map.node().error("a search by {} needs trials: how many", method_name(search.method));
  }
  for (const Dimension& dimension : search.space) {
    if (dimension.values() == 0)
      return map.node().error("a grid needs values that can be counted: give {} choices or a step",
                              dimension.name);
  }
  const std::uint64_t all = grid_size(search.space);
  if (!trials && all > static_cast<std::uint64_t>(kTrialsMax))
    return map.node().error("the grid has too many trials: limit={}; say how many under trials",
                            kTrialsMax);
  return static_cast<std::int64_t>(
      std::min(all, static_cast<std::uint64_t>(trials.value_or(kTrialsMax))));
}

}  // namespace

std::string_view method_name(Search::Method method) {
  for (const auto& [name, known] : kMethods) {
    if (known == method) return name;
  }
  return {};
}

Result<Search> read_search(const YamlNode& node) {
  Search search;
  YamlMap map = TRY(node.map("a search"));
  search.method = TRY(read_method(TRY(map.get("method"))));
  search.metric = TRY(read_objective(TRY(map.get("metric"))));
  search.maximizes = TRY(read_goal(TRY(map.get("goal"))));
  search.space = TRY(read_space(TRY(map.get("space"))));
  search.trials = TRY(read_trials(map, search));
  search.parallel = TRY(map.find_integer("parallel", 1, kParallelMax)).value_or(search.parallel);
  search.seed = TRY(map.find_integer("seed", 0)).value_or(search.seed);
  search.max_failed = TRY(map.find_integer("max_failed", 0)).value_or(search.max_failed);
  if (const auto experiment = map.find("experiment")) {
    search.experiment = TRY(experiment->text());
    if (search.experiment.empty()) return experiment->error("experiment is empty");
  }
  if (const auto stop = map.find("stop_early")) {
    search.stop_early = TRY(read_stop_early(*stop));
    if (search.stop_early->metric.empty() && !search.metric.file.empty())
      return stop->error(
          "stop_early needs the metric that trials log with mlflow on their way: metric: loss");
  }
  TRY(map.finish());
  return search;
}

std::string describe(const Search& search) {
  JsonObject told{{"method", method_name(search.method)},
                  {"trials", search.trials},
                  {"parallel", search.parallel},
                  {"metric", search.metric.text},
                  {"goal", search.maximizes ? "maximize" : "minimize"},
                  {"seed", search.seed},
                  {"space", digest(search.space)}};
  if (const auto& stop = search.stop_early) {
    told["stop_early"] = JsonObject{{"min", stop->min},
                                    {"max", stop->max},
                                    {"reduction", stop->reduction},
                                    {"metric", stop->metric}};
  }
  return base::to_text(told);
}

}  // namespace slipway::pipelines
