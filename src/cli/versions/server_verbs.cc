#include "cli/versions/server_verbs.h"

#include <filesystem>

#include "cli/table.h"
#include "cli/versions/exchange.h"
#include "versions/hub.h"

namespace slipway::cli {

using versions::Digest;
using versions::Head;
using versions::RefKind;
using versions::Repository;

namespace {

// In an empty folder, or one that a broken clone of the same repository has left.
Result<Repository> open_clone(const std::filesystem::path& top, const std::string& name) {
  std::error_code ec;
  if (std::filesystem::is_empty(top, ec) && !ec) {
    Repository repository = TRY(Repository::create(top));
    TRY(repository.set_remote(name));
    return repository;
  }
  auto begun = Repository::find(top);
  const bool is_ours =
      begun && begun->top() == top && TRY(begun->remote()) == name && !TRY(begun->head()).commit;
  if (is_ours) return begun;
  return base::error(Code::kAlreadyExists, "the folder is not empty: {}", top.string());
}

// Whether pushes and pulls without a name go there: the first one does from then on. Only of that
// one `origin/` says what it has.
Result<bool> is_origin(const Repository& repository, const std::string& name) {
  const std::string origin = TRY(repository.remote());
  if (origin.empty()) TRY(repository.set_remote(name));
  return origin.empty() || origin == name;
}

// What `origin/` said of another one is gone.
Result<void> set_origin(const Repository& repository, const std::string& name) {
  if (TRY(repository.remote()) == name) return {};
  for (const versions::Ref& ref : TRY(repository.refs())) {
    if (ref.kind == RefKind::kRemote) TRY(repository.remove_ref(ref.kind, ref.name));
  }
  return repository.set_remote(name);
}

struct Fetched {
  std::vector<ServerRef> refs;
  Moved moved;
  std::string tags_elsewhere;  // in words: ours stay where they are
  bool is_origin = true;

  std::optional<Digest> find_branch(const std::string& name) const {
    for (const ServerRef& at : refs) {
      if (at.kind == RefKind::kBranch && at.name == name) return at.commit;
    }
    return std::nullopt;
  }
};

Result<Fetched> fetch(Repository& repository, const Context& context, const std::string& name) {
  Exchange exchange(context, repository, name, BytesMoved("received"));
  const auto there = TRY(exchange.refs());
  if (!there) return base::error(Code::kNotFound, "no such data repository: {}", name);
  std::vector<Digest> wanted, known;
  for (const ServerRef& ref : *there) wanted.push_back(ref.commit);
  for (const versions::Ref& ref : TRY(repository.refs())) known.push_back(ref.commit);
  Fetched fetched{.refs = *there, .moved = {}, .tags_elsewhere = {}};
  fetched.moved = TRY(exchange.fetch_objects(wanted, known));
  fetched.is_origin = TRY(is_origin(repository, name));
  // Branches that are gone there are no longer known here, and in nobody's way.
  for (const versions::Ref& ref : TRY(repository.refs())) {
    const bool is_there =
        ref.kind != RefKind::kRemote || !fetched.is_origin || fetched.find_branch(ref.name);
    if (!is_there) TRY(repository.remove_ref(RefKind::kRemote, ref.name));
  }
  for (const ServerRef& ref : *there) {
    const bool is_tag = ref.kind == RefKind::kTag;
    const auto ours = is_tag ? TRY(repository.find_ref(RefKind::kTag, ref.name)) : std::nullopt;
    if (ours && *ours != ref.commit) {
      fetched.tags_elsewhere += fmt::format(
          "tag {0} is {1} there and {2} here: `slipway data tag {0} {1} --force` takes "
          "theirs\n",
          ref.name, shown(ref.commit), shown(*ours));
    }
    if (ours || (!is_tag && !fetched.is_origin)) continue;
    TRY(repository.set_ref({is_tag ? RefKind::kTag : RefKind::kRemote, ref.name, ref.commit}));
  }
  return fetched;
}

}  // namespace

Result<std::string> remote_name(const Repository& repository, const std::string& given) {
  std::string name = given;
  if (name.empty()) name = TRY(repository.remote());
  if (name.empty()) name = repository.top().filename().string();
  Result<void> checked = versions::check_repository_name(name);
  if (!checked && given.empty())
    return std::move(checked).error().with_context("give a name: `slipway data push NAME`");
  TRY(std::move(checked));
  return name;
}

Result<Said> push(Repository& repository, const Context& context, const std::string& given,
                  Forced forced, Origin origin) {
  const Head head = TRY(repository.head());
  if (head.branch.empty() || !head.commit) {
    return base::error(Code::kFailedPrecondition,
                       "only a branch with commits can be pushed: `slipway data checkout -b NAME`");
  }
  const std::string name = TRY(remote_name(repository, given));
  Exchange exchange(context, repository, name, BytesMoved("sent"));
  const auto there = TRY(exchange.refs()).value_or(std::vector<ServerRef>());
  const auto find = [&](RefKind kind, const std::string& ref) -> std::optional<Digest> {
    for (const ServerRef& at : there) {
      if (at.kind == kind && at.name == ref) return at.commit;
    }
    return std::nullopt;
  };
  const auto before = find(RefKind::kBranch, head.branch);
  Moved moved;
  if (before != head.commit) {
    const bool is_known = before && repository.packs().find(*before);
    const bool is_forward =
        !before ||
        (is_known && TRY(versions::is_ancestor(repository.packs(), *before, *head.commit)));
    if (!is_forward && !forced.branch) {
      return base::error(Code::kConflict,
                         "the server's branch {} has commits that would be lost; `slipway data "
                         "pull` brings them, --force drops them",
                         head.branch);
    }
    std::vector<Digest> known;
    for (const ServerRef& ref : there) known.push_back(ref.commit);
    moved = TRY(exchange.send_objects(*head.commit, known));
    TRY(exchange.move_ref(RefKind::kBranch, head.branch, before, *head.commit, forced.branch));
  }
  if (origin == Origin::kIsSet) TRY(set_origin(repository, name));
  if (TRY(is_origin(repository, name)))
    TRY(repository.set_ref({RefKind::kRemote, head.branch, *head.commit}));
  std::string text = before == head.commit
                         ? fmt::format("{} has {} already\n", name, head.branch)
                         : fmt::format("{} {} is {}: {} objects, {} sent\n", name, head.branch,
                                       shown(*head.commit), moved.objects, in_bytes(moved.bytes));
  bool is_all = true;
  for (const versions::Ref& tag : TRY(repository.refs())) {
    if (tag.kind != RefKind::kTag || find(RefKind::kTag, tag.name) == tag.commit) continue;
    if (!TRY(versions::is_ancestor(repository.packs(), tag.commit, *head.commit))) continue;
    const Result<void> moved_tag = exchange.move_ref(
        RefKind::kTag, tag.name, find(RefKind::kTag, tag.name), tag.commit, forced.tags);
    if (!moved_tag && moved_tag.error().code == Code::kUnavailable) return moved_tag.error();
    is_all = is_all && moved_tag;
    const bool is_elsewhere = find(RefKind::kTag, tag.name).has_value();
    text += moved_tag
                ? fmt::format("tag {} is {}\n", tag.name, shown(tag.commit))
                : fmt::format("tag {0} is {2}: {1}; `slipway data tag -d {0}` drops it here{3}\n",
                              tag.name, moved_tag.error().message,
                              is_elsewhere ? "elsewhere there" : "not there",
                              is_elsewhere ? ", push --force-tags moves it there" : "");
  }
  return Said{{{"repository", name},
               {"branch", head.branch},
               {"commit", versions::to_hex(*head.commit)},
               {"objects", moved.objects},
               {"bytes", moved.bytes}},
              std::move(text),
              is_all ? kOk : kFailed};
}

Result<Said> pull(Repository& repository, const Context& context, const std::string& given,
                  bool force) {
  const Head head = TRY(repository.head());
  if (head.branch.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "on no branch: `slipway data checkout BRANCH` first");
  }
  const std::string name = TRY(remote_name(repository, given));
  const Fetched fetched = TRY(fetch(repository, context, name));
  const auto theirs = fetched.find_branch(head.branch);
  if (!theirs) {
    return base::error(Code::kNotFound, "{} has no branch {}; `slipway data push` makes it", name,
                       head.branch);
  }
  Progress progress("files", std::nullopt);
  const versions::Merge merge = TRY(versions::merge(
      repository, *theirs, fetched.is_origin ? "origin/" + head.branch : versions::to_hex(*theirs),
      draft(fmt::format("Merge {} of {}", head.branch, name)), checkout_options(force, progress)));
  const std::string_view how = merge.how == versions::Merged::kNothingNew ? "nothing new"
                               : merge.how == versions::Merged::kForward  ? "forward"
                                                                          : "brought together";
  return Said{{{"branch", head.branch},
               {"commit", versions::to_hex(merge.commit)},
               {"how", how},
               {"objects", fetched.moved.objects},
               {"bytes", fetched.moved.bytes},
               {"written", merge.files.written},
               {"removed", merge.files.removed}},
              fmt::format("{} is {}, {}: {} received, {} files written, {} removed\n{}",
                          head.branch, shown(merge.commit), how, in_bytes(fetched.moved.bytes),
                          merge.files.written, merge.files.removed, fetched.tags_elsewhere)};
}

Result<Said> clone(const Context& context, const std::string& name, const std::string& given_folder,
                   const std::string& given_ref) {
  TRY(versions::check_repository_name(name));
  const std::filesystem::path folder = given_folder.empty() ? name : given_folder;
  std::error_code ec;
  TRY(store::make_folders(folder));
  const std::filesystem::path top = std::filesystem::canonical(folder, ec);
  if (ec) return store::errno_error(ec.value(), "go to the folder", folder);
  Repository repository = TRY(open_clone(top, name));
  const store::FolderLock lock = TRY(repository.lock());
  const Result<Fetched> fetched = fetch(repository, context, name);
  if (!fetched && fetched.error().code == Code::kNotFound) {
    std::filesystem::remove_all(top / ".slipway", ec);
    std::filesystem::remove(top, ec);
  }
  if (!fetched) return fetched.error();
  // The branch main, or the only one there is.
  std::string ref = given_ref;
  for (const ServerRef& at : fetched->refs) {
    if (given_ref.empty() && at.kind == RefKind::kBranch && (ref.empty() || at.name == "main"))
      ref = at.name;
  }
  if (ref.empty()) return Said{{{"folder", top.string()}}, "the repository has no branch yet\n"};
  return checkout(repository, {.target = ref});
}

Result<versions::MissingThere> missing_there(Repository& repository, const Context& context) {
  const std::string name = TRY(repository.remote());
  if (name.empty()) return versions::MissingThere();
  return versions::MissingThere([&, name](const std::vector<Digest>& digests) {
    return Exchange(context, repository, name, [](std::uint64_t, std::uint64_t) {})
        .missing_there(digests);
  });
}

Result<Said> gc_there(Repository& repository, const Context& context, const GcFlags& flags) {
  const std::string name = TRY(remote_name(repository, ""));
  JsonObject body{{"dry_run", flags.dry_run}};
  if (flags.keep_last) body["keep_last"] = *flags.keep_last;
  if (flags.keep_days) body["keep_days"] = *flags.keep_days;
  const Json reply =
      TRY(Client(context).post(path_of("/slipway/v1/data/{}", {name}) + "/gc", body));
  const auto count = [&](std::string_view member) {
    return member_at(reply, member).to_number<std::uint64_t>();
  };
  return say_collected({.objects_removed = count("objects_removed"),
                        .bytes_freed = count("bytes_freed"),
                        .packs_rewritten = count("packs_rewritten"),
                        .versions_expired = count("versions_expired")},
                       flags.dry_run, name);
}

Result<Said> repositories(const Context& context) {
  const Json reply = TRY(Client(context).get("/slipway/v1/data"));
  JsonArray rows;
  for (const Json& repository : member_at(reply, "repositories").as_array()) {
    JsonArray branches, tags;
    for (const Json& ref : member_at(repository, "refs").as_array())
      (member_at(ref, "kind") == Json("tag") ? tags : branches).push_back(member_at(ref, "name"));
    rows.emplace_back(JsonObject{{"name", member_at(repository, "name")},
                                 {"branches", std::move(branches)},
                                 {"tags", std::move(tags)},
                                 {"created", member_at(repository, "created")}});
  }
  return Said{reply.as_object(), table(rows, {{"REPOSITORY", "name"},
                                              {"BRANCHES", "branches"},
                                              {"TAGS", "tags"},
                                              {"CREATED", "created"}})};
}

}  // namespace slipway::cli
