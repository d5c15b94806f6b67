#include "versions/commits.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/json_document.h"
#include "versions/add.h"
#include "versions/run_beside.h"

namespace slipway::versions {
namespace {

Result<std::vector<File>> files_of(const Packs& packs, const std::optional<Digest>& commit) {
  if (!commit) return std::vector<File>();
  return list_files(packs, TRY(folder_of(packs, *commit)));
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

Error unpushed(std::string_view what) {
  return base::error(Code::kFailedPrecondition,
                     "files of versions would be lost that no server has: {}; `slipway data push` "
                     "brings them to one, --force removes them",
                     what);
}

// Whether the server has what `expired` loses here.
Result<void> require_pushed(const Packs& packs, const std::vector<Digest>& expired,
                            const std::vector<Digest>& pushed) {
  DigestSet there;
  for (const Digest& from : pushed) {
    if (!packs.find(from)) continue;
    TRY(walk_back(packs, from, [&](const NamedCommit& commit) {
      there.insert(commit.digest);
      return true;
    }));
  }
  const auto lost = std::count_if(expired.begin(), expired.end(),
                                  [&](const Digest& commit) { return !there.contains(commit); });
  if (lost == 0) return {};
  return unpushed(fmt::format("count={}", lost));
}

// What goes with the files of `expired`.
Result<std::vector<Digest>> files_of(const Packs& packs, const std::vector<Digest>& named,
                                     const std::vector<Digest>& expired) {
  std::vector<Digest> lost = TRY(find_needed(packs, named, {}));
  const auto stay = TRY(find_needed(packs, named, {}, DigestSet(expired.begin(), expired.end())));
  const DigestSet stays(stay.begin(), stay.end());
  std::erase_if(lost, [&](const Digest& digest) { return stays.contains(digest); });
  return lost;
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
  const Content folder = TRY(folder_of(repository.packs(), from));
  TRY(find_entry(repository.packs(), folder, path));
  if (options.changed == CheckoutOptions::Changed::kKeep) TRY(require_committed(repository, path));
  return check_out(repository, TRY(list_files(repository.packs(), folder)), path, options);
}

Result<CheckedOut> restore(Repository& repository, const std::string& path,
                           const RestoreOptions& options) {
  const std::vector<File> before = TRY(WorkIndex::load(index_file(repository))).content();
  std::vector<File> files = before;
  if (options.from) {
    files = TRY(files_of(repository.packs(), *options.from));
  } else if (options.index) {
    files = TRY(files_of(repository.packs(), TRY(repository.head()).commit));
  }
  const auto is_below = [&](const File& file) {
    return path.empty() || file.path == path || file.path.starts_with(path + '/');
  };
  const bool is_known = std::any_of(files.begin(), files.end(), is_below) ||
                        std::any_of(before.begin(), before.end(), is_below);
  if (!is_known && !path.empty())
    return base::error(Code::kNotFound, "neither added nor in that version: {}", path);
  CheckedOut done;
  if (options.work) done = TRY(check_out(repository, files, path, options.checkout));
  std::vector<File> staged;  // the index as it will be
  for (const File& file : before) {
    if (!options.index || !is_below(file)) staged.push_back(file);
  }
  for (const File& file : files) {
    if (options.index && is_below(file)) staged.push_back(file);
  }
  std::sort(staged.begin(), staged.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  const WorkIndex now = TRY(WorkIndex::load(index_file(repository)));
  std::vector<IndexedFile> indexed;
  for (File& file : staged) {
    const IndexedFile* const known = now.find(file.path);
    const bool is_same = known != nullptr && known->file == file;
    indexed.push_back({std::move(file), is_same ? known->mark : FileMark{}});
  }
  TRY(WorkIndex(std::move(indexed)).save(index_file(repository)));
  return done;
}

Result<Merge> merge(Repository& repository, const Digest& theirs, std::string_view called,
                    const CommitDraft& draft, const CheckoutOptions& options) {
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
                        TRY(files_of(packs, theirs)), called));
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
    const bool goes = change.kind == ChangeKind::kDeleted || change.kind == ChangeKind::kIgnored;
    if (goes || ::lstat(full.c_str(), &stat) != 0) {
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
  Repository::Names names = TRY(repository.read_names());
  if (!names.damaged.empty()) return std::move(names.damaged.front().what);
  return std::move(names.commits);
}

Result<std::vector<DamagedLink>> verify_links(const Repository& repository) {
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  std::vector<DamagedLink> damaged;
  for (const LinkCache::Cached& cached : TRY(repository.links().list())) {
    if (!cached.is_finished) continue;
    const std::string path = cached.path.lexically_relative(repository.top()).string();
    const auto has = has_content(repository, path, cached.file.content);
    const bool is_known = has || is_whole(repository.packs(), cached.file.content);
    if (!is_known || (has && *has)) continue;
    DamagedLink& found = damaged.emplace_back(
        DamagedLink{cached.path.string(), {}, !is_link(cached.mark, cached.file)});
    for (const IndexedFile& file : index.files()) {
      struct stat stat;
      const std::filesystem::path full = repository.top() / file.file.path;
      if (::lstat(full.c_str(), &stat) == 0 && stat.st_ino == cached.mark.inode)
        found.links.push_back(file.file.path);
    }
  }
  return damaged;
}

Result<std::vector<std::string>> verify_files(const Repository& repository, std::size_t threads) {
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  std::atomic<std::size_t> next = 0;
  base::Mutex mutex;
  std::vector<std::string> damaged;
  const auto work = [&] {
    for (std::size_t at; (at = next++) < index.files().size();) {
      const auto& [file, mark] = index.files()[at];
      struct stat stat;
      if (::lstat((repository.top() / file.path).c_str(), &stat) != 0) continue;
      if (mark_of(stat) != mark || is_link(mark, file)) continue;
      const auto has = has_content(repository, file.path, file.content);
      if (has && *has) continue;
      // It is just gone; or its list of chunks is missing or damaged, which is told elsewhere.
      const bool is_elsewhere =
          !has && (has.error().code == Code::kNotFound || has.error().code == Code::kCorruption);
      if (is_elsewhere) continue;
      const base::MutexLock lock(mutex);
      damaged.push_back(file.path);
    }
  };
  run_beside(threads, work);
  std::sort(damaged.begin(), damaged.end());
  return damaged;
}

Result<std::vector<std::string>> replace_files(Repository& repository,
                                               const std::vector<std::string>& paths,
                                               CheckoutOptions options) {
  options.changed = CheckoutOptions::Changed::kKeep;  // it may have been since it was read
  options.kept = CheckoutOptions::Kept::kAnew;
  const WorkIndex index = TRY(WorkIndex::load(index_file(repository)));
  const std::vector<File> files = index.content();
  std::vector<std::string> rest;
  for (const std::string& path : paths) {
    const IndexedFile* const file = index.find(path);
    if (file == nullptr || !is_whole(repository.packs(), file->file.content)) {
      rest.push_back(path);
      continue;
    }
    const auto done = check_out(repository, files, path, options);
    if (done) continue;
    if (done.error().code != Code::kFailedPrecondition) return done.error();
    rest.push_back(path);
  }
  return rest;
}

Result<void> replace_links(Repository& repository, const std::vector<DamagedLink>& damaged,
                           CheckoutOptions options) {
  options.changed = CheckoutOptions::Changed::kKeep;
  options.kept = CheckoutOptions::Kept::kAnew;
  const std::vector<File> files = TRY(WorkIndex::load(index_file(repository))).content();
  for (const DamagedLink& one : damaged) {
    if (::unlink(one.file.c_str()) != 0)
      return store::errno_error(errno, "remove the file", one.file);
    if (one.is_edited) continue;
    for (const std::string& path : one.links) {
      const auto done = check_out(repository, files, path, options);
      const bool is_edited = !done && done.error().code == Code::kFailedPrecondition;  // by now
      if (!done && !is_edited) return done.error();
    }
  }
  return {};
}

Result<Compacted> collect_garbage(Repository& repository, const GcOptions& options) {
  const Packs& packs = repository.packs();
  const std::vector<Digest> named = TRY(named_commits(repository));
  std::vector<Digest> branches, pushed;
  for (const Ref& ref : TRY(repository.refs())) {
    if (ref.kind == RefKind::kBranch) branches.push_back(ref.commit);
    if (ref.kind == RefKind::kRemote) pushed.push_back(ref.commit);
  }
  const std::vector<Digest> expired = TRY(find_expired(packs, named, branches, options.keep));
  if (!options.loses_unpushed && !expired.empty()) {
    TRY(require_pushed(packs, expired, pushed));
    if (options.missing_there) {
      const auto lost = TRY(files_of(packs, named, expired));
      if (const auto missing = TRY(options.missing_there(lost)); !missing.empty())
        return unpushed(fmt::format("objects={}", missing.size()));
    }
  }
  DigestSet needed;  // by the working folder
  for (const File& file : TRY(WorkIndex::load(index_file(repository))).content()) {
    needed.insert(file.content.digest);
    for (const Chunk& chunk : TRY(chunks_of(packs, file.content))) needed.insert(chunk.digest);
  }
  Compacted compacted =
      TRY(remove_unneeded(repository.packs(), named, expired, needed, options.mode));
  if (options.mode == GcMode::kDo) TRY(repository.reopen_packs());
  const auto types = TRY(repository.cache_types());
  const bool has_links = std::find(types.begin(), types.end(), CacheType::kHardlink) != types.end();
  for (const LinkCache::Cached& cached : TRY(repository.links().list())) {
    const bool stays = has_links && cached.is_finished && is_link(cached.mark, cached.file) &&
                       repository.packs().find(cached.file.content.digest);
    if (stays) continue;
    if (options.mode == GcMode::kDo && ::unlink(cached.path.c_str()) != 0)
      return store::errno_error(errno, "remove the file", cached.path);
    if (!cached.is_elsewhere) compacted.bytes_freed += cached.mark.bytes;
  }
  return compacted;
}

}  // namespace slipway::versions
