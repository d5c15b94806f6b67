#include "dvc/repository.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/process.h"
#include "base/text.h"
#include "dvc/dvc_file.h"
#include "dvc/plan.h"
#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;
namespace {

Result<void> check_ignored(const fs::path& file) {
  std::istringstream lines(store::read_file(file).value_or(""));
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string_view pattern = base::trimmed(line);
    if (pattern.empty() || pattern.starts_with('#')) continue;
    return base::error(Code::kFailedPrecondition,
                       "{}: line {}: patterns can't be read here, so folders would have other "
                       "contents than with DVC; take it out: {}",
                       file.string(), number, pattern);
  }
  return {};
}

Result<void> check_config(const fs::path& file) {
  std::istringstream lines(store::read_file(file).value_or(""));
  std::size_t number = 0;
  bool is_of_cache = false;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string_view setting = base::trimmed(line);
    if (setting.starts_with('[')) is_of_cache = setting == "[cache]";
    if (!is_of_cache || base::trimmed(setting.substr(0, setting.find('='))) != "dir") continue;
    return base::error(
        Code::kFailedPrecondition,
        "{}: line {}: only .dvc/cache can be the cache here; take `dir` out, or make "
        ".dvc/cache a link to that folder",
        file.string(), number);
  }
  return {};
}

// As DVC, which looks into no folder that Git ignores. False also without Git.
bool is_ignored_by_git(const fs::path& repository, const std::string& folder) {
  const auto git = base::start_process(
      {.words = {"/bin/sh", "-c", "exec git check-ignore -q -- \"$1\"", "sh", folder + "/"},
       .environment = {},
       .folder = repository,
       .log = "/dev/null"});
  int status = 0;
  return git && ::waitpid(*git, &status, 0) == *git && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

class AllProjects {
 public:
  explicit AllProjects(const fs::path& repository) : repository_(repository) {}

  Result<std::vector<Stage>> read() {
    TRY(look_into(""));
    return std::move(stages_);
  }

 private:
  Result<void> look_into(const std::string& folder) {
    const fs::path path = repository_ / folder;
    std::error_code why;
    TRY(check_ignored(path / ".dvcignore"));
    if (fs::exists(path / kDvcFile, why)) TRY(take(folder));
    std::vector<std::string> below;
    for (fs::directory_iterator each(path, why), end; !why && each != end; each.increment(why)) {
      if (!each->is_symlink(why) && each->is_directory(why) &&
          !fs::is_directory(each->path() / ".dvc", why))
        below.push_back((fs::path(folder) / each->path().filename()).generic_string());
    }
    std::sort(below.begin(), below.end());
    for (const std::string& each : below) {
      const std::string name = fs::path(each).filename();
      if (name == ".dvc" || name == ".git" || name == ".hg" || outs_.contains(each)) continue;
      TRY(look_into(each));
    }
    return {};
  }

  Result<void> take(const std::string& folder) {
    if (!folder.empty() && is_ignored_by_git(repository_, folder)) return {};
    auto stages = read_project(repository_ / folder);
    if (!stages) {
      return base::error(stages.error().code, "{}{}", folder.empty() ? "" : folder + "/",
                         stages.error().message);
    }
    if (folder.find_first_of("{}") != std::string::npos)
      return base::error(Code::kInvalidArgument,
                         "a folder of dvc.yaml can't have braces in its name here: {}", folder);
    if (stages_.size() + stages->size() > kStagesMax)
      return base::error(Code::kResourceExhausted, "too many stages: at_most={}", kStagesMax);
    for (Stage& stage : *stages) {
      stage.folder = folder;
      for (const Output& out : stage.outs) outs_.insert(place_of(stage, out.path));
      stages_.push_back(std::move(stage));
    }
    return {};
  }

  const fs::path& repository_;
  std::vector<Stage> stages_;
  std::set<std::string> outs_;
};

}  // namespace

Result<std::vector<Stage>> read_project(const fs::path& project) {
  return read_stages(TRY(store::read_file(project / kDvcFile)),
                     [&](const std::string& path) { return store::read_file(project / path); });
}

Result<std::vector<Stage>> read_all_projects(const fs::path& repository) {
  return AllProjects(repository).read();
}

Result<fs::path> find_repository(const fs::path& project) {
  std::error_code why;
  for (fs::path at = fs::absolute(project).lexically_normal();; at = at.parent_path()) {
    if (fs::is_directory(at / ".dvc", why)) {
      for (const char* const file : {"config", "config.local"})
        TRY(check_config(at / ".dvc" / file));
      const char* const home = std::getenv("HOME");
      if (home != nullptr) TRY(check_config(fs::path(home) / ".config" / "dvc" / "config"));
      TRY(check_ignored(at / ".dvcignore"));
      return at;
    }
    if (at == at.parent_path()) break;
  }
  return base::error(Code::kFailedPrecondition,
                     "{} is in no repository of DVC; make one with `dvc init` (or `mkdir .dvc` "
                     "where it shall begin)",
                     project.string());
}

}  // namespace slipway::dvc
