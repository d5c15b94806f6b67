#include "cli/dvc_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include "base/hash.h"
#include "dvc/dvc_file.h"
#include "dvc/lock_file.h"
#include "dvc/plan.h"
#include "dvc/repository.h"
#include "dvc/stage_run.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

struct Target {
  fs::path file;
  std::string stage;
};

Target parse(const std::string& target) {
  const std::size_t colon = target.find(':');
  return {.file = target.empty() ? std::string(dvc::kDvcFile) : target.substr(0, colon),
          .stage = colon == std::string::npos ? "" : target.substr(colon + 1)};
}

// Named after its folder, of which there may be others.
std::string name_of(const fs::path& project) {
  constexpr std::size_t kLongest = 50;  // of 64, with what comes behind it
  std::string name = "dvc-";
  for (const char c : project.filename().string()) {
    const auto byte = static_cast<unsigned char>(c);
    name += byte < 128 && (std::isalnum(byte) != 0 || c == '-' || c == '_') ? c : '-';
  }
  return name.substr(0, kLongest) + "-" + base::md5_hex(project.string()).substr(0, 6);
}

// What files say now, and what follows from stages that run before.
Result<JsonArray> forecast_all(const fs::path& project, const std::vector<dvc::Stage>& stages,
                               const dvc::Plan& plan, const std::vector<std::size_t>& selected,
                               bool is_forced) {
  JsonArray told;
  std::set<std::size_t> open;  // run, or may
  for (const std::size_t position : selected) {
    const dvc::StageCall call{.project = project, .stage = "", .force = is_forced};
    dvc::StageForecast one = TRY(dvc::forecast_stage(call, stages[position]));
    std::vector<std::string> makers;
    for (const std::size_t need : plan.needs[position]) {
      if (open.contains(need)) makers.push_back(stages[need].address());
    }
    const bool depends = !one.runs && !makers.empty() && !stages[position].frozen;
    if (depends)
      one.why = fmt::format("it runs unless what {} makes is as before", fmt::join(makers, ", "));
    if (one.runs || depends) open.insert(position);
    told.push_back(JsonObject{{"step", stages[position].address()},
                              {"verdict", one.runs  ? "runs"
                                          : depends ? "depends"
                                                    : "cached"},
                              {"why", one.why}});
  }
  return told;
}

Result<DvcRun> declare(Client& client, const fs::path& project,
                       const std::vector<dvc::Stage>& stages,
                       const std::vector<std::string>& wanted, Forecast forecast) {
  if (stages.empty() && wanted.empty()) return DvcRun();
  const dvc::Plan plan = TRY(dvc::make_plan(stages));
  const std::vector<std::size_t> selected = TRY(dvc::select_stages(stages, plan, wanted));
  DvcRun run{.pipeline = name_of(project), .params = {}, .forecast = {}};
  if (forecast != Forecast::kNo) {
    run.forecast =
        TRY(forecast_all(project, stages, plan, selected, forecast == Forecast::kOfForced));
    return run;
  }
  for (const auto& [folder, param] : dvc::locked_params(stages)) {
    const JsonObject lock = TRY(dvc::read_lock(project / folder / dvc::kLockFile));
    const Json* const locked = lock.if_contains("stages");
    run.params[param] =
        std::to_string(locked != nullptr && locked->is_object() ? locked->get_object().size() : 0);
  }
  TRY(client.post("/slipway/v1/pipelines",
                  {{"yaml", dvc::pipeline_text(run.pipeline, stages, plan, selected)},
                   {"dir", project.string()}}));
  return run;
}

// Whether stages of other dvc.yaml files have to run before those of the one in `folder`, which are
// `wanted`.
Result<bool> needs_others(const std::vector<dvc::Stage>& all, const std::string& folder,
                          const std::vector<std::string>& wanted) {
  const auto is_of_folder = [&](const dvc::Stage& stage) { return stage.folder == folder; };
  if (std::none_of(all.begin(), all.end(), is_of_folder)) return false;  // DVC sees none there
  const dvc::Plan plan = TRY(dvc::make_plan(all));
  const std::vector<std::size_t> selected = TRY(dvc::select_stages(all, plan, wanted));
  return !std::all_of(selected.begin(), selected.end(),
                      [&](std::size_t position) { return is_of_folder(all[position]); });
}

}  // namespace

bool is_dvc_target(const std::string& target) {
  return parse(target).file.filename() == dvc::kDvcFile;
}

Result<DvcRun> declare_dvc(Client& client, const std::string& target, Forecast forecast) {
  const Target asked = parse(target);
  std::error_code why;
  if (target.empty() && !fs::exists(asked.file, why))
    return base::error(
        Code::kNotFound,
        "there is no dvc.yaml here: name a pipeline (`slipway pipelines` lists them) "
        "or go where dvc.yaml is");
  const fs::path project = fs::absolute(asked.file).lexically_normal().parent_path();
  const fs::path repository = TRY(dvc::find_repository(project));
  const std::vector<dvc::Stage> own = TRY(dvc::read_project(project));
  std::vector<std::string> wanted;
  if (!asked.stage.empty()) wanted.push_back(asked.stage);
  auto others = dvc::read_all_projects(repository);
  if (!others)
    return base::error(others.error().code,
                       "{} (all dvc.yaml of the repository are read, as stages of others may have "
                       "to run before those of this one)",
                       others.error().message);
  const std::vector<dvc::Stage> all = std::move(*others);
  const fs::path below = project.lexically_relative(repository);
  const std::string folder = below == "." ? "" : below.generic_string();
  std::vector<std::string> addresses;
  for (dvc::Stage stage : own) {
    if (!asked.stage.empty() && stage.name != asked.stage &&
        !stage.name.starts_with(asked.stage + "@"))
      continue;
    stage.folder = folder;
    addresses.push_back(stage.address());
  }
  if (!addresses.empty() && TRY(needs_others(all, folder, addresses)))
    return declare(client, repository, all, addresses, forecast);
  return declare(client, project, own, wanted, forecast);
}

Result<DvcRun> declare_all_dvc(Client& client, Forecast forecast) {
  const fs::path repository = TRY(dvc::find_repository(fs::current_path()));
  return declare(client, repository, TRY(dvc::read_all_projects(repository)), {}, forecast);
}

bool is_dvc_stage(const std::string& name) {
  const auto stages = dvc::read_project(fs::current_path());
  return stages && std::any_of(stages->begin(), stages->end(), [&](const dvc::Stage& stage) {
           return stage.name == name || stage.name.starts_with(name + "@");
         });
}

}  // namespace slipway::cli
