#include "dvc/repository.h"

#include <cstdlib>
#include <sstream>

#include "base/text.h"
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

}  // namespace

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
