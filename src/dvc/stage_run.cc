#include "dvc/stage_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/hash.h"
#include "base/process.h"
#include "dvc/contents.h"
#include "dvc/data_file.h"
#include "dvc/dvc_file.h"
#include "dvc/git_ignore.h"
#include "dvc/lock_file.h"
#include "dvc/plan.h"
#include "dvc/repository.h"
#include "dvc/template.h"
#include "dvc/yaml_text.h"
#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;
namespace {

constexpr int kRefused = 3;  // a gate's no, to who runs steps

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// The item of `list` in a stage's entry; null: there is none.
const JsonObject* find_item(const JsonObject* entry, std::string_view list,
                            const std::string& path) {
  const Json* const items = entry == nullptr ? nullptr : entry->if_contains(list);
  if (items == nullptr) return nullptr;
  for (const Json& item : items->get_array())
    if (item.get_object().at("path").get_string() == path) return &item.get_object();
  return nullptr;
}

std::string md5_in(const JsonObject* item) {
  const Json* const md5 = item == nullptr ? nullptr : item->if_contains("md5");
  return md5 != nullptr && md5->is_string() ? std::string(std::string_view(md5->get_string())) : "";
}

std::string short_digest(const std::string& md5) {
  constexpr std::size_t kShort = 8;
  return md5.empty() ? "nothing" : md5.substr(0, kShort);
}

// A value for people; null: there is none.
std::string told(const Json* value) {
  constexpr std::size_t kLongest = 40;
  if (value == nullptr) return "nothing";
  std::string text = base::to_text(*value);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

class StageRun {
 public:
  StageRun(const StageCall& call, const Stage& stage, const std::vector<Stage>& order,
           fs::path repository)
      : call_(call),
        stage_(stage),
        order_(order),
        repository_(std::move(repository)),
        cache_(repository_ / ".dvc" / "cache"),
        project_(call.project / stage.folder),
        folder_(project_ / stage.wdir) {}

  Result<int> run() {
    // Two runs of one stage would write the same files; the second sees what the first has made.
    const store::FileHandle turn =
        TRY(hold("slipway-" + base::md5_hex((project_ / stage_.name).string()) + ".lock"));
    TRY(keep_inputs());
    lock_ = TRY(read_lock(project_ / kLockFile));
    entry_ = find_entry(lock_, stage_.name);
    const bool stage_changed = entry_ != nullptr && !same_value(entry_->at("cmd"), stage_.cmd);
    const bool deps_changed = TRY(have_deps_changed());
    const bool outs_changed = TRY(have_outs_changed());
    if (!call_.force && !stage_changed && !deps_changed && !outs_changed) {
      say(fmt::format("Stage '{}' didn't change, skipping", stage_.address()));
      return 0;
    }
    if (stage_.frozen) {
      say(fmt::format("Verifying outputs in frozen stage: '{}'", stage_.address()));
      return save();
    }
    const bool can_restore = !call_.force && !stage_changed && !deps_changed && entry_ != nullptr &&
                             !stage_.outs.empty() && are_outs_cached();
    if (!can_restore) TRY(find_deps());
    TRY(remove_outs());
    if (can_restore) {
      say(fmt::format("Stage '{}' is cached - skipping run, checking out outputs",
                      stage_.address()));
      TRY(restore());
      return save();
    }
    if (const int code = TRY(run_commands()); code != 0) return code == kRefused ? 1 : code;
    return save();
  }

  Result<StageForecast> forecast() {
    lock_ = TRY(read_lock(project_ / kLockFile));
    entry_ = find_entry(lock_, stage_.name);
    std::vector<std::string> why;
    if (call_.force) why.emplace_back("--force says so");
    if (entry_ == nullptr) why.emplace_back("dvc.lock has no such stage");
    if (stage_.runs_always()) why.emplace_back("it runs always");
    if (entry_ != nullptr && !same_value(entry_->at("cmd"), stage_.cmd))
      why.push_back(fmt::format("cmd: {} is now {}", told(&entry_->at("cmd")), told(&stage_.cmd)));
    if (entry_ != nullptr && !stage_.frozen) {
      for (const std::string& dep : stage_.deps) TRY(tell_content("deps", dep, why));
      for (const ParamsFile& params : stage_.params) TRY(tell_params(params, why));
    }
    const bool can_restore = why.empty() && !stage_.outs.empty() && are_outs_cached();
    if (entry_ != nullptr) {
      for (const Output& out : stage_.outs) {
        TRY(tell_content("outs", out.path, why));
        if (out.cache && !cache_.has(md5_in(find_item(entry_, "outs", out.path))))
          why.push_back(fmt::format("outs: {} isn't in DVC's cache", out.path));
      }
    }
    if (why.empty()) return StageForecast{.runs = false, .why = "nothing has changed"};
    std::string text;
    for (const std::string& each : why) text += (text.empty() ? "" : "; ") + each;
    if (stage_.frozen) return StageForecast{.runs = false, .why = "it is frozen; " + text};
    if (can_restore)
      return StageForecast{.runs = false, .why = text + "; outputs come from DVC's cache"};
    return StageForecast{.runs = true, .why = text};
  }

 private:
  // Says how a dep or an output differs from dvc.lock, if it does.
  Result<void> tell_content(const char* list, const std::string& path,
                            std::vector<std::string>& why) const {
    const std::string old = md5_in(find_item(entry_, list, path));
    const auto content = TRY(content_of(at(path)));
    if (!content)
      why.push_back(fmt::format("{}: {} isn't there", list, path));
    else if (content->md5 != old)
      why.push_back(fmt::format("{}: {} was {} and is {}", list, path, short_digest(old),
                                short_digest(content->md5)));
    return {};
  }

  Result<void> tell_params(const ParamsFile& params, std::vector<std::string>& why) const {
    const auto text = store::read_file(folder_ / params.path);
    if (!text) {
      why.push_back(fmt::format("params: {} isn't there", params.path));
      return {};
    }
    const Json values(TRY(read_values(params.path, *text)));
    const Json* const files = entry_->if_contains("params");
    const Json* const locked =
        files == nullptr ? nullptr : files->get_object().if_contains(params.path);
    const JsonObject old = locked == nullptr ? JsonObject() : locked->get_object();
    std::set<std::string> keys(params.keys.begin(), params.keys.end());
    if (params.keys.empty()) {
      for (const auto& member : values.get_object()) keys.emplace(std::string_view(member.key()));
      for (const auto& member : old) keys.emplace(std::string_view(member.key()));
    }
    for (const std::string& key : keys) {
      const Json* const now =
          params.keys.empty() ? values.get_object().if_contains(key) : find_value(values, key);
      const Json* const before = old.if_contains(key);
      if (now != nullptr && before != nullptr && same_value(*now, *before)) continue;
      why.push_back(fmt::format("params: {} was {} and is {}", key, told(before), told(now)));
    }
    return {};
  }

  // Where a path of the stage is. What follows a slash at its end would be what a link leads to.
  fs::path at(std::string path) const {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return folder_ / path;
  }

  // What `dvc add` keeps is in the cache, as it is now, before the stage reads it.
  Result<void> keep_inputs() {
    if (stage_.frozen) return {};
    std::vector<std::string> reads = stage_.deps;
    for (const ParamsFile& params : stage_.params) reads.push_back(params.path);
    for (const std::string& read : reads) {
      for (const fs::path& file : data_files_of(repository_, at(read))) {
        const store::FileHandle turn =
            TRY(hold("slipway-" + base::md5_hex(file.string()) + ".lock"));
        if (TRY(keep_data(file, cache_, call_.force, kept_)))
          say(fmt::format("Verified data sources in stage: '{}'",
                          file.lexically_relative(project_).generic_string()));
      }
    }
    return {};
  }

  Result<bool> have_deps_changed() {
    if (stage_.frozen) return false;
    if (stage_.runs_always()) return true;
    for (const std::string& dep : stage_.deps) {
      const auto kept = kept_.find(at(dep).lexically_normal());
      const auto content = kept != kept_.end() ? kept->second : TRY(content_of(at(dep)));
      if (!content || content->md5 != md5_in(find_item(entry_, "deps", dep))) return true;
    }
    for (const ParamsFile& params : stage_.params)
      if (TRY(have_params_changed(params))) return true;
    return false;
  }

  Result<bool> have_params_changed(const ParamsFile& params) {
    const Json* const files = entry_ == nullptr ? nullptr : entry_->if_contains("params");
    const Json* const locked =
        files == nullptr ? nullptr : files->get_object().if_contains(params.path);
    if (locked == nullptr) return true;
    const auto text = store::read_file(folder_ / params.path);
    if (!text) return true;
    const JsonObject values = TRY(read_values(params.path, *text));
    if (params.keys.empty()) return !same_value(Json(values), *locked);
    const Json all(values);
    for (const std::string& key : params.keys) {
      const Json* const value = find_value(all, key);
      const Json* const old = locked->get_object().if_contains(key);
      if (value == nullptr || old == nullptr || !same_value(*value, *old)) return true;
    }
    return false;
  }

  Result<bool> have_outs_changed() {
    for (const Output& out : stage_.outs) {
      const std::string md5 = md5_in(find_item(entry_, "outs", out.path));
      if (md5.empty() || (out.cache && !cache_.has(md5))) return true;
      const auto content = TRY(content_of(at(out.path)));
      if (!content || content->md5 != md5) return true;
    }
    return false;
  }

  bool are_outs_cached() const {
    return std::all_of(stage_.outs.begin(), stage_.outs.end(), [&](const Output& out) {
      return !out.persist && cache_.has(md5_in(find_item(entry_, "outs", out.path)));
    });
  }

  Result<void> remove_outs() {
    for (const Output& out : stage_.outs) {
      TRY(check_place(out));
      if (out.persist) {
        TRY(unshare(at(out.path)));
        continue;
      }
      std::error_code why;
      fs::remove_all(at(out.path), why);
      if (why)
        return base::error(Code::kInternal, "{}: can't be removed: {}", out.path, why.message());
    }
    return {};
  }

  // Links on the way to an output may lead out of the project.
  Result<void> check_place(const Output& out) const {
    const fs::path project = fs::weakly_canonical(call_.project);
    const fs::path folder = fs::weakly_canonical(at(out.path).parent_path());
    const auto [last, end] =
        std::mismatch(project.begin(), project.end(), folder.begin(), folder.end());
    if (last == project.end()) return {};
    return base::error(Code::kInvalidArgument,
                       "an output has to be below the project, and a link leads out of it: {}",
                       out.path);
  }

  // What is linked with DVC's cache must not be written into.
  static Result<void> unshare(const fs::path& path) {
    std::error_code why;
    std::vector<fs::path> files;
    if (fs::is_directory(path, why)) {
      for (fs::recursive_directory_iterator each(path, why), end; !why && each != end;
           each.increment(why)) {
        if (each->is_regular_file(why)) files.push_back(each->path());
      }
    } else if (fs::is_regular_file(path, why)) {
      files.push_back(path);
    }
    for (const fs::path& file : files) {
      if (!fs::is_symlink(file, why) && fs::hard_link_count(file, why) < 2) continue;
      const fs::path beside = file.string() + ".slipway.tmp";
      fs::copy_file(file, beside, fs::copy_options::overwrite_existing, why);
      if (!why) fs::permissions(beside, fs::perms::owner_write, fs::perm_options::add, why);
      if (!why) fs::rename(beside, file, why);
      if (why)
        return base::error(Code::kInternal, "{}: can't be copied out of DVC's cache: {}",
                           file.string(), why.message());
    }
    return {};
  }

  Result<void> restore() {
    for (const Output& out : stage_.outs) {
      const JsonObject* const item = find_item(entry_, "outs", out.path);
      const Json* const executable = item->if_contains("isexec");
      TRY(cache_.take(md5_in(item), executable != nullptr && *executable == Json(true),
                      at(out.path)));
    }
    return {};
  }

  // What the command reads has to be there before it runs.
  Result<void> find_deps() {
    for (const std::string& dep : stage_.deps) {
      std::error_code why;
      if (!fs::exists(at(dep), why))
        return base::error(Code::kNotFound,
                           "stage '{}' needs {}, which isn't there; if DVC has it, `dvc checkout` "
                           "or `dvc pull` brings it",
                           stage_.name, dep);
    }
    TRY(params_entry());
    return {};
  }

  Result<int> run_commands() {
    std::vector<std::string> commands;
    if (stage_.cmd.is_array()) {
      for (const Json& command : stage_.cmd.get_array()) commands.push_back(TRY(text_of(command)));
    } else {
      std::string_view rest(stage_.cmd.get_string());
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        commands.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    say(fmt::format("Running stage '{}':", stage_.address()));
    ::setenv("DVC_ROOT", repository_.c_str(), 0);
    ::setenv("DVC_STAGE", stage_.address().c_str(), 1);
    for (const std::string& command : commands) {
      say("> " + command);
      if (const int code = TRY(run_command(command)); code != 0) {
        say(fmt::format("failed to run: {}, exited with {}", command, code));
        return code;
      }
    }
    return 0;
  }

  Result<int> run_command(const std::string& command) {
    const char* const shell = std::getenv("SHELL");
    const std::string executable = shell == nullptr || *shell == '\0' ? "/bin/sh" : shell;
    std::vector<std::string> words{executable};
    const std::string name = fs::path(executable).filename();
    if (name == "bash") words.insert(words.end(), {"--noprofile", "--norc"});
    if (name == "zsh") words.emplace_back("--no-rcs");
    words.insert(words.end(), {"-c", command});
    const pid_t process = TRY(base::start_process(
        {.words = words, .folder = folder_, .output = STDOUT_FILENO, .is_in_our_group = true}));
    int status = 0;
    while (::waitpid(process, &status, 0) < 0) {
      if (errno != EINTR) return base::error(Code::kInternal, "the command can't be waited for");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  Result<JsonObject> params_entry() const {
    std::vector<ParamsFile> files = stage_.params;
    std::sort(files.begin(), files.end(), [](const ParamsFile& one, const ParamsFile& other) {
      const bool first = one.path == kParamsFile, second = other.path == kParamsFile;
      return first != second ? first : one.path < other.path;
    });
    JsonObject entry;
    for (const ParamsFile& params : files) {
      const auto text = store::read_file(folder_ / params.path);
      if (!text)
        return base::error(Code::kNotFound, "stage '{}' needs {}, which isn't there", stage_.name,
                           params.path);
      const JsonObject values = TRY(read_values(params.path, *text));
      const Json all(values);
      std::vector<std::string> keys = params.keys;
      if (keys.empty())
        for (const auto& member : values) keys.emplace_back(std::string_view(member.key()));
      std::sort(keys.begin(), keys.end());
      JsonObject taken;
      for (const std::string& key : keys) {
        const Json* const value =
            params.keys.empty() ? values.if_contains(key) : find_value(all, key);
        if (value == nullptr)
          return base::error(Code::kNotFound,
                             "stage '{}' needs the parameter {} of {}, which has none", stage_.name,
                             key, params.path);
        taken[key] = *value;
      }
      entry[params.path] = std::move(taken);
    }
    return entry;
  }

  Result<int> save() {
    JsonObject entry{{"cmd", stage_.cmd}};
    std::vector<std::string> deps = stage_.deps;
    std::sort(deps.begin(), deps.end());
    JsonArray dep_items;
    for (const std::string& dep : deps) {
      const auto content = TRY(content_of(at(dep)));
      if (!content)
        return base::error(Code::kNotFound, "stage '{}' needs {}, which isn't there", stage_.name,
                           dep);
      dep_items.push_back(content->entry(dep));
    }
    JsonObject params = TRY(params_entry());
    JsonArray out_items = TRY(save_outs());
    if (!dep_items.empty()) entry["deps"] = std::move(dep_items);
    if (!params.empty()) entry["params"] = std::move(params);
    if (!out_items.empty()) entry["outs"] = std::move(out_items);
    TRY(write(std::move(entry)));
    return 0;
  }

  Result<JsonArray> save_outs() {
    std::vector<Output> outs = stage_.outs;
    std::stable_sort(outs.begin(), outs.end(),
                     [](const Output& one, const Output& other) { return one.path < other.path; });
    JsonArray items;
    for (const Output& out : outs) {
      const fs::path path = at(out.path);
      const auto content = TRY(content_of(path));
      if (!content)
        return base::error(Code::kFailedPrecondition, "stage '{}' has not made {}", stage_.name,
                           out.path);
      if (out.cache) TRY(cache_.put(path, *content));
      items.push_back(content->entry(out.path));
    }
    return items;
  }

  // Waits for it; other processes have it meanwhile.
  Result<store::FileHandle> hold(const std::string& name) const {
    const fs::path file = repository_ / ".dvc" / "tmp" / name;
    TRY(store::make_folders(file.parent_path()));
    store::FileHandle held(::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    if (held.get() < 0) return store::errno_error(errno, "a lock can't be had", file);
    while (::flock(held.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return store::errno_error(errno, "a lock can't be had", file);
    }
    return held;
  }

  // Outputs of the stages that DVC would run after this one, and that are new in this run.
  std::vector<fs::path> later_outs(const JsonObject& lock) const {
    std::set<std::string> known;
    if (const Json* const stages = lock.if_contains("stages"); stages && stages->is_object())
      for (const auto& member : stages->get_object())
        if (known.size() < call_.locked) known.emplace(std::string_view(member.key()));
    std::vector<fs::path> outs;
    bool is_later = false;
    for (const Stage& each : order_) {
      if (is_later && !known.contains(each.name))
        for (const Output& out : each.outs)
          outs.push_back(call_.project / place_of(each, out.path));
      is_later = is_later || each.name == stage_.name;
    }
    return outs;
  }

  // Stages that run side by side write the same files.
  Result<void> write(JsonObject entry) {
    const store::FileHandle held = TRY(hold("slipway.lock"));
    JsonObject lock = TRY(read_lock(project_ / kLockFile));
    const std::vector<fs::path> later = later_outs(lock);
    for (const Output& out : stage_.outs)
      if (out.cache) TRY(ignore_in_git(repository_, at(out.path), later));
    std::vector<std::string> names;
    for (const Stage& each : order_) names.push_back(each.name);
    put_entry(lock, stage_.name, std::move(entry), call_.locked, names);
    return store::write_file(fs::weakly_canonical(project_ / kLockFile), yaml_text(lock));
  }

  const StageCall& call_;
  const Stage& stage_;
  const std::vector<Stage>& order_;  // those of its lock file
  const fs::path repository_;
  const Cache cache_;
  const fs::path project_;  // the folder of its dvc.yaml
  const fs::path folder_;   // that its command runs in
  JsonObject lock_;
  const JsonObject* entry_ = nullptr;  // of the stage in `lock_`
  Contents kept_;                      // of what `dvc add` keeps, before the command runs
};

}  // namespace

Result<int> run_stage(const StageCall& call) try {
  const fs::path repository = TRY(find_repository(call.project));
  const std::vector<Stage> stages =
      TRY(call.is_of_all ? read_all_projects(call.project) : read_project(call.project));
  const Plan plan = TRY(make_plan(stages));
  const auto stage = std::find_if(stages.begin(), stages.end(),
                                  [&](const Stage& each) { return each.address() == call.stage; });
  if (stage == stages.end())
    return base::error(Code::kNotFound, "dvc.yaml: no such stage: {}", call.stage);
  std::vector<Stage> order;  // of its lock file
  for (const std::size_t position : plan.order)
    if (stages[position].folder == stage->folder) order.push_back(stages[position]);
  return StageRun(call, *stage, order, repository).run();
} catch (const fs::filesystem_error& e) {
  return base::error(Code::kInternal, "a file of the stage can't be had: {}", e.what());
}

Result<StageForecast> forecast_stage(const StageCall& call, const Stage& stage) try {
  const std::vector<Stage> none;
  return StageRun(call, stage, none, TRY(find_repository(call.project))).forecast();
} catch (const fs::filesystem_error& e) {
  return base::error(Code::kInternal, "a file of the stage can't be had: {}", e.what());
}

}  // namespace slipway::dvc
