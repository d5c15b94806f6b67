#include "serving/python/environments.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/hash.h"
#include "base/log.h"
#include "base/process.h"
#include "store/file_system.h"
#include "types/yaml_reader.h"

namespace slipway::serving::python {
namespace {

using Path = std::filesystem::path;

constexpr std::size_t kLinesShown = 6;
constexpr std::size_t kNameBytes = 16;  // of the hash

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string last_lines(const Path& log) {
  std::string text = store::read_file(log).value_or("");
  while (text.ends_with('\n')) text.pop_back();
  std::size_t from = text.size();
  for (std::size_t i = 0; i < kLinesShown && from != std::string::npos && from > 0; ++i)
    from = text.rfind('\n', from - 1);
  return from == std::string::npos || from == 0 ? text : text.substr(from + 1);
}

// Runs `words` with its output appended to `log`.
Result<void> run(std::vector<std::string> words, const Path& log,
                 std::chrono::steady_clock::time_point deadline,
                 const std::function<bool()>& should_stop) {
  const pid_t pid = TRY(base::start_process({.words = std::move(words), .log = log}));
  for (;;) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
      return base::error(Code::kInvalidArgument, "{}", last_lines(log));
    }
    const bool stops = should_stop();
    if (stops || std::chrono::steady_clock::now() > deadline) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      if (stops) return base::error(Code::kUnavailable, "the server stops");
      return base::error(Code::kDeadlineExceeded, "it took too long: {}", last_lines(log));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// "3.11.7" and "3.11" are "3.11": environments of one minor version run the same packages.
std::string minor_version(const std::string& version) {
  const std::size_t first = version.find('.');
  if (first == std::string::npos) return version;
  return version.substr(0, version.find('.', first + 1));
}

void take_away(const Path& folder) {
  std::error_code ignored;
  base::log_info("serving", "a Python environment is taken away: folder={}", folder.string());
  std::filesystem::remove(folder / "ready", ignored);  // first: half of one is none
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace

Result<Requirements> read_requirements(const Path& model) {
  Requirements requirements;
  if (!is_there(model / "requirements.txt")) {
    return base::error(Code::kNotFound,
                       "the model has no requirements.txt, so its Python environment can't be "
                       "made: log it with MLflow's client, or set --python-models to an "
                       "interpreter that has what it needs");
  }
  requirements.packages = TRY(store::read_file(model / "requirements.txt"));
  if (!is_there(model / "python_env.yaml")) return requirements;
  const std::string text = TRY(store::read_file(model / "python_env.yaml"));
  const types::YamlNode root = TRY(types::YamlNode::parse(text));
  for (const auto& [key, node] : TRY(root.entries())) {
    if (key == "python") requirements.python = TRY(node.text());
    if (key != "build_dependencies" || node.is_null()) continue;
    for (const types::YamlNode& item : TRY(node.list()))
      requirements.build_dependencies.push_back(TRY(item.text()));
  }
  return requirements;
}

Result<Path> Environments::find_python(const std::string& version) const {
  const std::string name = "python" + (version.empty() ? "3" : minor_version(version));
  const char* path = std::getenv("PATH");
  std::string folders = options_.python_path + ":" + (path == nullptr ? "/usr/bin" : path);
  std::string_view rest = folders;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (folder.empty()) continue;
    const Path file = Path(folder) / name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return base::error(Code::kFailedPrecondition,
                     "the model needs Python {} and there is none here: looked for {} in {}",
                     version.empty() ? "3" : minor_version(version), name, folders);
}

Result<Environments::Interpreter> Environments::interpreter_for(const Path& model) {
  if (!options_.interpreter.empty()) {
    if (::access(options_.interpreter.c_str(), X_OK) != 0)
      return base::error(Code::kFailedPrecondition, "python-models is no interpreter: path={}",
                         options_.interpreter);
    return std::make_shared<const Path>(options_.interpreter);
  }
  const Requirements requirements = TRY(read_requirements(model));
  std::string content = minor_version(requirements.python) + "\n";
  for (const std::string& each : requirements.build_dependencies) content += each + "\n";
  content += "\n" + requirements.packages;
  const std::string name = base::sha256_hex(content).substr(0, kNameBytes);
  const Path folder = options_.folder / name;
  Environment* environment = nullptr;
  Interpreter interpreter;  // held from here on, so that nobody takes the folder away
  {
    base::MutexLock lock(mutex_);
    auto& entry = environments_[name];
    if (entry == nullptr) entry = std::make_unique<Environment>();
    environment = entry.get();
    interpreter = environment->in_use.lock();
    if (interpreter == nullptr) interpreter = std::make_shared<const Path>(folder / "bin/python3");
    environment->in_use = interpreter;
  }
  {
    const base::MutexLock making(environment->making);
    if (!is_there(folder / "ready")) TRY(make(folder, requirements));
    TRY(store::write_file(folder / "ready", ""));  // when it was used last
  }
  drop_old();
  return interpreter;
}

Result<void> Environments::make(const Path& folder, const Requirements& requirements) const {
  TRY(store::make_folders(options_.folder));
  const Path python = TRY(find_python(requirements.python));
  const auto deadline = std::chrono::steady_clock::now() + options_.install_limit;
  const auto start = std::chrono::steady_clock::now();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);  // half of one
  TRY(store::make_folders(folder));
  const Path log = folder / "install.log", list = folder / "requirements.txt";
  TRY(store::write_file(list, requirements.packages));
  const std::string pip = (folder / "bin/python3").string();
  std::vector<std::vector<std::string>> steps = {{python.string(), "-m", "venv", folder.string()}};
  const std::vector<std::string> install = {
      pip,  "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar",
      "off"};
  if (!requirements.build_dependencies.empty()) {
    steps.push_back(install);
    for (const std::string& each : requirements.build_dependencies) {
      if (each.starts_with('-'))
        return base::error(Code::kInvalidArgument, "python_env.yaml: not a package: {}", each);
      steps.back().push_back(each);
    }
  }
  steps.push_back(install);
  steps.back().insert(steps.back().end(), {"-r", list.string()});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    base::log_info("serving", "making a Python environment: folder={} step={} of {} log={}",
                   folder.string(), i + 1, steps.size(), log.string());
    if (const Result<void> done = run(steps[i], log, deadline, options_.should_stop); !done) {
      return base::error(done.error().code, "the model's Python environment can't be made: {}",
                         done.error().message);
    }
  }
  base::log_info(
      "serving", "a Python environment is ready: folder={} seconds={}", folder.string(),
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start)
          .count());
  return {};
}

std::vector<Environments::Known> Environments::unused(std::size_t& all) const {
  std::vector<Known> unused;
  all = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, ignored)) {
    auto used = std::filesystem::last_write_time(entry.path() / "ready", ignored);
    // It is being made, and in use, or could not be made.
    if (ignored) used = std::filesystem::last_write_time(entry.path(), ignored);
    if (ignored) continue;
    ++all;
    const auto known = environments_.find(entry.path().filename().string());
    const bool in_use = known != environments_.end() && !known->second->in_use.expired();
    if (!in_use) unused.push_back({used, entry.path()});
  }
  std::sort(unused.begin(), unused.end(),
            [](const Known& a, const Known& b) { return a.used < b.used; });
  return unused;
}

void Environments::drop_old() {
  base::MutexLock lock(mutex_);
  std::size_t all = 0;
  for (const Known& old : unused(all)) {
    if (all <= options_.environments_max) return;
    --all;
    take_away(old.folder);
  }
}

Environments::Removed Environments::remove_unused(std::chrono::seconds age, DryRun dry_run) {
  base::MutexLock lock(mutex_);
  Removed removed;
  std::size_t all = 0;
  for (const Known& old : unused(all)) {
    if (std::filesystem::file_time_type::clock::now() - old.used < age) continue;
    ++removed.environments;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(old.folder, ignored)) {
      if (!entry.is_symlink(ignored) && entry.is_regular_file(ignored))
        removed.bytes += entry.file_size(ignored);
    }
    if (dry_run == DryRun::kNo) take_away(old.folder);
  }
  return removed;
}

}  // namespace slipway::serving::python
