#include "dvc/git_ignore.h"

#include "store/file_system.h"

namespace slipway::dvc {
namespace fs = std::filesystem;

Result<void> ignore_in_git(const fs::path& repository, const fs::path& path) {
  std::error_code why;
  if (!fs::exists(repository / ".git", why)) return {};
  const fs::path place = path.lexically_normal();
  const fs::path file = place.parent_path() / ".gitignore";
  std::string text = store::read_file(file).value_or("");
  const std::string line = "/" + place.filename().string();
  if (("\n" + text + "\n").find("\n" + line + "\n") != std::string::npos) return {};
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return store::write_file(file, text + line + "\n");
}

}  // namespace slipway::dvc
