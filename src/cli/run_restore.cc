#include "cli/run_restore.h"

#include <unistd.h>

#include <cstdlib>

#include "base/hash.h"
#include "cli/table.h"
#include "pipelines/cache_key.h"
#include "pipelines/executor.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

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

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
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

class Restore {
 public:
  Restore(Client& client, const RunRecord& run, const ReproduceOptions& options,
          const fs::path& work)
      : client_(client), run_(run), options_(options), work_(work) {}
  ~Restore() { discard_checkout(result_, work_); }  // when something else can't be restored
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  Result<RestoredRun> from_step(const PipelineOrigin& origin) {
    const std::string step = run_.tag("slipway.step");
    if (!origin.step.is_object())
      return cannot("the pipeline's run has no such step: run={} step={}",
                    cell(member_at(origin.run, "id")), step);
    const Json& commit = member_at(origin.run, "source.commit");
    const fs::path project = cell(member_at(origin.run, "source.folder"));
    if (!commit.is_string() || project == "-")
      return cannot("the code: the pipeline's project was in no git repository: run={}",
                    cell(member_at(origin.run, "id")));
    const fs::path code = TRY(check_out(project, cell(commit)));
    TRY(check_parts(origin, code, cell(commit)));
    const std::string own = cell(member_at(origin.step, "folder"));
    const fs::path out = work_ / "out";
    TRY(store::make_folders(out));
    result_.command = cell(member_at(origin.step, "command"));
    for (std::size_t at = 0; (at = result_.command.find(own, at)) != std::string::npos;) {
      result_.command.replace(at, own.size(), out.string());
      at += out.string().size();
    }
    result_.folder = code;
    result_.environment["SLIPWAY_OUT"] = out.string();
    result_.environment["SLIPWAY_STEP"] = step;
    result_.environment["SLIPWAY_PIPELINE"] = cell(member_at(origin.run, "pipeline"));
    result_.environment["SLIPWAY_NOW"] = cell(member_at(origin.run, "now"));
    result_.environment["SLIPWAY_GIT_COMMIT"] = cell(commit);
    note("command", fmt::format("step {} of {}", step, cell(member_at(origin.run, "pipeline"))));
    TRY(restore_environment(requirements_of_step(origin, code)));
    return std::exchange(result_, {});
  }

  Result<RestoredRun> from_script() {
    const std::string kind = run_.tag("mlflow.source.type");
    const std::string script = run_.tag("mlflow.source.name");
    const std::string commit = run_.tag("mlflow.source.git.commit");
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
    result_.folder =
        options_.command.empty() && absolute ? found.parent_path() : root_of(found, script);
    result_.command =
        options_.command.empty()
            ? "python3 " + shell_word(fs::path(found).lexically_relative(result_.folder).string())
            : options_.command;
    if (!options_.command.empty()) result_.folder = code;
    note("command",
         result_.command + (options_.command.empty() ? " (MLflow records no arguments)" : ""));
    TRY(restore_environment(TRY(requirements_of_model())));
    return std::exchange(result_, {});
  }

 private:
  void note(std::string_view what, const std::string& detail) {
    result_.restored.push_back(JsonObject{{"what", what}, {"detail", detail}});
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
  Result<void> check_parts(const PipelineOrigin& origin, const fs::path& code,
                           const std::string& commit) {
    const Json& parts = member_at(origin.step, "key.parts");
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
        TRY(check_outputs(origin, rest));
      } else if (part.starts_with("input/dataset:")) {
        TRY(check_dataset(rest.substr(8), value));
      } else if (part.starts_with("input/model:")) {
        if (value != "none")
          return cannot("the registry: the step read {} when it was {}", rest.substr(6), value);
        note("registry", rest.substr(6) + " was no version yet");
      } else if (part.starts_with("input/")) {
        files.inputs.push_back(rest);
        expected[part] = value;
      }
    }
    NoInputs none;
    const auto here = pipelines::declared_digests(files, code, none);
    if (!here) return cannot("the code: {}: commit={}", here.error().message, commit);
    for (const auto& [part, digest] : expected) {
      const auto found = here->find(part);
      if (found == here->end() || found->second != digest)
        return cannot("{} is not what ran: it was changed and not committed: commit={}", part,
                      commit);
    }
    return {};
  }

  // Files of an earlier step, where they are and as they were.
  Result<void> check_outputs(const PipelineOrigin& origin, const std::string& name) {
    for (const Json& step : member_at(origin.run, "steps").as_array()) {
      if (cell(member_at(step, "name")) != name) continue;
      const fs::path folder = cell(member_at(step, "folder"));
      for (const auto& [file, digest] : member_at(step, "outputs").as_object()) {
        const fs::path path = folder / std::string(file);
        const auto bytes = store::read_file(path);
        if (!bytes)
          return cannot("the data: {} of step {} is gone: file={}", std::string(file), name,
                        path.string());
        if (base::sha256_hex(*bytes) != cell(digest))
          return cannot("the data: {} of step {} has changed: file={}", std::string(file), name,
                        path.string());
        note("data", fmt::format("{} of step {}, sha256 {}", std::string(file), name,
                                 cell(digest).substr(0, 12)));
      }
      return {};
    }
    return cannot("the data: the pipeline's run has no step {}", name);
  }

  Result<void> check_dataset(const std::string& name, const std::string& digest) {
    const auto dataset = client_.get(path_of("/slipway/v1/datasets/{}", {name}));
    if (!dataset) return cannot("the data: dataset {}: {}", name, dataset.error().message);
    const std::string now = cell(member_at(*dataset, "latest.digest"));
    if (now != digest)
      return cannot("the data: dataset {} is another version now: digest={} now={}", name, digest,
                    now);
    note("data", fmt::format("dataset {}, digest {}", name, digest.substr(0, 12)));
    return {};
  }

  static std::optional<fs::path> requirements_of_step(const PipelineOrigin& origin,
                                                      const fs::path& code) {
    for (const auto& [name, digest] : member_at(origin.step, "key.parts").as_object()) {
      const std::string part(name);
      if (part.starts_with("env/") && part.ends_with(".txt")) return code / part.substr(4);
    }
    return std::nullopt;
  }

  Result<std::optional<fs::path>> requirements_of_model() {
    for (const auto& [name, path] : TRY(run_.artifacts(client_))) {
      if (name != "requirements.txt" && !name.ends_with("/requirements.txt")) continue;
      const fs::path file = work_ / "requirements.txt";
      TRY(store::write_file(file, TRY(stored_text(client_, path))));
      return std::optional(file);
    }
    return std::optional<fs::path>();
  }

  // The interpreter in the PATH when it has what is pinned, else an environment of its own, made
  // once for each requirements.txt.
  Result<void> restore_environment(const std::optional<fs::path>& requirements) {
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
    result_.environment["PATH"] = path;
    return {};
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
  const RunRecord& run_;
  const ReproduceOptions& options_;
  const fs::path work_;
  RestoredRun result_;
};

}  // namespace

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

Result<RestoredRun> restore_run(Client& client, const RunRecord& run,
                                const ReproduceOptions& options, const fs::path& work) {
  Restore restore(client, run, options, work);
  const auto origin = TRY(run.origin(client));
  return origin && options.command.empty() ? restore.from_step(*origin) : restore.from_script();
}

void discard_checkout(const RestoredRun& restored, const fs::path& work) {
  if (restored.checkout.empty()) return;
  [[maybe_unused]] const auto removed =
      run_command("git worktree remove --force " + shell_word(restored.checkout.string()),
                  restored.repository, {}, work / "git.log");
}

}  // namespace slipway::cli
