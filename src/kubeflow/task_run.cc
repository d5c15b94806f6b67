#include "kubeflow/task_run.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/hash.h"
#include "kubeflow/compiler.h"
#include "kubeflow/executor_input.h"
#include "kubeflow/parameter.h"
#include "kubeflow/task_file.h"
#include "store/file_system.h"

namespace slipway::kubeflow {
namespace fs = std::filesystem;
namespace {

constexpr int kRefused = 3;  // a gate's no, to who runs steps

// An environment of the step's own above the one that `python3` is in, so that steps that install
// packages don't install them into each other's.
constexpr const char* kMakeEnvironment = R"py(
import os, sys, venv
home = sys.argv[1]
venv.EnvBuilder(system_site_packages=True, symlinks=True, with_pip=False).create(home)
packages = os.path.join(home, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
with open(os.path.join(packages, "below.pth"), "w") as file:
    file.write("\n".join(path for path in sys.path if path.endswith("-packages")))
)py";

// Waits for it; 128 + signal when a signal ended it.
Result<int> run_words(const std::vector<std::string>& words) {
  if (words.empty() || words[0].empty())
    return base::error(Code::kInvalidArgument, "the container has no command to start");
  for (const std::string& word : words) {
    if (word.find('\0') != std::string::npos)
      return base::error(Code::kInvalidArgument, "a word of the command has a NUL character");
  }
  std::vector<char*> list;
  for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  pid_t pid = 0;
  if (const int why = ::posix_spawnp(&pid, list[0], nullptr, nullptr, list.data(), environ))
    return base::error(Code::kNotFound, "the command can't be started here: command={} why={}",
                       words[0], std::strerror(why));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR)
      return base::error(Code::kInternal, "the command can't be waited for: why={}",
                         std::strerror(errno));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void set_variable(const std::string& name, const std::string& value) {
  ::setenv(name.c_str(), value.c_str(), 1);
}

Result<void> make_environment(const fs::path& home) {
  const int code = TRY(run_words({"python3", "-c", kMakeEnvironment, home.string()}));
  if (code != 0)
    return base::error(Code::kFailedPrecondition,
                       "python3 can't make an environment for the step: exit_code={} (setting "
                       "python-path)",
                       code);
  const char* const path = std::getenv("PATH");
  set_variable("PATH", (home / "bin").string() + ":" + (path == nullptr ? "" : path));
  set_variable("VIRTUAL_ENV", home.string());
  set_variable("PIP_DISABLE_PIP_VERSION_CHECK", "1");
  return {};
}

std::vector<std::string> texts_of(const JsonObject& object, std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& word : object.at(key).get_array())
    texts.emplace_back(std::string_view(word.get_string()));
  return texts;
}

Result<TaskContainer> container_of(const TaskFile& task, const TaskCall& call,
                                   const TaskFolders& folders, const JsonObject& executor_input) {
  const auto replaced = [&](std::string_view text) {
    return replace_placeholders(text, [&](const Placeholder& placeholder) {
      return text_of(placeholder, executor_input, task, call);
    });
  };
  const JsonObject& inputs = executor_input.at("inputs").get_object();
  const auto is_given = [&](const std::string& input) {
    return inputs.at("parameterValues").get_object().contains(input) ||
           inputs.at("artifacts").get_object().contains(input);
  };
  TaskContainer container;
  for (const char* const part : {"command", "args"}) {
    for (const std::string& word : TRY(expand_words(texts_of(task.container, part), is_given)))
      container.words.push_back(TRY(replaced(word)));
  }
  for (const auto& [name, value] : task.container.at("environment").get_object())
    container.environment[std::string(std::string_view(name))] =
        TRY(replaced(std::string_view(value.get_string())));
  container.environment["TMPDIR"] = (folders.scratch() / "tmp").string();
  return container;
}

Result<int> run_container(const TaskFile& task, const TaskContainer& container,
                          const TaskFolders& folders) {
  const bool installs = std::any_of(
      container.words.begin(), container.words.end(),
      [](const std::string& word) { return word.find("pip install") != std::string::npos; });
  const std::string image = TRY(base::find_string(task.container, "image")).value_or("");
  if (!image.empty())
    std::fprintf(stderr, "slipway: runs here as a process; the image is not used: %s\n",
                 image.c_str());
  if (installs) TRY(make_environment(folders.scratch() / "python"));
  for (const auto& [name, value] : container.environment) set_variable(name, value);
  std::error_code ec;
  fs::current_path(folders.scratch() / "work", ec);
  if (ec) return base::error(Code::kInternal, "no folder to run in: why={}", ec.message());
  return run_words(container.words);
}

Result<std::string> digest_of_files(const fs::path& path) {
  std::vector<fs::path> files;
  if (!fs::is_directory(path)) {
    files.push_back(path);
  } else {
    files = TRY(store::files_below(path));
  }
  base::Sha256 hash;
  for (const fs::path& file : files) {
    const std::string bytes = TRY(store::read_file(file));
    hash.update(fmt::format("{}:{}:", file.string(), bytes.size())).update(bytes);
  }
  return hash.finish_hex();
}

Result<Json> replace_everywhere(const Json& value,
                                const std::function<Result<std::string>(std::string_view)>& text) {
  if (value.is_string()) return Json(TRY(text(std::string_view(value.get_string()))));
  if (value.is_array()) {
    JsonArray list;
    for (const Json& item : value.get_array()) list.push_back(TRY(replace_everywhere(item, text)));
    return Json(std::move(list));
  }
  if (!value.is_object()) return value;
  JsonObject object;
  for (const auto& [name, item] : value.get_object())
    object[TRY(text(std::string_view(name)))] = TRY(replace_everywhere(item, text));
  return Json(std::move(object));
}

// An artifact that is somewhere already. What is in local files counts for what comes after.
Result<JsonObject> import_artifact(const TaskFile& task, const TaskCall& call,
                                   const JsonObject& executor_input) {
  std::string uri = TRY(base::find_string(task.importer, "uri")).value_or("");
  if (uri.empty()) {
    const std::string input = TRY(base::get_string(task.importer, "uri_input"));
    const JsonObject& values =
        executor_input.at("inputs").get_object().at("parameterValues").get_object();
    uri = TRY(base::get_string(values, input));
  }
  if (uri.starts_with("file://")) uri.erase(0, 7);
  JsonObject outputs;
  if (uri.find("://") == std::string::npos) {
    if (!fs::path(uri).is_absolute() || !fs::exists(uri))
      return base::error(Code::kNotFound, "there is no such file to import: uri={}", uri);
    outputs["digest"] = TRY(digest_of_files(uri));
  }
  const Json metadata =
      TRY(replace_everywhere(Json(task.importer.at("metadata")), [&](std::string_view text) {
        return replace_placeholders(text, [&](const Placeholder& placeholder) {
          return text_of(placeholder, executor_input, task, call);
        });
      }));
  const std::string name{std::string_view(task.output_artifacts.begin()->key())};
  JsonArray list{JsonObject{{"name", name},
                            {"type",
                             {{"schemaTitle", task.importer.at("schemaTitle")},
                              {"schemaVersion", task.importer.at("schemaVersion")}}},
                            {"uri", uri},
                            {"metadata", metadata}}};
  JsonObject artifacts;
  artifacts[name] = std::move(list);
  outputs["parameters"] = JsonObject();
  outputs["artifacts"] = std::move(artifacts);
  return outputs;
}

Result<void> make_folders(const TaskFolders& folders) {
  for (const fs::path& folder : {folders.artifacts(), folders.parameters(),
                                 folders.scratch() / "work", folders.scratch() / "tmp"})
    TRY(store::make_folders(folder));
  return {};
}

// The outputs are there when their file is.
Result<void> write_outputs(const TaskFolders& folders, const JsonObject& outputs) {
  TRY(store::write_file(folders.out / kOutputsFile, base::to_text(outputs)));
  std::error_code ignored;
  fs::remove_all(folders.scratch(), ignored);
  return {};
}

Error unreadable(const fs::filesystem_error& e) {
  return base::error(Code::kInternal, "a file of the task can't be had: {}", e.what());
}

}  // namespace

int exit_code_of_task(int container_code) {
  return container_code == kRefused ? 1 : container_code;
}

Result<int> run_task(const TaskCall& call) try {
  const TaskFolders folders{.out = fs::absolute(call.out)};
  const TaskFile task = TRY(read_task_file(call.file));
  TRY(make_folders(folders));
  const JsonObject executor_input = TRY(make_executor_input(task, call, folders));
  JsonObject outputs;
  if (!task.importer.empty()) {
    outputs = TRY(import_artifact(task, call, executor_input));
  } else {
    const TaskContainer container = TRY(container_of(task, call, folders, executor_input));
    const int code = TRY(run_container(task, container, folders));
    if (code != 0) return exit_code_of_task(code);
    outputs = TRY(collect_outputs(task, executor_input, folders));
  }
  std::error_code ignored;
  fs::current_path(folders.out, ignored);  // its own goes
  TRY(write_outputs(folders, outputs));
  return 0;
} catch (const fs::filesystem_error& e) {
  return unreadable(e);
}

Result<void> prepare_task(const TaskCall& call) try {
  const TaskFolders folders{.out = fs::absolute(call.out)};
  const TaskFile task = TRY(read_task_file(call.file));
  TRY(make_folders(folders));
  const JsonObject executor_input = TRY(make_executor_input(task, call, folders));
  const TaskContainer container = TRY(container_of(task, call, folders, executor_input));
  JsonObject environment;
  for (const auto& [name, value] : container.environment) environment[name] = value;
  return store::write_file(folders.container_file(),
                           base::to_text(JsonObject{{"words", list_of(container.words)},
                                                    {"environment", std::move(environment)}}));
} catch (const fs::filesystem_error& e) {
  return unreadable(e);
}

Result<TaskContainer> prepared_container(const fs::path& out) {
  const TaskFolders folders{.out = out};
  const JsonObject file =
      TRY(base::parse_json_object(TRY(store::read_file(folders.container_file()))));
  TaskContainer container{.words = texts_of(file, "words"), .environment = {}};
  for (const auto& [name, value] : file.at("environment").get_object())
    container.environment[std::string(std::string_view(name))] =
        std::string(std::string_view(value.get_string()));
  return container;
}

bool is_finished(const fs::path& out) {
  std::error_code ignored;
  return fs::exists(out / kOutputsFile, ignored);
}

Result<void> finish_task(const TaskCall& call) try {
  const TaskFolders folders{.out = fs::absolute(call.out)};
  if (is_finished(folders.out)) return {};
  const TaskFile task = TRY(read_task_file(call.file));
  const JsonObject executor_input = TRY(make_executor_input(task, call, folders));
  return write_outputs(folders, TRY(collect_outputs(task, executor_input, folders)));
} catch (const fs::filesystem_error& e) {
  return unreadable(e);
}

}  // namespace slipway::kubeflow
