#include "dvc/git_ignore.h"

#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;

Result<void> ignore_in_git(const fs::path& repository, const fs::path& path) {
  std::error_code why;
  if (!fs::exists(repository / ".git", why)) return {};
  const fs::path place = path.lexically_normal();
  const fs::path file = fs::weakly_canonical(place.parent_path() / ".gitignore");
  auto known = store::read_file(file);
  if (!known && known.error().code != Code::kNotFound) return std::move(known).error();
  std::string text = known ? std::move(*known) : "";
  const std::string line = "/" + place.filename().string();
  if (("\n" + text + "\n").find("\n" + line + "\n") != std::string::npos) return {};
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return store::write_file(file, text + line + "\n");
}

}  // namespace slipway::dvc
