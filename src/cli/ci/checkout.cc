#include "cli/ci/checkout.h"

#include <algorithm>
#include <cstdlib>

#include "cli/git.h"
#include "cli/scratch.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

namespace fs = std::filesystem;

std::string line_of(const GitSaid& said) { return said.text.substr(0, said.text.find('\n')); }

// Names of the base to try, the likeliest first.
std::vector<std::string> base_names(const std::string& given) {
  // GitHub and GitLab say so of what was before a branch's first push.
  const bool is_nothing = !given.empty() && given.find_first_not_of('0') == std::string::npos;
  if (is_nothing) return {"HEAD^", "HEAD"};
  if (!given.empty()) return {given, "origin/" + given};
  for (const char* name : {"CI_MERGE_REQUEST_DIFF_BASE_SHA", "GITHUB_BASE_REF"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != 0) return {"origin/" + std::string(value), value};
  }
  return {"origin/main", "main", "origin/master", "master"};
}

Result<std::string> first_commit(const std::vector<std::string>& names, const fs::path& folder) {
  for (const std::string& name : names) {
    if (const auto commit = TRY(find_commit(name, folder))) return *commit;
  }
  return base::error(Code::kFailedPrecondition,
                     "the base isn't in this clone: tried {}. A CI that fetches one commit alone "
                     "needs the history: fetch-depth: 0 (GitHub), GIT_DEPTH: 0 (GitLab), or name a "
                     "commit with --base",
                     fmt::join(names, ", "));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

bool is_hidden(const fs::path& path) {
  return std::any_of(path.begin(), path.end(),
                     [](const fs::path& part) { return part.string().starts_with('.'); });
}

}  // namespace

Result<Checkout> find_checkout(const fs::path& folder, const std::string& base) {
  Checkout checkout;
  checkout.folder = folder;
  const GitSaid prefix = TRY(git({"rev-parse", "--show-prefix"}, folder));
  if (prefix.exit_code != 0)
    return base::error(Code::kFailedPrecondition, "{} is no Git checkout: {}", folder.string(),
                       line_of(prefix));
  checkout.prefix = line_of(prefix);
  checkout.head = TRY(first_commit({"HEAD"}, folder));
  const std::string commit = TRY(first_commit(base_names(base), folder));
  const GitSaid parting = TRY(git({"merge-base", commit, "HEAD"}, folder));
  if (parting.exit_code != 0) {
    return base::error(Code::kFailedPrecondition,
                       "this clone doesn't know where {} and {} part. Its history is too short: "
                       "fetch-depth: 0 (GitHub), GIT_DEPTH: 0 (GitLab), or `git fetch --unshallow`",
                       commit.substr(0, 12), checkout.head.substr(0, 12));
  }
  checkout.base = line_of(parting);
  const GitSaid changed =
      TRY(git({"diff", "--name-only", "-z", "--no-renames", checkout.base}, folder));
  if (changed.exit_code != 0)
    return base::error(Code::kFailedPrecondition, "git diff: {}", line_of(changed));
  checkout.changed = split(changed.text);
  return checkout;
}

Result<void> copy_base(const Checkout& checkout, const fs::path& to, const fs::path& without) {
  const Scratch scratch = TRY(Scratch::make("base"));
  const std::string tar = scratch.path() / "base.tar";
  const std::string tree = checkout.base + ":" + checkout.prefix;
  const GitSaid top = TRY(git({"rev-parse", "--show-toplevel"}, checkout.folder));
  // From the top: in a folder of the tree git would look for that folder in it.
  GitSaid said = TRY(git({"archive", "--format=tar", "--output=" + tar, tree}, line_of(top)));
  if (said.exit_code == 0) said = TRY(run_program({"tar", "-xf", tar, "-C", to}, checkout.folder));
  if (said.exit_code != 0)
    return base::error(Code::kFailedPrecondition, "the base's files: {}", line_of(said));
  const GitSaid others = TRY(git({"ls-files", "--others", "-z"}, checkout.folder));
  for (const std::string& name : split(others.text)) {
    const fs::path from = checkout.folder / name;
    const std::string kept_out = without.string() + "/";
    if (is_hidden(name) || from.string().starts_with(kept_out)) continue;
    std::error_code failed;
    fs::create_directories((to / name).parent_path(), failed);
    fs::copy(from, to / name, fs::copy_options::copy_symlinks | fs::copy_options::skip_existing,
             failed);
    if (failed) return base::error(Code::kInternal, "copy {}: {}", from.string(), failed.message());
  }
  return {};
}

}  // namespace slipway::cli
