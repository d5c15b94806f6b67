#include "cli/run_restore.h"

#include <unistd.h>

#include <cctype>
#include <cstdlib>

#include "base/hash.h"
#include "cli/table.h"
#include "cli/world_restore.h"
#include "pipelines/cache_key.h"
#include "pipelines/definition.h"
#include "pipelines/each.h"
#include "pipelines/executor.h"
#include "store/file_digest.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDigestShown = 12;

// Exits with 0 when the interpreter has every package as a requirements.txt pins it.
constexpr std::string_view kHasPinned = R"py(
import importlib.metadata as m, re, sys
for line in open(sys.argv[1]):
    pinned = re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;#]+)", line)
    if pinned and m.version(pinned[1]) != pinned[2]:
        sys.exit(f"{pinned[1]} is {m.version(pinned[1])}, not {pinned[2]}")
)py";

template <typename... Args>
Error cannot(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kFailedPrecondition, "can't be restored: {}",
                     fmt::format(format, std::forward<Args>(args)...));
}

// The only line that a command writes, when it ends well.
Result<std::string> line_of(const std::string& command, const fs::path& folder,
                            const fs::path& work) {
  const fs::path log = work / "line.txt";
  std::error_code ignored;
  fs::remove(log, ignored);
  if (TRY(run_command(command, folder, {}, log)) != 0)
    return base::error(Code::kNotFound, "the command failed: {}", command);
  std::string text = TRY(store::read_file(log));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

bool ended_well(const Json& step) {
  const std::string state = cell(member_at(step, "state"));
  return state == "succeeded" || state == "cached";
}

class Restore {
 public:
  Restore(Client& client, const Context& context, const ReproduceOptions& options,
          const fs::path& work)
      : client_(client), context_(context), options_(options), work_(work) {
    result_.registry = work / "registry";
  }
  ~Restore() { discard_checkout(result_, work_); }  // when something else can't be restored
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  Result<RestoredRun> from_step(const Json& run, const std::string& step) {
    TRY(open_project(run));
    TRY(add_step(step));
    return finish();
  }

  Result<RestoredRun> from_pipeline(const Json& run, const std::set<std::string>& tracked,
                                    JsonArray& left) {
    TRY(open_project(run));
    const auto leave = [&](const std::string& step, std::string_view why) {
      left.push_back(JsonObject{{"step", step}, {"why", why}});
    };
    for (const Json& step : member_at(run, "steps").as_array()) {
      const std::string name = cell(member_at(step, "name"));
      const Json& nested = member_at(step, "nested_run");
      if (nested.is_string()) {
        leave(name, "it is a run of its own: " + cell(nested));
      } else if (!ended_well(step)) {
        leave(name, "it was " + cell(member_at(step, "state")));
      } else if (member_at(step, "items").is_array()) {
        leave(name, "it has items: each is reproduced by the run that it was tracked as");
      } else if (!member_at(step, "key.parts").is_object()) {
        leave(name, "it ran no command");
      } else if (has_effects(name) && !tracked.contains(name)) {
        leave(name, "it is not to be answered from cache, as it may change something");
      } else {
        TRY(add_step(name));
      }
    }
    if (result_.commands.empty())
      return cannot("the run has no step that can be run again: run={}",
                    cell(member_at(run, "id")));
    return finish();
  }

  Result<RestoredRun> from_script(const RunRecord& run) {
    const std::string kind = run.tag("mlflow.source.type");
    const std::string script = run.tag("mlflow.source.name");
    const std::string commit = run.tag("mlflow.source.git.commit");
    if (commit.empty())
      return cannot("the code: the run has no commit (tag mlflow.source.git.commit)");
    if (options_.command.empty() && (script.empty() || (!kind.empty() && kind != "LOCAL")))
      return cannot(
          "the command: the run was started by no script: source.type={} source.name={} "
          "(say what to run with --command)",
          kind, script);
    const fs::path code = TRY(check_out(repository_of(script), commit));
    const fs::path found = options_.command.empty() ? TRY(find_script(code, script)) : code;
    const bool absolute = fs::path(script).is_absolute();
    RestoredCommand command;
    command.folder = !options_.command.empty() ? code
                     : absolute                ? found.parent_path()
                                               : root_of(found, script);
    command.text = options_.command.empty()
                       ? "python3 " + shell_word(found.lexically_relative(command.folder).string())
                       : options_.command;
    note("command",
         command.text + (options_.command.empty() ? " (MLflow records no arguments)" : ""));
    command.environment["PATH"] = TRY(restore_environment(TRY(requirements_of_model(run))));
    result_.commands.push_back(std::move(command));
    return std::exchange(result_, {});
  }

 private:
  void note(std::string_view what, const std::string& detail) {
    result_.restored.push_back(JsonObject{{"what", what}, {"detail", detail}});
  }

  // The code of a pipeline's run, and what its steps say of themselves there.
  Result<void> open_project(const Json& run) {
    run_ = run;
    const Json& commit = member_at(run, "source.commit");
    const Json& folder = member_at(run, "source.folder");
    if (!commit.is_string() || !folder.is_string())
      return cannot("the code: the pipeline's project was in no git repository: run={}",
                    cell(member_at(run, "id")));
    commit_ = cell(commit);
    code_ = TRY(check_out(
        options_.repository.empty() ? fs::path(cell(folder)) : options_.repository, commit_));
    const auto yaml = store::read_file(code_ / "slipway.yaml");
    if (!yaml) return {};  // of Kubeflow or DVC
    for (auto& parsed : TRY(pipelines::parse_pipelines(*yaml))) {
      if (parsed.definition.name == cell(member_at(run, "pipeline")))
        definition_ = std::move(parsed.definition);
    }
    return {};
  }

  // What the project says of a step, or of the one that an item is of.
  const pipelines::StepDefinition* declared(const std::string& name) const {
    return definition_ ? definition_->find_step(name.substr(0, name.find('['))) : nullptr;
  }

  // Whether a step may do something beside writing its files.
  bool has_effects(const std::string& name) const {
    const auto* step = declared(name);
    return step != nullptr && !step->cached();
  }

  // A step, behind those before it that have to run again.
  Result<void> add_step(const std::string& name) {
    if (folders_.contains(name)) return {};
    const std::string run = cell(member_at(run_, "id"));
    const Json* step = find_step(member_at(run_, "steps").as_array(), name);
    if (step == nullptr)
      return cannot("the pipeline's run has no such step: run={} step={}", run, name);
    if (const auto* known = declared(name); known != nullptr && !known->secrets.empty())
      return cannot("the secrets of step {}, which are kept nowhere: {}", name,
                    fmt::join(known->secrets, ", "));
    TRY(check_parts(*step));
    RestoredCommand command{.step = name,
                            .text = cell(member_at(*step, "command")),
                            .folder = code_,
                            .out = work_ / "out" / name,
                            .before = cell(member_at(*step, "folder")),
                            .outputs = {},
                            .environment = {}};
    TRY(store::make_folders(command.out));
    for (const auto& [file, digest] : member_at(*step, "outputs").as_object())
      command.outputs[std::string(file)] = cell(digest);
    folders_[name] = {command.before.string(), command.out};
    for (const auto& [other, moved] : folders_)
      replace(command.text, moved.first, moved.second.string());
    TRY(move_own_folder(command, run));
    command.environment = {{"SLIPWAY_OUT", command.out.string()},
                           {"SLIPWAY_STEP", name},
                           {"SLIPWAY_PIPELINE", cell(member_at(run_, "pipeline"))},
                           {"SLIPWAY_NOW", cell(member_at(run_, "now"))},
                           {"SLIPWAY_GIT_COMMIT", commit_}};
    note("command", fmt::format("step {} of {}", name, cell(member_at(run_, "pipeline"))));
    command.environment["PATH"] = TRY(restore_environment(requirements_of_step(*step)));
    result_.commands.push_back(std::move(command));
    return {};
  }

  // A step from cache has the folder of the run that it comes from; its command still names that of
  // its own run, RUN/STEP or RUN/STEP/0007 beside it, where nothing may be written.
  static Result<void> move_own_folder(RestoredCommand& command, const std::string& run) {
    const std::size_t bracket = command.step.find('[');
    fs::path own = fs::path(run) / command.step.substr(0, bracket);
    if (bracket != std::string::npos)
      own /= pipelines::item_folder(std::strtoull(&command.step[bracket + 1], nullptr, 10));
    for (fs::path root = command.before; root.has_relative_path(); root = root.parent_path())
      replace(command.text, root / own, command.out);
    std::string rest = command.text;
    replace(rest, own, "");
    if (rest == command.text) return {};
    return cannot("the command of step {}: it writes to a folder that isn't beside {}: {}",
                  command.step, command.before.string(), command.text);
  }

  // A folder in a command, but none whose name only begins like it.
  static void replace(std::string& text, const std::string& from, const std::string& to) {
    const auto goes_on = [&](std::size_t end) {
      return end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                   std::string_view("_-.[").find(text[end]) != std::string::npos);
    };
    for (std::size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos;) {
      if (goes_on(at + from.size())) {
        at += from.size();
        continue;
      }
      text.replace(at, from.size(), to);
      at += to.size();
    }
  }

  // The folder that stands for `inside` in a fresh checkout of its repository.
  Result<fs::path> check_out(const fs::path& inside, const std::string& commit) {
    std::error_code ec;
    if (!fs::is_directory(inside, ec))
      return cannot("the code: no such folder: {} (name the repository with --repository)",
                    inside.string());
    const auto top = line_of("git rev-parse --show-toplevel 2>/dev/null", inside, work_);
    if (!top)
      return cannot("the code: not in a git repository: folder={} (name it with --repository)",
                    inside.string());
    if (!line_of("git cat-file -e " + shell_word(commit + "^{commit}"), *top, work_))
      return cannot("the code: the repository has no such commit: repository={} commit={}", *top,
                    commit);
    const fs::path target = work_ / "code";
    if (TRY(run_command(
            "git worktree add --detach " + shell_word(target.string()) + " " + shell_word(commit),
            *top, {}, work_ / "git.log")) != 0)
      return cannot("the code: git could not check it out: commit={} log={}", commit,
                    store::read_file(work_ / "git.log").value_or(""));
    result_.repository = *top;
    result_.checkout = target;
    note("code", fmt::format("commit {} of {}", commit, *top));
    const fs::path prefix = fs::weakly_canonical(inside, ec).lexically_relative(*top);
    return prefix.empty() || prefix == "." ? target : target / prefix;
  }

  fs::path repository_of(const std::string& script) const {
    if (!options_.repository.empty()) return options_.repository;
    const fs::path path(script);
    return path.is_absolute() ? path.parent_path() : fs::current_path();
  }

  // `script` as it was typed: below some folder of the repository.
  Result<fs::path> find_script(const fs::path& code, const std::string& script) {
    const fs::path path(script);
    const std::string name =
        path.is_absolute() ? path.filename().string() : path.lexically_normal().generic_string();
    std::error_code ec;
    if (fs::is_regular_file(code / name, ec)) return code / name;
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(result_.checkout, ec)) {
      const std::string below = entry.path().generic_string();
      if (entry.is_regular_file(ec) && below.ends_with("/" + name)) found.push_back(entry.path());
    }
    if (found.size() == 1) return found.front();
    return cannot("the command: the commit has {} files of that name: script={}",
                  found.empty() ? "no" : "several", script);
  }

  // The folder from which `script` leads to `found`.
  static fs::path root_of(const fs::path& found, const std::string& script) {
    fs::path root = found;
    for (const auto& part : fs::path(script).lexically_normal()) {
      if (!part.empty()) root = root.parent_path();
    }
    return root;
  }

  // Code, environment and inputs are what the step's key says they were.
  Result<void> check_parts(const Json& step) {
    const Json& parts = member_at(step, "key.parts");
    if (!parts.is_object()) return cannot("the inputs: the step has no record of them");
    pipelines::StepDefinition files;
    std::map<std::string, std::string> expected;
    for (const auto& [name, digest] : parts.get_object()) {
      const std::string part(name), value = cell(digest);
      const std::string rest = part.substr(part.find('/') + 1);
      if (part.starts_with("code/")) {
        files.code.push_back(rest);
        expected[part] = value;
      } else if (part.starts_with("env/")) {
        files.env.push_back(rest);
        expected[part] = value;
      } else if (part.starts_with("step/")) {
        TRY(restore_outputs(rest));
      } else if (part.starts_with("input/dataset:")) {
        TRY(add_dataset(rest.substr(8), value));
      } else if (part.starts_with("input/model:")) {
        add_model(rest.substr(6), value);
      } else if (part.starts_with("input/")) {
        files.inputs.push_back(rest);
        expected[part] = value;
      }
    }
    NoInputs none;
    const auto here = pipelines::declared_digests(files, code_, none);
    if (!here) return cannot("the code: {}: commit={}", here.error().message, commit_);
    for (const auto& [part, digest] : expected) {
      const auto found = here->find(part);
      if (found == here->end() || found->second != digest)
        return cannot("{} is not what ran: it was changed and not committed: commit={}", part,
                      commit_);
    }
    return {};
  }

  // Files of an earlier step, where they are and as they were, or made again.
  Result<void> restore_outputs(const std::string& name) {
    if (folders_.contains(name)) return {};
    const Json* step = find_step(member_at(run_, "steps").as_array(), name);
    if (step == nullptr) return cannot("the data: the pipeline's run has no step {}", name);
    const std::string lost = lost_outputs(*step);
    if (has_effects(name) || !member_at(*step, "key.parts").is_object() ||
        (lost.empty() && !options_.from_data)) {
      if (!lost.empty())
        return cannot("the data: {}, and step {} is not run again (cache: false)", lost, name);
      for (const auto& [file, digest] : member_at(*step, "outputs").as_object())
        note("data", fmt::format("{} of step {}, sha256 {}", std::string_view(file), name,
                                 cell(digest).substr(0, kDigestShown)));
      return {};
    }
    if (!lost.empty()) note("data", lost + ": made again");
    return add_step(name);
  }

  // What of a step's files is not as it was; empty: nothing.
  static std::string lost_outputs(const Json& step) {
    const std::string name = cell(member_at(step, "name"));
    const fs::path folder = cell(member_at(step, "folder"));
    for (const auto& [file, digest] : member_at(step, "outputs").as_object()) {
      const fs::path path = folder / std::string(file);
      const auto found = store::file_digest(path);
      if (found && *found == cell(digest)) continue;
      return fmt::format("{} of step {} {}: file={}", std::string_view(file), name,
                         found ? "has changed" : "is gone", path.string());
    }
    return "";
  }

  Result<void> add_dataset(const std::string& name, const std::string& digest) {
    const auto version = find_dataset_version(client_, name, digest);
    if (!version) return cannot("the data: {}", version.error().message);
    const Json known = TRY(client_.get(path_of("/slipway/v1/datasets/{}", {name})));
    const bool is_newest = cell(member_at(known, "latest.digest")) == digest;
    if (!datasets_.emplace(name, digest).second) return {};
    is_old_data_ = is_old_data_ || !is_newest;
    note("data",
         fmt::format("dataset {} version {}, digest {}{}", name, *version,
                     digest.substr(0, kDigestShown), is_newest ? "" : ", on a server of its own"));
    return {};
  }

  // "sale@champion", "sale/3"; `value`: "models:/sale/3", or "none" that it was.
  void add_model(const std::string& name, const std::string& value) {
    const std::size_t at = name.find('@');
    ModelAsItWas& model = models_[name.substr(0, std::min(at, name.find('/')))];
    if (value == "none") {
      note("registry", name + " was no version yet");
      return;
    }
    const std::int64_t version =
        std::strtoll(value.substr(value.rfind('/') + 1).c_str(), nullptr, 10);
    model.versions = std::max(model.versions, version);
    if (at != std::string::npos) model.aliases[name.substr(at + 1)] = version;
    note("registry", name + " is " + value + ", in a registry of its own");
  }

  // Models that the run registered had the versions before that, so that a new one gets the number
  // that it had.
  Result<void> add_registered() {
    std::map<std::string, std::int64_t> first;
    for (const RunRecord& run : TRY(RunRecord::find(
             client_, fmt::format("tags.`slipway.run_id` = '{}'", cell(member_at(run_, "id")))))) {
      const Json reply = TRY(client_.get(path_of("/api/2.0/mlflow/model-versions/search?filter={}",
                                                 {fmt::format("run_id = '{}'", run.id())})));
      const Json& made = member_at(reply, "model_versions");
      for (const Json& one : made.is_array() ? made.get_array() : JsonArray()) {
        const std::int64_t version =
            std::strtoll(cell(member_at(one, "version")).c_str(), nullptr, 10);
        const auto known = first.emplace(cell(member_at(one, "name")), version).first;
        known->second = std::min(known->second, version);
      }
    }
    for (const auto& [name, version] : first)
      models_[name].versions = std::max(models_[name].versions, version - 1);
    return {};
  }

  // What is to be there before the commands run.
  Result<RestoredRun> finish() {
    if (is_old_data_) {
      auto server = serve_data(client_, code_, datasets_, work_);
      if (!server) return cannot("the data: {}", server.error().message);
      result_.data = std::make_unique<Server>(std::move(*server));
    }
    TRY(add_registered());
    std::vector<ModelAsItWas> models;
    for (auto& [name, model] : models_) {
      model.name = name;
      if (model.versions > 0) models.push_back(model);
    }
    if (!models.empty()) {
      const auto made = restore_registry(client_, context_, models, result_.registry, work_,
                                         result_.commands.back().environment["PATH"]);
      if (!made) return cannot("the registry: {}", made.error().message);
    }
    return std::exchange(result_, {});
  }

  std::optional<fs::path> requirements_of_step(const Json& step) const {
    for (const auto& [name, digest] : member_at(step, "key.parts").as_object()) {
      const std::string part(name);
      if (part.starts_with("env/") && part.ends_with(".txt")) return code_ / part.substr(4);
    }
    return std::nullopt;
  }

  Result<std::optional<fs::path>> requirements_of_model(const RunRecord& run) {
    for (const auto& [name, path] : TRY(run.artifacts(client_))) {
      if (name != "requirements.txt" && !name.ends_with("/requirements.txt")) continue;
      const fs::path file = work_ / "requirements.txt";
      TRY(store::write_file(file, TRY(stored_text(client_, path))));
      return std::optional(file);
    }
    return std::optional<fs::path>();
  }

  // The interpreter in the PATH when it has what is pinned, else an environment of its own, made
  // once for each requirements.txt. The PATH that it is found by.
  Result<std::string> restore_environment(const std::optional<fs::path>& requirements) {
    std::error_code ignored;
    const char* inherited = std::getenv("PATH");
    std::string path = fs::read_symlink("/proc/self/exe", ignored).parent_path().string() + ":" +
                       (inherited == nullptr ? "/usr/bin:/bin" : inherited);
    if (!requirements) {
      note("environment", "none is recorded: python3 of the PATH");
    } else {
      const fs::path check = work_ / "has_pinned.py";
      TRY(store::write_file(check, kHasPinned));
      const std::string question =
          "python3 " + shell_word(check.string()) + " " + shell_word(requirements->string());
      if (TRY(run_command(question, work_, {{"PATH", path}}, work_ / "environment.log")) == 0) {
        note("environment",
             "python3 of the PATH has what " + requirements->filename().string() + " pins");
      } else {
        path = TRY(make_environment(*requirements)).string() + "/bin:" + path;
      }
    }
    return path;
  }

  Result<fs::path> make_environment(const fs::path& requirements) {
    const std::string digest = base::sha256_hex(TRY(store::read_file(requirements))).substr(0, 16);
    const char* cache = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    const fs::path root =
        (cache != nullptr && *cache != 0 ? fs::path(cache)
                                         : fs::path(home == nullptr ? "/tmp" : home) / ".cache") /
        "slipway" / "environments";
    const fs::path folder = root / digest, complete = folder / "complete";
    std::error_code ec;
    if (!fs::exists(complete, ec)) {
      fs::remove_all(folder, ec);
      TRY(store::make_folders(root));
      std::fprintf(stderr, "making the environment of %s in %s\n", requirements.c_str(),
                   folder.c_str());
      const fs::path log = work_ / "pip.log";
      const std::string make = "python3 -m venv " + shell_word(folder.string()) + " && " +
                               shell_word((folder / "bin" / "pip").string()) + " install -q -r " +
                               shell_word(requirements.string());
      if (TRY(run_command(make, work_, {}, log)) != 0)
        return cannot("the environment: pip could not install {}: {}", requirements.string(),
                      store::read_file(log).value_or(""));
      TRY(store::write_file(complete, digest));
    }
    note("environment", fmt::format("{} of {}", folder.string(), requirements.filename().string()));
    return folder;
  }

  class NoInputs final : public pipelines::InputDigests {
   public:
    Result<Input> resolve(const std::string& kind, const std::string& name) override {
      return base::error(Code::kInvalidArgument, "not a file: {}:{}", kind, name);
    }
    Result<bool> has_object(const std::string&) override { return false; }
  };

  Client& client_;
  const Context& context_;
  const ReproduceOptions& options_;
  const fs::path work_;
  Json run_;  // of a pipeline
  std::string commit_;
  fs::path code_;  // the project in the checkout
  std::optional<pipelines::PipelineDefinition> definition_;
  // Of steps that run again, where each wrote its files, and where it does now.
  std::map<std::string, std::pair<std::string, fs::path>> folders_;
  std::map<std::string, std::string> datasets_;  // name -> digest, of those that are read
  bool is_old_data_ = false;                     // one of them is not the newest
  std::map<std::string, ModelAsItWas> models_;   // those that are read or registered
  RestoredRun result_;
};

}  // namespace

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Result<int> run_command(const std::string& command, const fs::path& folder,
                        const std::map<std::string, std::string>& environment,
                        const fs::path& log) {
  pipelines::ProcessExecutor executor;
  const pipelines::Exit exit = TRY(executor.run({.text = command,
                                                 .folder = folder,
                                                 .environment = environment,
                                                 .log = log,
                                                 .timeout = std::nullopt},
                                                [] { return pipelines::Wish::kGoOn; }));
  return exit.code;
}

Result<RestoredRun> restore_run(Client& client, const Context& context, const RunRecord& run,
                                const ReproduceOptions& options, const fs::path& work) {
  Restore restore(client, context, options, work);
  const auto origin = TRY(run.origin(client));
  if (!origin || !options.command.empty()) return restore.from_script(run);
  return restore.from_step(origin->run, run.tag("slipway.step"));
}

Result<RestoredRun> restore_pipeline_run(Client& client, const Context& context, const Json& run,
                                         const ReproduceOptions& options, const fs::path& work,
                                         const std::set<std::string>& tracked, JsonArray& left) {
  return Restore(client, context, options, work).from_pipeline(run, tracked, left);
}

void discard_checkout(const RestoredRun& restored, const fs::path& work) {
  if (restored.checkout.empty()) return;
  [[maybe_unused]] const auto removed =
      run_command("git worktree remove --force " + shell_word(restored.checkout.string()),
                  restored.repository, {}, work / "git.log");
}

}  // namespace slipway::cli
