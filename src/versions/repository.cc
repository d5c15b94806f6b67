#include "versions/repository.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace slipway::versions {
namespace {

constexpr std::string_view kBranchPrefix = "branch: ";
constexpr std::string_view kCacheTypePrefix = "cache.type: ";
constexpr std::string_view kUnfinished = ".tmp-";  // in the name of a file that is being written

std::string_view folder_name(RefKind kind) {
  switch (kind) {
    case RefKind::kBranch:
      return "branches";
    case RefKind::kTag:
      return "tags";
    case RefKind::kRemote:
      return "origin";
  }
  return "";
}

Result<Digest> commit_in(const std::filesystem::path& file, std::string_view text) {
  const auto digest = parse_digest(base::trimmed(text));
  if (digest) return digest;
  return base::error(
      Code::kCorruption,
      "{} is damaged: it should have a commit's 64 hex digits; `slipway data verify --repair` "
      "takes what the server had last, `slipway data log` of another branch or origin/BRANCH shows "
      "commits to put there",
      file.string());
}

Result<std::unique_ptr<Packs>> open_packs(const std::filesystem::path& repository) {
  return Packs::open(repository / "packs", "`slipway data verify --repair` gets the objects anew");
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ec;
  return std::filesystem::exists(path, ec);
}

}  // namespace

Result<void> check_ref_name(std::string_view name) {
  bool is_begin = true, is_ok = !name.empty() && name.size() <= 200 && name.back() != '/';
  for (const char c : name) {
    const bool is_letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    is_ok = is_ok && (is_letter || (!is_begin && (c == '.' || c == '_' || c == '-' || c == '/')));
    is_begin = c == '/';
  }
  is_ok = is_ok && name.find(kUnfinished) == std::string_view::npos;
  if (is_ok && name != "HEAD" && !name.starts_with("origin/")) return {};
  return base::error(Code::kInvalidArgument,
                     "a branch or tag is called by letters, digits, '.', '_', '-' and '/' and "
                     "begins with a letter or digit; HEAD, origin/ and .tmp- are taken: {}",
                     name.substr(0, 80));
}

Repository::Repository(std::filesystem::path top, std::filesystem::path folder,
                       std::unique_ptr<Packs> packs)
    : top_(std::move(top)), folder_(std::move(folder)), packs_(std::move(packs)) {}

Result<Repository> Repository::open(const std::filesystem::path& top) {
  std::filesystem::path folder = top / ".slipway" / "data";
  std::unique_ptr<Packs> packs = TRY(open_packs(folder));
  return Repository(top, std::move(folder), std::move(packs));
}

Result<Repository> Repository::create(const std::filesystem::path& top) {
  const std::filesystem::path folder = top / ".slipway" / "data";
  if (is_there(folder / "HEAD"))
    return base::error(Code::kAlreadyExists, "there is a data repository: {}", top.string());
  TRY(store::make_folders(folder));
  TRY(store::write_file(top / ".slipway" / ".gitignore", "/data\n"));
  TRY(store::write_file(folder / "HEAD", fmt::format("{}{}\n", kBranchPrefix, kFirstBranch)));
  return open(top);
}

Result<Repository> Repository::find(const std::filesystem::path& from) {
  std::error_code ec;
  const std::filesystem::path start = std::filesystem::weakly_canonical(from, ec);
  for (std::filesystem::path top = start;; top = top.parent_path()) {
    const std::filesystem::path folder = top / ".slipway" / "data";
    if (is_there(folder / "HEAD") || is_there(folder / "packs")) return open(top);
    if (top == top.parent_path()) break;
  }
  return base::error(Code::kNotFound,
                     "no data repository here or above: {}; `slipway data init` makes one",
                     start.string());
}

Result<store::FolderLock> Repository::lock() const {
  Result<store::FolderLock> lock = store::FolderLock::acquire(folder_);
  if (lock || lock.error().code != Code::kUnavailable) return lock;
  return base::error(Code::kFailedPrecondition, "{}", lock.error().message);
}

Result<void> Repository::reopen_packs() {
  packs_ = TRY(open_packs(folder_));
  return {};
}

Result<Head> Repository::head() const {
  Head head = TRY(read_head());
  if (!head.branch.empty()) head.commit = TRY(find_ref(RefKind::kBranch, head.branch));
  return head;
}

Result<Head> Repository::read_head() const {
  if (!is_there(folder_ / "HEAD"))
    return base::error(Code::kCorruption, "{} is missing: `slipway data verify --repair` makes it",
                       (folder_ / "HEAD").string());
  const std::string text = TRY(store::read_file(folder_ / "HEAD"));
  const std::string_view line = base::trimmed(text);
  Head head;
  if (line.starts_with(kBranchPrefix)) head.branch = line.substr(kBranchPrefix.size());
  if (!check_ref_name(head.branch)) {
    head.branch.clear();
    head.commit = TRY(commit_in(folder_ / "HEAD", line));
  }
  return head;
}

Result<void> Repository::set_head(const Head& head) const {
  return store::write_file(folder_ / "HEAD",
                           head.branch.empty() ? to_hex(*head.commit) + "\n"
                                               : fmt::format("{}{}\n", kBranchPrefix, head.branch));
}

std::filesystem::path Repository::ref_file(RefKind kind, std::string_view name) const {
  return folder_ / "refs" / folder_name(kind) / name;
}

Result<std::vector<Ref>> Repository::refs() const { return read_refs(nullptr); }

Result<Repository::Names> Repository::read_names() const {
  Names names;
  for (const Ref& ref : TRY(read_refs(&names.damaged))) names.commits.push_back(ref.commit);
  const Result<Head> head = read_head();  // its branch is among the refs
  if (!head && head.error().code == Code::kCorruption) {
    names.damaged.push_back(
        {.is_head = true, .name = "HEAD", .file = folder_ / "HEAD", .what = head.error()});
    return names;
  }
  TRY(head);
  if (head->commit) names.commits.push_back(*head->commit);
  return names;
}

Result<std::vector<Ref>> Repository::read_refs(std::vector<DamagedRef>* damaged) const {
  std::vector<Ref> refs;
  for (const RefKind kind : {RefKind::kBranch, RefKind::kTag, RefKind::kRemote}) {
    const std::filesystem::path root = folder_ / "refs" / folder_name(kind);
    std::error_code ec;
    std::vector<std::string> names;
    for (std::filesystem::recursive_directory_iterator at(root, ec), end; !ec && at != end;
         at.increment(ec)) {
      const std::string name = at->path().lexically_relative(root).string();
      if (at->is_regular_file() && name.find(kUnfinished) == std::string::npos)
        names.push_back(name);
    }
    if (ec && ec != std::errc::no_such_file_or_directory)
      return store::errno_error(ec.value(), "list the folder", root);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const auto commit = find_ref(kind, name);
      const bool is_damaged = !commit && commit.error().code == Code::kCorruption;
      if (is_damaged && damaged != nullptr) {
        damaged->push_back(
            {.kind = kind, .name = name, .file = root / name, .what = commit.error()});
        continue;
      }
      TRY(commit);
      if (*commit) refs.push_back({kind, name, **commit});
    }
  }
  return refs;
}

Result<std::optional<Digest>> Repository::find_ref(RefKind kind, std::string_view name) const {
  TRY(check_ref_name(name));
  const std::filesystem::path file = ref_file(kind, name);
  std::error_code ec;
  if (!std::filesystem::is_regular_file(file, ec)) return std::optional<Digest>();
  return std::optional(TRY(commit_in(file, TRY(store::read_file(file)))));
}

Result<void> Repository::set_ref(const Ref& ref) const {
  TRY(check_ref_name(ref.name));
  const std::filesystem::path file = ref_file(ref.kind, ref.name);
  std::error_code ec;
  if (std::filesystem::is_directory(file, ec))
    return base::error(Code::kInvalidArgument, "other names begin with {}/", ref.name);
  for (std::size_t slash = ref.name.find('/'); slash != std::string::npos;
       slash = ref.name.find('/', slash + 1)) {
    const std::string above = ref.name.substr(0, slash);
    if (std::filesystem::is_regular_file(ref_file(ref.kind, above), ec))
      return base::error(Code::kInvalidArgument, "{} is in the way of {}", above, ref.name);
  }
  TRY(store::make_folders(file.parent_path()));
  return store::write_file(file, to_hex(ref.commit) + "\n");
}

Result<void> Repository::remove_ref(RefKind kind, std::string_view name) const {
  TRY(check_ref_name(name));
  std::error_code ec;
  const std::filesystem::path file = ref_file(kind, name);
  if (!std::filesystem::is_regular_file(file, ec))
    return base::error(Code::kNotFound, "no such branch or tag: {}", name);
  if (!std::filesystem::remove(file, ec)) return store::errno_error(ec.value(), "remove", file);
  TRY(store::sync_folder(file.parent_path()));
  // Folders that are empty now would be in the way of a branch with their name.
  for (std::filesystem::path above = std::filesystem::path(name).parent_path(); !above.empty();
       above = above.parent_path()) {
    if (!std::filesystem::remove(ref_file(kind, above.string()), ec)) break;
  }
  return {};
}

Result<Digest> Repository::resolve(std::string_view text) const {
  const std::size_t tilde = text.find('~');
  Digest commit = TRY(resolve_name(text.substr(0, tilde)));
  if (tilde == std::string_view::npos) return commit;
  int back = 1;
  if (const std::string_view number = text.substr(tilde + 1); !number.empty()) {
    const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), back);
    if (ec != std::errc() || end != number.data() + number.size() || back < 0)
      return base::error(Code::kInvalidArgument, "after ~ comes a number of commits: {}", text);
  }
  for (; back > 0; --back) {
    const Commit at = TRY(read_commit(*packs_, commit));
    if (at.parents.empty())
      return base::error(Code::kNotFound, "there are not so many commits before: {}", text);
    commit = at.parents.front();
  }
  return commit;
}

Result<Digest> Repository::resolve_name(std::string_view name) const {
  if (name == "HEAD") {
    if (const Head at = TRY(head()); at.commit) return *at.commit;
    return base::error(Code::kNotFound, "nothing was committed yet");
  }
  if (constexpr std::string_view origin = "origin/"; name.starts_with(origin)) {
    if (const auto commit = TRY(find_ref(RefKind::kRemote, name.substr(origin.size()))))
      return *commit;
    return base::error(Code::kNotFound, "the server has no such branch, as far as is known: {}",
                       name);
  }
  for (const RefKind kind : {RefKind::kBranch, RefKind::kTag}) {
    if (!check_ref_name(name)) break;
    if (const auto commit = TRY(find_ref(kind, name))) return *commit;
  }
  if (name.size() == 64) {
    if (const auto digest = parse_digest(name)) return *digest;
  }
  const bool is_hex =
      name.size() >= 6 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (is_hex) {
    std::vector<Digest> found;
    for (const Ref& ref : TRY(refs())) {
      TRY(walk_back(*packs_, ref.commit, [&](const NamedCommit& commit) {
        if (to_hex(commit.digest).starts_with(name)) found.push_back(commit.digest);
        return true;
      }));
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    if (found.size() == 1) return found.front();
    if (found.size() > 1)
      return base::error(Code::kInvalidArgument, "{} commits begin with {}", found.size(), name);
  }
  return base::error(Code::kNotFound, "no such branch, tag or commit: {}", name);
}

Result<std::string> Repository::remote() const {
  if (!is_there(folder_ / "remote")) return std::string();
  return std::string(base::trimmed(TRY(store::read_file(folder_ / "remote"))));
}

Result<void> Repository::set_remote(std::string_view name) const {
  TRY(check_ref_name(name));
  return store::write_file(folder_ / "remote", fmt::format("{}\n", name));
}

Result<std::vector<CacheType>> Repository::cache_types() const {
  if (!is_there(folder_ / "config"))
    return std::vector<CacheType>{CacheType::kReflink, CacheType::kCopy};
  const std::string text = TRY(store::read_file(folder_ / "config"));
  std::string_view line = base::trimmed(text);
  if (!line.starts_with(kCacheTypePrefix)) {
    return base::error(Code::kCorruption, "{} is damaged: `slipway data config cache.type` sets it",
                       (folder_ / "config").string());
  }
  return parse_cache_types(line.substr(kCacheTypePrefix.size()));
}

Result<void> Repository::set_cache_types(const std::vector<CacheType>& types) const {
  std::vector<std::string_view> names;
  for (const CacheType type : types) names.push_back(cache_type_name(type));
  return store::write_file(folder_ / "config",
                           fmt::format("{}{}\n", kCacheTypePrefix, fmt::join(names, ",")));
}

}  // namespace slipway::versions
