#include "cli/versions/local_verbs.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "cli/table.h"
#include "types/timestamp.h"
#include "versions/add.h"
#include "versions/ignore.h"

namespace slipway::cli {

using versions::Digest;
using versions::Head;
using versions::RefKind;
using versions::Repository;

namespace {

constexpr std::size_t kShownDigits = 12;
constexpr std::size_t kShownPathsMax = 200;

std::string author() {
  for (const char* name : {"SLIPWAY_AUTHOR", "USER", "LOGNAME"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return fmt::format("uid {}", ::getuid());
}

// Of a message, as far as a table has room.
std::string first_line(std::string_view message) {
  constexpr std::size_t kRoom = 100;
  std::string_view line = message.substr(0, message.find('\n'));
  if (line.size() <= kRoom) return shown(line);
  return shown(base::beginning(line, kRoom)) + "...";
}

Result<versions::Added> add_to(Repository& repository, const std::vector<std::string>& paths) {
  Progress progress("files", std::nullopt);
  versions::AddOptions options{
      .threads = threads(), .progress = [&](std::uint64_t files, std::uint64_t bytes) {
        progress.at(static_cast<std::int64_t>(files), in_bytes(bytes) + " read");
      }};
  return versions::add_paths(repository, {paths.begin(), paths.end()}, options);
}

// One line a change, and how many were left out.
void list_changes(const std::vector<versions::FileChange>& changes, JsonArray& json,
                  std::string& text, std::string_view indent) {
  std::size_t shown_count = 0;
  for (const versions::FileChange& change : changes) {
    json.emplace_back(versions::to_json(change));
    if (shown_count++ >= kShownPathsMax) continue;
    std::string size = change.after ? in_bytes(change.after->content.bytes) : "";
    if (change.before && change.after && change.moved_from.empty())
      size = fmt::format("{} -> {}", in_bytes(change.before->content.bytes), size);
    text +=
        fmt::format("{}{:8} {}{}{}\n", indent, versions::change_name(change), shown(change.path),
                    change.moved_from.empty() ? "" : " from " + shown(change.moved_from),
                    size.empty() ? "" : "  (" + size + ")");
  }
  if (shown_count > kShownPathsMax)
    text += fmt::format("{}... and {} more\n", indent, shown_count - kShownPathsMax);
}

std::string_view change_word(versions::ChangeKind kind) {
  switch (kind) {
    case versions::ChangeKind::kNew:
      return "new";
    case versions::ChangeKind::kModified:
      return "modified";
    case versions::ChangeKind::kDeleted:
      return "deleted";
    case versions::ChangeKind::kOverwritten:
      return "overwritten";
    case versions::ChangeKind::kIgnored:
      return "ignored";
  }
  return "";
}

// Whether a branch or tag, or HEAD, comes from it.
Result<bool> is_named(const Repository& repository, const Digest& commit) {
  for (const Digest& name : TRY(versions::named_commits(repository))) {
    if (TRY(versions::is_ancestor(repository.packs(), commit, name))) return true;
  }
  return false;
}

// A branch hides a tag of its name.
Result<void> check_free(const Repository& repository, RefKind other, const std::string& name) {
  if (!TRY(repository.find_ref(other, name))) return {};
  return base::error(Code::kAlreadyExists, "there is a {} {}: take another name",
                     other == RefKind::kTag ? "tag" : "branch", name);
}

// The branch is there before HEAD names it, and isn't when the folder can't be made so. Where HEAD
// names it already nothing was committed on it, which the folder is held against.
Result<versions::CheckedOut> begin_branch(Repository& repository, const Head& to,
                                          const versions::CheckoutOptions& options) {
  const versions::Ref branch{RefKind::kBranch, to.branch, *to.commit};
  const bool is_unborn = TRY(repository.head()).branch == to.branch;
  if (!is_unborn) TRY(repository.set_ref(branch));
  auto done = versions::switch_to(repository, to, options);
  if (done && is_unborn) TRY(repository.set_ref(branch));
  if (!done && !is_unborn) TRY(repository.remove_ref(RefKind::kBranch, to.branch));
  return done;
}

}  // namespace

std::string shown(const Digest& digest) { return versions::to_hex(digest).substr(0, kShownDigits); }

std::string shown(std::string_view name) {
  return versions::shown_name(name, versions::For::kTerminal);
}

std::string in_bytes(std::uint64_t bytes) { return short_bytes(static_cast<std::int64_t>(bytes)); }

std::size_t threads() { return std::max(1u, std::thread::hardware_concurrency()); }

Result<Repository> repository_here() {
  std::error_code ec;
  const std::filesystem::path here = std::filesystem::current_path(ec);
  if (ec) return base::error(Code::kNotFound, "the current folder is gone: go to another one");
  return Repository::find(here);
}

versions::CommitDraft draft(std::string message) {
  return {author(), std::move(message), base::SystemClock().now()};
}

versions::CheckoutOptions checkout_options(bool force, Progress& progress) {
  return {.changed = force ? versions::CheckoutOptions::Changed::kReplace
                           : versions::CheckoutOptions::Changed::kKeep,
          .threads = threads(),
          .progress = [&progress](std::uint64_t files) {
            progress.at(static_cast<std::int64_t>(files), "written");
          }};
}

Result<Said> init(const std::string& folder) {
  if (folder.empty()) return base::error(Code::kInvalidArgument, "the folder needs a name");
  TRY(store::make_folders(folder));
  std::error_code ec;
  const std::filesystem::path top = std::filesystem::canonical(folder, ec);
  if (ec) return store::errno_error(ec.value(), "go to the folder", folder);
  const Repository repository = TRY(Repository::create(top));
  const std::string where = repository.top().string();
  return Said{{{"folder", where}},
              fmt::format("made a data repository in {}\n"
                          "next: slipway data add PATH, slipway data commit -m MESSAGE\n",
                          where)};
}

Result<Said> add(Repository& repository, const std::vector<std::string>& paths) {
  const versions::Added added = TRY(add_to(repository, paths));
  std::string text = fmt::format(
      "{} files, {}: {} new or changed, {} gone; {} more in the repository\n", added.files,
      in_bytes(added.bytes), added.read, added.removed, in_bytes(added.bytes_added));
  JsonArray passed_over;
  for (const std::string& path : added.passed_over) {
    passed_over.emplace_back(versions::shown_name(path, versions::For::kJson));
    text += fmt::format("passed over, as it is neither file, link nor folder: {}\n", shown(path));
  }
  return Said{{{"files", added.files},
               {"bytes", added.bytes},
               {"changed", added.read},
               {"removed", added.removed},
               {"bytes_added", added.bytes_added},
               {"passed_over", std::move(passed_over)}},
              std::move(text)};
}

Result<Said> commit(Repository& repository, const std::string& message, bool all) {
  if (all) TRY(add_to(repository, {repository.top().string()}));
  const versions::NamedCommit made = TRY(versions::commit(repository, draft(message)));
  const Head head = TRY(repository.head());
  return Said{to_json(made),
              fmt::format("[{} {}] {}\n{} files, {}\n", head.branch.empty() ? "HEAD" : head.branch,
                          shown(made.digest), first_line(message), made.commit.files,
                          in_bytes(made.commit.bytes))};
}

Result<Said> status() {
  const Repository repository = TRY(repository_here());
  const Head head = TRY(repository.head());
  std::string text =
      head.branch.empty()
          ? fmt::format("at commit {}, on no branch\n", shown(*head.commit))
          : fmt::format("on branch {}{}\n", head.branch,
                        head.commit ? ", at " + shown(*head.commit) : ", nothing committed yet");
  JsonObject json{{"branch", head.branch},
                  {"commit", head.commit ? Json(versions::to_hex(*head.commit)) : Json(nullptr)}};
  if (const auto theirs = TRY(repository.find_ref(
          RefKind::kRemote, head.branch.empty() ? versions::kFirstBranch : head.branch));
      theirs && head.commit && !head.branch.empty()) {
    const bool is_pushed = *theirs == *head.commit;
    json["pushed"] = is_pushed;
    text += is_pushed ? "the server has it\n" : "not what the server had last: push or pull\n";
  }
  JsonArray added, changed;
  const auto staged = TRY(versions::find_added(repository));
  if (!staged.empty()) text += "to be committed:\n";
  list_changes(staged, added, text, "  ");
  const auto index = TRY(versions::WorkIndex::load(versions::index_file(repository)));
  const auto changes = TRY(versions::find_changes(repository, index));
  if (!changes.empty()) text += "not added yet:\n";
  bool is_overwritten = false;
  for (const versions::WorkChange& change : changes) {
    const std::string_view word = change_word(change.kind);
    is_overwritten = is_overwritten || change.kind == versions::ChangeKind::kOverwritten;
    if (changed.size() < kShownPathsMax)
      text += fmt::format("  {:11} {}\n", word, shown(change.path));
    changed.emplace_back(JsonObject{
        {"path", versions::shown_name(change.path, versions::For::kJson)}, {"change", word}});
  }
  if (is_overwritten)
    text +=
        "  overwritten: a link of the cache was written into; `slipway data unprotect PATH` keeps "
        "what is there, `slipway data restore PATH` brings back what was\n";
  if (changed.size() > kShownPathsMax)
    text += fmt::format("  ... and {} more\n", changed.size() - kShownPathsMax);
  if (staged.empty() && changes.empty() && head.commit) text += "nothing has changed\n";
  json["to_commit"] = std::move(added);
  json["not_added"] = std::move(changed);
  return Said{std::move(json), std::move(text)};
}

Result<Said> log(const std::string& from, std::size_t limit) {
  const Repository repository = TRY(repository_here());
  std::map<Digest, std::vector<std::string>> names;
  for (const versions::Ref& ref : TRY(repository.refs()))
    names[ref.commit].push_back((ref.kind == RefKind::kRemote ? "origin/" : "") + ref.name);
  JsonArray commits, rows;
  bool has_more = false;
  TRY(versions::walk_back(
      repository.packs(), TRY(repository.resolve(from)), [&](const versions::NamedCommit& named) {
        has_more = rows.size() == limit;
        if (has_more) return false;
        JsonObject object = to_json(named);
        JsonArray of;
        for (const std::string& name : names[named.digest]) of.emplace_back(name);
        object["names"] = of;
        const bool is_expired = versions::is_expired(repository.packs(), named.digest);
        object["expired"] = is_expired;
        commits.emplace_back(object);
        object["commit"] = shown(named.digest);
        object["size"] = is_expired ? "removed by gc" : in_bytes(named.commit.bytes);
        object["author"] = shown(named.commit.author);
        object["message"] = first_line(named.commit.message);
        object["names"] = fmt::format("{}", fmt::join(names[named.digest], " "));
        rows.emplace_back(std::move(object));
        return true;
      }));
  return Said{{{"commits", std::move(commits)}, {"more", has_more}},
              table(rows, {{"COMMIT", "commit"},
                           {"TIME", "time"},
                           {"AUTHOR", "author"},
                           {"FILES", "files"},
                           {"SIZE", "size"},
                           {"NAMES", "names"},
                           {"MESSAGE", "message"}}) +
                  (has_more ? fmt::format("the newest {}: --limit shows more\n", limit) : "")};
}

Result<Said> diff(const std::string& from, const std::string& to, bool tell_by_exit_code) {
  const Repository repository = TRY(repository_here());
  const versions::Packs& packs = repository.packs();
  const Digest before = TRY(repository.resolve(from));
  std::vector<versions::FileChange> changes;
  if (to.empty()) {
    changes = TRY(versions::diff_to_work(repository, before));
  } else {
    const auto files = [&](const Digest& commit) -> Result<std::vector<versions::File>> {
      return versions::list_files(packs, TRY(versions::folder_of(packs, commit)));
    };
    changes = versions::diff_files(TRY(files(before)), TRY(files(TRY(repository.resolve(to)))));
  }
  JsonArray list;
  std::string text;
  list_changes(changes, list, text, "");
  std::uint64_t counts[4] = {};
  constexpr std::string_view kNames[] = {"added", "removed", "changed", "moved"};
  for (const versions::FileChange& change : changes) {
    const auto at = std::find(std::begin(kNames), std::end(kNames), versions::change_name(change));
    ++counts[at - std::begin(kNames)];
  }
  text += fmt::format("{} added, {} removed, {} changed, {} moved\n", counts[0], counts[1],
                      counts[2], counts[3]);
  return Said{{{"changes", std::move(list)}},
              std::move(text),
              tell_by_exit_code && !changes.empty() ? kFailed : kOk};
}

Said say_checked_out(std::string_view what, const versions::CheckedOut& done) {
  std::string text =
      fmt::format("{}: {} files written{}, {} removed\n", what, done.written,
                  done.linked == 0 ? "" : fmt::format(" ({} as links of the cache)", done.linked),
                  done.removed);
  JsonArray renewed;
  for (const std::string& path : done.renewed) {
    renewed.emplace_back(versions::shown_name(path, versions::For::kJson));
    if (renewed.size() <= kShownPathsMax)
      text += fmt::format("the cache's file had been written into and is anew: {}\n", shown(path));
  }
  return {{{"written", done.written},
           {"removed", done.removed},
           {"bytes", done.bytes},
           {"linked", done.linked},
           {"renewed", std::move(renewed)}},
          std::move(text)};
}

Result<Said> checkout(Repository& repository, const CheckoutFlags& flags) {
  Progress progress("files", std::nullopt);
  auto options = checkout_options(flags.force, progress);
  if (flags.relink) options.kept = versions::CheckoutOptions::Kept::kAnew;
  versions::CheckedOut done;
  std::string what, left_behind;
  if (!flags.path.empty()) {
    const Digest commit = TRY(repository.resolve(flags.target));
    const std::string path = TRY(versions::path_in(repository, flags.path));
    done = TRY(versions::restore(repository, commit, path, options));
    what = fmt::format("{} is as in {}", shown(flags.path), shown(commit));
  } else if (flags.make_branch) {
    if (TRY(repository.find_ref(RefKind::kBranch, flags.target)))
      return base::error(Code::kAlreadyExists, "there is a branch {}", flags.target);
    TRY(check_free(repository, RefKind::kTag, flags.target));
    const Head head = TRY(repository.head());
    Head to{.branch = flags.target, .commit = head.commit};
    if (flags.from != "HEAD") {
      to.commit = TRY(repository.resolve(flags.from));
      done = TRY(begin_branch(repository, to, options));
    } else {
      if (to.commit) TRY(repository.set_ref({RefKind::kBranch, flags.target, *to.commit}));
      TRY(repository.set_head(to));
    }
    what = fmt::format("on the new branch {}", flags.target);
  } else {
    Head to;
    const bool may_be_name = versions::check_ref_name(flags.target).has_value();
    const auto branch =
        may_be_name ? TRY(repository.find_ref(RefKind::kBranch, flags.target)) : std::nullopt;
    const bool is_tag = may_be_name && TRY(repository.find_ref(RefKind::kTag, flags.target));
    const auto theirs = may_be_name && !is_tag
                            ? TRY(repository.find_ref(RefKind::kRemote, flags.target))
                            : std::nullopt;
    const Head before = TRY(repository.head());
    if (branch || theirs) to.branch = flags.target;
    if (flags.target == "HEAD") to.branch = before.branch;
    to.commit = branch ? *branch : theirs ? *theirs : TRY(repository.resolve(flags.target));
    const bool is_new = !branch && theirs;
    done = TRY(is_new ? begin_branch(repository, to, options)
                      : versions::switch_to(repository, to, options));
    what = to.branch.empty() ? fmt::format("at {}, on no branch", shown(*to.commit))
                             : fmt::format("on branch {}, at {}", to.branch, shown(*to.commit));
    if (before.branch.empty() && before.commit && !TRY(is_named(repository, *before.commit)))
      left_behind = fmt::format(
          "commit {0} is on no branch and goes with the next gc: `slipway data "
          "branch NAME {0}` keeps it\n",
          shown(*before.commit));
  }
  Said said = say_checked_out(what, done);
  said.text += left_behind;
  return said;
}

Result<Said> restore(Repository& repository, const RestoreFlags& flags) {
  Progress progress("files", std::nullopt);
  versions::RestoreOptions options{.work = flags.work || !flags.staged,
                                   .index = flags.staged,
                                   .from = {},
                                   .checkout = checkout_options(true, progress)};
  if (!flags.source.empty()) options.from = TRY(repository.resolve(flags.source));
  versions::CheckedOut all;
  for (const std::string& path : flags.paths) {
    versions::CheckedOut done =
        TRY(versions::restore(repository, TRY(versions::path_in(repository, path)), options));
    all.written += done.written;
    all.removed += done.removed;
    all.bytes += done.bytes;
    all.linked += done.linked;
    for (std::string& renewed : done.renewed) all.renewed.push_back(std::move(renewed));
  }
  return say_checked_out(flags.staged && !flags.work ? "no longer to be committed" : "restored",
                         all);
}

Result<Said> unprotect(Repository& repository, const std::vector<std::string>& paths) {
  std::uint64_t files = 0;
  for (const std::string& path : paths)
    files += TRY(versions::unprotect(repository, TRY(versions::path_in(repository, path))));
  return Said{{{"files", files}}, fmt::format("{} files may be written to\n", files)};
}

Result<Said> check_ignore(const std::vector<std::string>& paths) {
  const Repository repository = TRY(repository_here());
  const auto as_json = [](std::string_view name) {
    return versions::shown_name(name, versions::For::kJson);
  };
  JsonArray list;
  std::string text;
  for (const std::string& path : paths) {
    const std::string relative = TRY(versions::path_in(repository, path));
    std::error_code ec;
    const auto status = std::filesystem::symlink_status(repository.top() / relative, ec);
    const bool is_folder = path.ends_with('/') || std::filesystem::is_directory(status);
    const auto ignored = TRY(versions::Ignores::find_for(repository.top(), relative, is_folder));
    if (!ignored) continue;
    text += fmt::format("{}:{}:{}\t{}\n", shown(ignored->file), ignored->rule.line,
                        shown(ignored->rule.text), shown(path));
    list.emplace_back(JsonObject{{"path", as_json(path)},
                                 {"file", as_json(ignored->file)},
                                 {"line", ignored->rule.line},
                                 {"pattern", as_json(ignored->rule.text)},
                                 {"ignored", as_json(ignored->path)}});
  }
  const int exit_code = list.empty() ? kFailed : kOk;
  return Said{{{"ignored", std::move(list)}}, std::move(text), exit_code};
}

Result<Said> config(Repository& repository, const std::string& key, const std::string& value) {
  constexpr std::string_view kCacheType = "cache.type";
  if (!key.empty() && key != kCacheType)
    return base::error(Code::kInvalidArgument, "no such setting: {}; there is {}", key, kCacheType);
  if (!value.empty()) TRY(repository.set_cache_types(TRY(versions::parse_cache_types(value))));
  std::vector<std::string_view> types;
  for (const versions::CacheType type : TRY(repository.cache_types()))
    types.push_back(versions::cache_type_name(type));
  const std::string is = fmt::format("{}", fmt::join(types, ","));
  return Said{{{std::string(kCacheType), is}},
              fmt::format("{}: {}\n{}", kCacheType, is,
                          value.empty() ? ""
                                        : "`slipway data checkout HEAD --relink` makes what is "
                                          "checked out anew so\n")};
}

Result<Said> refs(Repository& repository, RefKind kind, const RefFlags& flags) {
  if (flags.name.empty()) {
    JsonArray list;
    std::string text;
    const Head head = TRY(repository.head());
    for (const versions::Ref& ref : TRY(repository.refs())) {
      if (ref.kind != kind) continue;
      const bool is_here = kind == RefKind::kBranch && ref.name == head.branch;
      text += fmt::format("{} {}  {}\n", is_here ? '*' : ' ', shown(ref.commit), ref.name);
      list.emplace_back(JsonObject{
          {"name", ref.name}, {"commit", versions::to_hex(ref.commit)}, {"current", is_here}});
    }
    return Said{{{"refs", std::move(list)}}, std::move(text)};
  }
  if (flags.remove) {
    if (kind == RefKind::kBranch && TRY(repository.head()).branch == flags.name) {
      return base::error(Code::kFailedPrecondition,
                         "branch {} is checked out: checkout another one first", flags.name);
    }
    TRY(repository.remove_ref(kind, flags.name));
    return Said{{{"removed", flags.name}}, fmt::format("removed {}\n", flags.name)};
  }
  if (!flags.force && TRY(repository.find_ref(kind, flags.name)))
    return base::error(Code::kAlreadyExists, "{} is taken; --force moves it", flags.name);
  TRY(check_free(repository, kind == RefKind::kTag ? RefKind::kBranch : RefKind::kTag, flags.name));
  const Digest commit = TRY(repository.resolve(flags.at));
  TRY(repository.set_ref({kind, flags.name, commit}));
  return Said{{{"name", flags.name}, {"commit", versions::to_hex(commit)}},
              fmt::format("{} is {}\n", flags.name, shown(commit))};
}

Said say_collected(const versions::Compacted& done, bool is_dry_run, std::string_view where) {
  JsonObject json = versions::to_json(done);
  json["dry_run"] = is_dry_run;
  return {std::move(json),
          fmt::format("{}: {} objects {}removed, {} freed{}\n", where, done.objects_removed,
                      is_dry_run ? "would be " : "", in_bytes(done.bytes_freed),
                      done.versions_expired == 0
                          ? ""
                          : fmt::format("; files of {} versions", done.versions_expired))};
}

Result<Said> gc(Repository& repository, const GcFlags& flags,
                const versions::MissingThere& missing_there) {
  const versions::GcOptions options{
      .keep = versions::keep_policy(flags.keep_last, flags.keep_days, base::SystemClock().now()),
      .loses_unpushed = flags.force,
      .missing_there = missing_there,
      .mode = flags.dry_run ? versions::GcMode::kDryRun : versions::GcMode::kDo};
  return say_collected(TRY(versions::collect_garbage(repository, options)), flags.dry_run, "here");
}

}  // namespace slipway::cli
