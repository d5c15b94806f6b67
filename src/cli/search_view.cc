#include "cli/search_view.h"

#include <algorithm>
#include <cstdio>

#include "cli/table.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kLiveRows = 12;

// "auc" of auc and of metrics.json#auc
std::string metric_of(const Json& step) {
  const std::string metric = cell(member_at(step, "search.metric"));
  return metric.substr(metric.find('#') + 1);
}

bool has_score(const Json& trial) { return member_at(trial, "score").is_number(); }

// Which of two trials is shown first: one that runs, then the better one.
bool is_before(const Json& a, const Json& b, bool maximizes) {
  const auto runs = [](const Json& trial) { return cell(member_at(trial, "state")) == "running"; };
  if (runs(a) != runs(b)) return runs(a);
  if (has_score(a) != has_score(b)) return has_score(a);
  if (!has_score(a)) return false;
  const auto one = member_at(a, "score").to_number<double>();
  const auto other = member_at(b, "score").to_number<double>();
  return maximizes ? one > other : one < other;
}

}  // namespace

bool is_search(const Json& step) { return member_at(step, "search").is_object(); }

std::string trials_table(const Json& step, std::size_t rows_max) {
  std::vector<TableColumn> columns = {{"TRIAL", "name"},
                                      {"STATE", "state"},
                                      {"SECONDS", "seconds"},
                                      {metric_of(step), "score"},
                                      {"", "star"}};
  JsonArray rows;
  const std::string best = cell(member_at(step, "best.name"));
  if (const Json& trials = member_at(step, "items"); trials.is_array()) {
    for (Json trial : trials.get_array()) {
      if (cell(member_at(trial, "state")) == "stopped")
        trial.as_object()["state"] = "stopped early";
      trial.as_object()["star"] = cell(member_at(trial, "name")) == best ? "*" : "";
      rows.push_back(std::move(trial));
    }
  }
  if (!rows.empty() && member_at(rows.front(), "item").is_object()) {
    for (const auto& [name, value] : member_at(rows.front(), "item").get_object())
      columns.push_back({std::string(name), "item." + std::string(name)});
  }
  if (rows_max > 0 && rows.size() > rows_max) {
    const bool maximizes = cell(member_at(step, "search.goal")) == "maximize";
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const Json& a, const Json& b) { return is_before(a, b, maximizes); });
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(rows_max), rows.end());
  }
  return table(rows, columns);
}

std::string told_score(const Json& step, const Json& trial) {
  if (!is_search(step) || !has_score(trial)) return {};
  return fmt::format(" {}={}; best so far {} of {}", metric_of(step),
                     cell(member_at(trial, "score")), cell(member_at(step, "best.score")),
                     cell(member_at(step, "best.name")));
}

void LiveTrials::clear() {
  if (lines_ > 0) std::fprintf(stderr, "\033[%zuA\033[J", lines_);
  lines_ = 0;
}

void LiveTrials::draw(const Json& run) {
  clear();
  for (const Json& step : member_at(run, "steps").as_array()) {
    if (!is_search(step) || cell(member_at(step, "state")) != "running") continue;
    const std::string text = trials_table(step, kLiveRows);
    std::fputs(text.c_str(), stderr);
    lines_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    return;
  }
}

}  // namespace slipway::cli
