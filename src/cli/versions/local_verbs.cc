#include "cli/versions/local_verbs.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "base/clock.h"
#include "cli/table.h"
#include "types/timestamp.h"
#include "versions/add.h"

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
  std::size_t end = kRoom;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;  // whole letters
  return shown(line.substr(0, end)) + "...";
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

// Whether a branch or tag, or HEAD, comes from it.
Result<bool> is_named(const Repository& repository, const Digest& commit) {
  for (const Digest& name : TRY(versions::named_commits(repository))) {
    if (TRY(versions::is_ancestor(repository.packs(), commit, name))) return true;
  }
  return false;
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
  for (const versions::WorkChange& change : changes) {
    const std::string_view word = change.kind == versions::ChangeKind::kNew        ? "new"
                                  : change.kind == versions::ChangeKind::kModified ? "modified"
                                                                                   : "deleted";
    if (changed.size() < kShownPathsMax)
      text += fmt::format("  {:8} {}\n", word, shown(change.path));
    changed.emplace_back(JsonObject{
        {"path", versions::shown_name(change.path, versions::For::kJson)}, {"change", word}});
  }
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
  TRY(versions::walk_back(
      repository.packs(), TRY(repository.resolve(from)), [&](const versions::NamedCommit& named) {
        JsonObject object = to_json(named);
        JsonArray of;
        for (const std::string& name : names[named.digest]) of.emplace_back(name);
        object["names"] = of;
        commits.emplace_back(object);
        object["commit"] = shown(named.digest);
        object["size"] = in_bytes(named.commit.bytes);
        object["author"] = shown(named.commit.author);
        object["message"] = first_line(named.commit.message);
        object["names"] = fmt::format("{}", fmt::join(names[named.digest], " "));
        rows.emplace_back(std::move(object));
        return rows.size() < limit;
      }));
  return Said{{{"commits", std::move(commits)}},
              table(rows, {{"COMMIT", "commit"},
                           {"TIME", "time"},
                           {"AUTHOR", "author"},
                           {"FILES", "files"},
                           {"SIZE", "size"},
                           {"NAMES", "names"},
                           {"MESSAGE", "message"}})};
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
      return versions::list_files(packs, TRY(versions::read_commit(packs, commit)).folder);
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

Result<Said> checkout(Repository& repository, const CheckoutFlags& flags) {
  Progress progress("files", std::nullopt);
  const auto options = checkout_options(flags.force, progress);
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
    const Head head = TRY(repository.head());
    Head to{.branch = flags.target, .commit = head.commit};
    if (flags.from != "HEAD") {
      to.commit = TRY(repository.resolve(flags.from));
      done = TRY(versions::switch_to(repository, to, options));
    }
    if (to.commit) TRY(repository.set_ref({RefKind::kBranch, flags.target, *to.commit}));
    TRY(repository.set_head(to));
    what = fmt::format("on the new branch {}", flags.target);
  } else {
    Head to;
    const bool may_be_name = versions::check_ref_name(flags.target).has_value();
    const auto branch =
        may_be_name ? TRY(repository.find_ref(RefKind::kBranch, flags.target)) : std::nullopt;
    const auto theirs =
        may_be_name ? TRY(repository.find_ref(RefKind::kRemote, flags.target)) : std::nullopt;
    const Head before = TRY(repository.head());
    if (branch || theirs) to.branch = flags.target;
    if (flags.target == "HEAD") to.branch = before.branch;
    to.commit = branch ? *branch : theirs ? *theirs : TRY(repository.resolve(flags.target));
    done = TRY(versions::switch_to(repository, to, options));
    if (!branch && theirs) TRY(repository.set_ref({RefKind::kBranch, flags.target, *theirs}));
    what = to.branch.empty() ? fmt::format("at {}, on no branch", shown(*to.commit))
                             : fmt::format("on branch {}, at {}", to.branch, shown(*to.commit));
    if (before.branch.empty() && before.commit && !TRY(is_named(repository, *before.commit)))
      left_behind = fmt::format(
          "commit {0} is on no branch and goes with the next gc: `slipway data "
          "branch NAME {0}` keeps it\n",
          shown(*before.commit));
  }
  return Said{{{"written", done.written}, {"removed", done.removed}, {"bytes", done.bytes}},
              fmt::format("{}: {} files written, {} removed\n{}", what, done.written, done.removed,
                          left_behind)};
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
  const Digest commit = TRY(repository.resolve(flags.at));
  TRY(repository.set_ref({kind, flags.name, commit}));
  return Said{{{"name", flags.name}, {"commit", versions::to_hex(commit)}},
              fmt::format("{} is {}\n", flags.name, shown(commit))};
}

Result<Said> gc(Repository& repository) {
  const versions::Compacted done = TRY(versions::collect_garbage(repository));
  return Said{{{"objects_removed", done.objects_removed},
               {"bytes_freed", done.bytes_freed},
               {"packs_rewritten", done.packs_rewritten}},
              fmt::format("{} objects removed, {} freed\n", done.objects_removed,
                          in_bytes(done.bytes_freed))};
}

}  // namespace slipway::cli
