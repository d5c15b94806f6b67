#include "versions/commits.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/json_document.h"
#include "versions/add.h"

namespace slipway::versions {
namespace {

Result<std::vector<File>> files_of(const Packs& packs, const std::optional<Digest>& commit) {
  if (!commit) return std::vector<File>();
  return list_files(packs, TRY(read_commit(packs, *commit)).folder);
}

// Of what is at `path`; "" is everything.
Result<void> require_committed(const Repository& repository, std::string_view path = "") {
  std::size_t changes = 0;
  for (const FileChange& change : TRY(find_added(repository)))
    changes +=
        path.empty() || change.path == path || change.path.starts_with(fmt::format("{}/", path));
  if (changes == 0) return {};
  return base::error(Code::kFailedPrecondition,
                     "files were added and not committed: count={}; commit them, or say --force",
                     changes);
}

Result<void> check_text(std::string_view what, std::string_view text) {
  if (!text.empty() && base::is_utf8(text)) return {};
  return base::error(Code::kInvalidArgument, "{} {}", what,
                     text.empty() ? "is empty" : "is no UTF-8");
}

// Of folders that `writer` has written; finishes it.
Result<NamedCommit> write_named(PackWriter& writer, Commit commit, std::vector<Digest> parents,
                                const CommitDraft& draft) {
  commit.parents = std::move(parents);
  commit.author = draft.author;
  commit.message = draft.message;
  commit.time = draft.time;
  const Digest digest = TRY(write_commit(writer, commit));
  TRY(writer.finish());
  return NamedCommit{digest, std::move(commit)};
}

// HEAD, or the branch it follows, is the commit from now on.
Result<void> move_head(Repository& repository, const Head& head, const Digest& commit) {
  if (head.branch.empty()) return repository.set_head({.branch = {}, .commit = commit});
  return repository.set_ref({RefKind::kBranch, head.branch, commit});
}

}  // namespace

Result<std::vector<FileChange>> find_added(const Repository& repository) {
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  return diff_files(TRY(files_of(repository.packs(), TRY(repository.head()).commit)),
                    index.content());
}

Result<NamedCommit> commit(Repository& repository, const CommitDraft& draft) {
  TRY(check_text("the author (SLIPWAY_AUTHOR)", draft.author));
  TRY(check_text("the message", draft.message));
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  const Head head = TRY(repository.head());
  if (!head.commit && index.files().empty()) {
    return base::error(Code::kFailedPrecondition,
                       "nothing to commit: `slipway data add PATH` says what");
  }
  PackWriter writer(repository.packs());
  Commit commit = TRY(write_files(writer, index.content()));
  std::vector<Digest> parents;
  if (head.commit) {
    if (TRY(read_commit(repository.packs(), *head.commit)).folder == commit.folder) {
      return base::error(Code::kFailedPrecondition,
                         "nothing to commit: what was added is the same as {}",
                         to_hex(*head.commit).substr(0, 12));
    }
    parents.push_back(*head.commit);
  }
  const NamedCommit made = TRY(write_named(writer, std::move(commit), std::move(parents), draft));
  TRY(move_head(repository, head, made.digest));
  return made;
}

Result<CheckedOut> switch_to(Repository& repository, const Head& to,
                             const CheckoutOptions& options) {
  if (options.changed == CheckoutOptions::Changed::kKeep) TRY(require_committed(repository));
  const CheckedOut done =
      TRY(check_out(repository, TRY(files_of(repository.packs(), to.commit)), "", options));
  TRY(repository.set_head(to));
  return done;
}

Result<CheckedOut> restore(Repository& repository, const Digest& from, const std::string& path,
                           const CheckoutOptions& options) {
  const Content folder = TRY(read_commit(repository.packs(), from)).folder;
  TRY(find_entry(repository.packs(), folder, path));
  if (options.changed == CheckoutOptions::Changed::kKeep) TRY(require_committed(repository, path));
  return check_out(repository, TRY(list_files(repository.packs(), folder)), path, options);
}

Result<Merge> merge(Repository& repository, const Digest& theirs, const CommitDraft& draft,
                    const CheckoutOptions& options) {
  TRY(check_text("the author (SLIPWAY_AUTHOR)", draft.author));
  const Packs& packs = repository.packs();
  const Head head = TRY(repository.head());
  Merge merge{.commit = theirs, .files = {}};
  if (head.commit) {
    if (TRY(is_ancestor(packs, theirs, *head.commit))) {
      merge.commit = *head.commit;
      return merge;
    }
  }
  if (options.changed == CheckoutOptions::Changed::kKeep) TRY(require_committed(repository));
  if (!head.commit || TRY(is_ancestor(packs, *head.commit, theirs))) {
    merge.how = Merged::kForward;
    merge.files = TRY(check_out(repository, TRY(files_of(packs, theirs)), "", options));
  } else {
    merge.how = Merged::kBoth;
    const auto base = TRY(common_ancestor(packs, *head.commit, theirs));
    const std::vector<File> files =
        TRY(merge_files(TRY(files_of(packs, base)), TRY(files_of(packs, head.commit)),
                        TRY(files_of(packs, theirs))));
    PackWriter writer(repository.packs());
    Commit commit = TRY(write_files(writer, files));
    const NamedCommit both =
        TRY(write_named(writer, std::move(commit), {*head.commit, theirs}, draft));
    merge.files = TRY(check_out(repository, files, "", options));
    merge.commit = both.digest;
  }
  TRY(move_head(repository, head, merge.commit));
  return merge;
}

Result<std::vector<FileChange>> diff_to_work(const Repository& repository, const Digest& from) {
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  std::vector<File> now = index.content();
  std::vector<File> fresh;
  for (const WorkChange& change : TRY(find_changes(repository, index))) {
    const auto at = std::lower_bound(
        now.begin(), now.end(), change.path,
        [](const File& file, const std::string& path) { return file.path < path; });
    const bool is_known = at != now.end() && at->path == change.path;
    struct stat stat;
    const std::filesystem::path full = repository.top() / change.path;
    if (change.kind == ChangeKind::kDeleted || ::lstat(full.c_str(), &stat) != 0) {
      if (is_known) now.erase(at);
      continue;
    }
    const File file{change.path,
                    kind_of(stat).value_or(EntryKind::kFile),
                    {.bytes = static_cast<std::uint64_t>(stat.st_size)}};
    if (is_known) {
      *at = file;
    } else {
      fresh.push_back(file);
    }
  }
  now.insert(now.end(), fresh.begin(), fresh.end());
  std::sort(now.begin(), now.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return diff_files(TRY(files_of(repository.packs(), from)), now);
}

Result<std::vector<Digest>> named_commits(const Repository& repository) {
  std::vector<Digest> commits;
  for (const Ref& ref : TRY(repository.refs())) commits.push_back(ref.commit);
  if (const Head head = TRY(repository.head()); head.commit) commits.push_back(*head.commit);
  return commits;
}

Result<std::string> find_missing(const Repository& repository) {
  const Packs& packs = repository.packs();
  if (const auto needed = find_needed(packs, TRY(named_commits(repository)), {}); !needed)
    return needed.error().message;
  for (const File& file : TRY(WorkIndex::load(index_file(repository))).content()) {
    if (!is_whole(packs, file.content))
      return fmt::format("content of {} is missing", shown_name(file.path, For::kTerminal));
  }
  return std::string();
}

Result<Compacted> collect_garbage(Repository& repository) {
  const Packs& packs = repository.packs();
  const std::vector<Digest> found = TRY(find_needed(packs, TRY(named_commits(repository)), {}));
  DigestSet needed(found.begin(), found.end());
  for (const File& file : TRY(WorkIndex::load(index_file(repository))).content()) {
    needed.insert(file.content.digest);
    for (const Chunk& chunk : TRY(chunks_of(packs, file.content))) needed.insert(chunk.digest);
  }
  const Compacted compacted = TRY(compact(repository.packs(), needed));
  TRY(repository.reopen_packs());
  return compacted;
}

}  // namespace slipway::versions
