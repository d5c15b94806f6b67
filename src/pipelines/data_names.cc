#include "pipelines/data_names.h"

#include <optional>

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

using Names = std::vector<DataName>;

Result<void> add_news(const YamlNode& node, const std::string& by, Names& names) {
  YamlMap map = TRY(node.map("data"));
  for (const char* kind : {"dataset", "model"}) {
    const auto found = map.find(kind);
    if (!found) continue;
    std::string name = TRY(found->text());
    names.push_back({.kind = kind, .name = std::move(name), .place = found->place(), .by = by});
  }
  return {};
}

// "dataset:flights", "model:churn@champion"; nothing: a file.
std::optional<DataName> read_input(std::string_view input) {
  const std::size_t colon = input.find(':');
  if (colon == input.npos) return std::nullopt;
  DataName data{.kind = std::string(input.substr(0, colon))};
  std::string_view name = input.substr(colon + 1);
  if (data.kind == "model") name = name.substr(0, name.find_first_of("@/"));
  data.name = name;
  return data;
}

Result<void> add_step(const YamlNode& node, const std::string& pipeline, Names& names) {
  YamlMap map = TRY(node.map("step"));
  const std::string step = TRY(TRY(map.get("name")).text());
  const std::string by = fmt::format("pipeline {}, step {}", pipeline, step);
  if (const auto wait = map.find("wait_for")) TRY(add_news(*wait, by, names));
  const auto inputs = map.find("inputs");
  if (!inputs) return {};
  for (const YamlNode& input : TRY(inputs->list())) {
    if (auto data = read_input(TRY(input.text()))) {
      data->place = input.place();
      data->by = by;
      names.push_back(std::move(*data));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<DataName>> data_names(const types::YamlSource& slipway_yaml) {
  Names names;
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return names;
  YamlMap top = TRY(root.map("slipway.yaml"));
  if (const auto pipelines = top.find("pipelines")) {
    for (const auto& [name, node] : TRY(pipelines->entries())) {
      YamlMap pipeline = TRY(node.map("pipeline"));
      for (const YamlNode& step : TRY(TRY(pipeline.get("steps")).list()))
        TRY(add_step(step, name, names));
    }
  }
  if (const auto schedules = top.find("schedules")) {
    for (const auto& [name, node] : TRY(schedules->entries())) {
      YamlMap schedule = TRY(node.map("schedule"));
      if (const auto when = schedule.find("when")) TRY(add_news(*when, "schedule " + name, names));
    }
  }
  return names;
}

}  // namespace slipway::pipelines
