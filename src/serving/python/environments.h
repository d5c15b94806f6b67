// Python environments that models need, made once for each list of requirements.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace slipway::serving::python {

// What a model's folder says it needs: python_env.yaml (or nothing) and requirements.txt.
struct Requirements {
  std::string python;                           // "3.11.7"; empty: any
  std::vector<std::string> build_dependencies;  // installed first
  std::string packages;                         // the lines of requirements.txt
};
// kNotFound: no requirements.txt. kInvalidArgument: a file that makes no sense.
Result<Requirements> read_requirements(const std::filesystem::path& model);

// Safe to use from several threads. One environment is a folder, named by a hash of what is in it;
// a file `ready` in it says that it is whole.
class Environments {
 public:
  struct Options {
    std::filesystem::path folder;
    std::string interpreter;  // used for every model, and nothing is installed; empty: none
    std::string python_path;  // folder where python3.X is looked for before PATH
    std::size_t environments_max = 16;  // beyond, those go that were not used for longest
    std::chrono::seconds install_limit = std::chrono::minutes(30);
    std::function<bool()> should_stop = [] { return false; };  // ends an installation
  };
  explicit Environments(Options options) : options_(std::move(options)) {}

  // What remove_unused() took away, or would.
  struct Removed {
    std::size_t environments = 0;
    std::uintmax_t bytes = 0;
  };
  enum class DryRun { kNo, kYes };

  // In use as long as somebody holds it: never taken away.
  using Interpreter = std::shared_ptr<const std::filesystem::path>;
  // Makes the environment if it isn't there; who asks for the same meanwhile waits.
  // kFailedPrecondition: no such Python here. kInvalidArgument: pip could not install it, with
  // what it said last. kDeadlineExceeded.
  Result<Interpreter> interpreter_for(const std::filesystem::path& model);

  // Takes those away that no loaded model uses, nor used for `age`; they are made again for the
  // next model that needs them.
  Removed remove_unused(std::chrono::seconds age, DryRun dry_run) EXCLUDES(mutex_);

 private:
  struct Known {
    std::filesystem::file_time_type used;
    std::filesystem::path folder;
  };
  struct Environment {
    base::Mutex making;  // held while it is made
    std::weak_ptr<const std::filesystem::path> in_use;
  };

  Result<std::filesystem::path> find_python(const std::string& version) const;
  Result<void> make(const std::filesystem::path& folder, const Requirements& requirements) const;
  void drop_old() EXCLUDES(mutex_);
  // By when they were used last, or could not be made; and how many there are with those in use.
  std::vector<Known> unused(std::size_t& all) const REQUIRES(mutex_);

  const Options options_;
  base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Environment>> environments_ GUARDED_BY(mutex_);  // by hash
};

}  // namespace slipway::serving::python
