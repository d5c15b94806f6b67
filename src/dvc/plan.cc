#include "dvc/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

namespace slipway::dvc {
namespace {

constexpr std::size_t kStepNameMax = 60;

// Makers of what is at `place`, above it or below it, by the path of what they make.
using Makers = std::map<std::string, std::size_t>;

std::vector<std::size_t> makers_of(const Makers& makers, const std::string& place) {
  std::vector<std::size_t> found;
  for (std::size_t end = place.find('/', 1); end != std::string::npos;
       end = place.find('/', end + 1)) {
    if (const auto above = makers.find(place.substr(0, end)); above != makers.end())
      found.push_back(above->second);
  }
  if (const auto same = makers.find(place); same != makers.end()) found.push_back(same->second);
  for (auto below = makers.lower_bound(place + "/");
       below != makers.end() && below->first.starts_with(place + "/"); ++below)
    found.push_back(below->second);
  return found;
}

std::string names_of(const std::vector<Stage>& stages, const std::vector<std::size_t>& positions) {
  std::string text;
  for (const std::size_t position : positions)
    text += (text.empty() ? "" : ", ") + stages[position].address();
  return text;
}

Result<std::vector<std::size_t>> find_order(const std::vector<Stage>& stages,
                                            const std::vector<std::vector<std::size_t>>& needs) {
  enum class Seen { kNo, kOpen, kDone };
  std::vector<Seen> seen(stages.size(), Seen::kNo);
  std::vector<std::size_t> order;
  struct Visit {
    std::size_t stage, next = 0;
  };
  for (std::size_t start = 0; start < stages.size(); ++start) {
    if (seen[start] != Seen::kNo) continue;
    std::vector<Visit> path{{start}};
    seen[start] = Seen::kOpen;
    while (!path.empty()) {
      Visit& visit = path.back();
      if (visit.next == needs[visit.stage].size()) {
        seen[visit.stage] = Seen::kDone;
        order.push_back(visit.stage);
        path.pop_back();
        continue;
      }
      const std::size_t need = needs[visit.stage][visit.next++];
      if (seen[need] == Seen::kOpen) {
        std::vector<std::size_t> circle;
        for (const Visit& open : path) circle.push_back(open.stage);
        return base::error(Code::kInvalidArgument, "dvc.yaml: stages need each other: {}",
                           names_of(stages, circle));
      }
      if (seen[need] == Seen::kNo) {
        seen[need] = Seen::kOpen;
        path.push_back({need});
      }
    }
  }
  return order;
}

// What may be an output: below the project, and nothing that DVC or Git live by. An output goes
// before its stage runs.
Result<void> check_output(const Stage& stage, const Output& out) {
  const auto refuse = [&](std::string_view why) {
    return base::error(Code::kInvalidArgument, "{}dvc.yaml: stages.{}: {}: \"{}\"",
                       stage.folder.empty() ? "" : stage.folder + "/", stage.name, why, out.path);
  };
  const std::filesystem::path place = place_of(stage, out.path);
  if (place.empty() || place == "." || place == ".." || place.is_absolute() ||
      place.generic_string().starts_with("../"))
    return refuse("an output has to be below the project");
  const auto is_ours = [](const std::filesystem::path& part) {
    return part == ".git" || part == ".dvc" || part == ".hg";
  };
  const std::string name = place.filename();
  if (std::any_of(place.begin(), place.end(), is_ours) || name == "dvc.yaml" ||
      name == "dvc.lock" || name == ".gitignore" || name == ".dvcignore" || name.ends_with(".dvc"))
    return refuse("DVC and Git need that file; it can't be an output");
  return {};
}

// Names of steps have letters, digits, '-' and '_'.
std::vector<std::string> step_names(const std::vector<Stage>& stages) {
  std::vector<std::string> names;
  std::set<std::string> taken = {"out", "now", "force"};  // mean something in commands
  for (const auto& [folder, param] : locked_params(stages)) taken.insert(param);
  for (const Stage& stage : stages) {
    std::string name;
    for (const char c : stage.address()) {
      const auto byte = static_cast<unsigned char>(c);
      name += byte < 128 && (std::isalnum(byte) != 0 || c == '-' || c == '_') ? c : '-';
    }
    if (name.empty() || std::isalpha(static_cast<unsigned char>(name[0])) == 0) name = "_" + name;
    name = name.substr(0, kStepNameMax - 6);
    std::string free = name;
    for (std::size_t i = 2; !taken.insert(free).second; ++i) free = fmt::format("{}-{}", name, i);
    names.push_back(free);
  }
  return names;
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

}  // namespace

std::string place_of(const Stage& stage, const std::string& path) {
  std::string place =
      (std::filesystem::path(stage.folder) / stage.wdir / path).lexically_normal().generic_string();
  while (place.size() > 1 && place.ends_with('/')) place.pop_back();
  return place;
}

Result<Plan> make_plan(const std::vector<Stage>& stages) {
  Makers makers;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    for (const Output& out : stages[i].outs) {
      TRY(check_output(stages[i], out));
      const std::string place = place_of(stages[i], out.path);
      const std::vector<std::size_t> others = makers_of(makers, place);
      if (!others.empty())
        return base::error(Code::kInvalidArgument,
                           "dvc.yaml: stages {} and {} both make {}; each file needs one maker",
                           stages[others.front()].address(), stages[i].address(), place);
      makers[place] = i;
    }
  }
  for (const auto& [folder, param] : locked_params(stages)) {
    const std::string file = (std::filesystem::path(folder) / "dvc.yaml").generic_string();
    if (const std::vector<std::size_t> others = makers_of(makers, file); !others.empty())
      return base::error(Code::kInvalidArgument, "{}: it is in an output of stage {}", file,
                         stages[others.front()].address());
  }
  Plan plan;
  for (const Stage& stage : stages) {
    std::vector<std::size_t>& needs = plan.needs.emplace_back();
    if (stage.frozen) continue;
    std::vector<std::string> reads = stage.deps;
    for (const ParamsFile& params : stage.params) reads.push_back(params.path);
    for (const std::string& read : reads) {
      for (const std::size_t maker : makers_of(makers, place_of(stage, read)))
        if (std::find(needs.begin(), needs.end(), maker) == needs.end()) needs.push_back(maker);
    }
  }
  plan.order = TRY(find_order(stages, plan.needs));
  return plan;
}

Result<std::vector<std::size_t>> select_stages(const std::vector<Stage>& stages, const Plan& plan,
                                               const std::vector<std::string>& names) {
  std::set<std::size_t> wanted;
  for (const std::string& name : names) {
    const std::size_t before = wanted.size();
    for (std::size_t i = 0; i < stages.size(); ++i)
      if (stages[i].address() == name || stages[i].address().starts_with(name + "@"))
        wanted.insert(i);
    if (wanted.size() == before)
      return base::error(Code::kNotFound, "dvc.yaml: no such stage: {}", name);
  }
  std::vector<std::size_t> selected;
  for (auto at = plan.order.rbegin(); at != plan.order.rend(); ++at) {
    if (!names.empty() && !wanted.contains(*at)) continue;
    selected.push_back(*at);
    wanted.insert(plan.needs[*at].begin(), plan.needs[*at].end());
  }
  std::reverse(selected.begin(), selected.end());
  return selected;
}

std::map<std::string, std::string> locked_params(const std::vector<Stage>& stages) {
  std::map<std::string, std::string> params;
  for (const Stage& stage : stages) {
    const std::size_t others = params.size();
    params.try_emplace(stage.folder, others == 0 ? "locked" : fmt::format("locked-{}", others + 1));
  }
  return params;
}

std::string pipeline_text(const std::string& name, const std::vector<Stage>& stages,
                          const Plan& plan, const std::vector<std::size_t>& selected) {
  const std::vector<std::string> step_of = step_names(stages);
  const std::map<std::string, std::string> locked = locked_params(stages);
  // Those of one file alone are found without the others.
  const bool is_all = locked.size() > 1 || !locked.contains("");
  JsonArray steps;
  for (const std::size_t position : selected) {
    JsonArray after;
    for (const std::size_t need : plan.needs[position]) after.emplace_back(step_of[need]);
    const Stage& stage = stages[position];
    JsonObject step{
        {"name", step_of[position]},
        {"run", fmt::format("slipway run-stage {}--locked {{{}}} --force {{force}} -- {}",
                            is_all ? "--all-pipelines " : "", locked.at(stage.folder),
                            quoted(stage.address()))},
        {"cache", false}};  // dvc.lock says what has changed
    if (!after.empty()) step["after"] = std::move(after);
    steps.push_back(std::move(step));
  }
  JsonObject params{{"force", "0"}};
  for (const auto& [folder, param] : locked) params[param] = "0";
  JsonObject pipeline{{"params", std::move(params)}, {"steps", std::move(steps)}};
  JsonObject pipelines;
  pipelines[name] = std::move(pipeline);
  return base::to_text(JsonObject{{"pipelines", std::move(pipelines)}});
}

}  // namespace slipway::dvc
