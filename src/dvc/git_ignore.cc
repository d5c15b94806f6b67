#include "dvc/git_ignore.h"

#include <algorithm>

#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;

Result<void> ignore_in_git(const fs::path& repository, const fs::path& path,
                           const std::vector<fs::path>& later) {
  std::error_code why;
  if (!fs::exists(repository / ".git", why)) return {};
  const fs::path place = path.lexically_normal();
  const fs::path file = fs::weakly_canonical(place.parent_path() / ".gitignore");
  auto known = store::read_file(file);
  if (!known && known.error().code != Code::kNotFound) return std::move(known).error();
  std::string text = known ? std::move(*known) : "";
  const std::string line = "/" + place.filename().string();
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  const auto find = [&](const std::string& whole) {  // where it begins
    return text.starts_with(whole + "\n")
               ? 0
               : std::min(text.find("\n" + whole + "\n"), text.size() - 1) + 1;
  };
  if (!text.empty() && find(line) < text.size()) return {};
  std::size_t at = text.size();
  for (const fs::path& each : later) {
    const fs::path other = each.lexically_normal();
    if (!text.empty() && other.parent_path() == place.parent_path())
      at = std::min(at, find("/" + other.filename().string()));
  }
  return store::write_file(file, text.insert(at, line + "\n"));
}

}  // namespace slipway::dvc
