#include "cli/versions/server_verbs.h"

#include <filesystem>

#include "cli/versions/exchange.h"

namespace slipway::cli {

using versions::Digest;
using versions::Head;
using versions::RefKind;
using versions::Repository;

namespace {

class BytesMoved {
 public:
  explicit BytesMoved(std::string what) : what_(std::move(what)) {}
  void operator()(std::uint64_t done, std::uint64_t all) {
    progress_.at(static_cast<std::int64_t>(done >> 20),
                 fmt::format("{} {} of {}", what_, in_bytes(done), in_bytes(all)));
  }

 private:
  const std::string what_;
  Progress progress_{"MB", std::nullopt};
};

// The name on the server: as given, as it was last time, or the folder's.
Result<std::string> remote_name(const Repository& repository, const std::string& given) {
  if (!given.empty()) return given;
  const std::string before = TRY(repository.remote());
  return before.empty() ? repository.top().filename().string() : before;
}

struct Fetched {
  std::vector<ServerRef> refs;
  Moved moved;
};

Result<Fetched> fetch(Repository& repository, const Context& context, const std::string& name) {
  Exchange exchange(context, repository, name, BytesMoved("received"));
  const auto there = TRY(exchange.refs());
  if (!there) return base::error(Code::kNotFound, "no such data repository: {}", name);
  std::vector<Digest> wanted, known;
  for (const ServerRef& ref : *there) wanted.push_back(ref.commit);
  for (const versions::Ref& ref : TRY(repository.refs())) known.push_back(ref.commit);
  Fetched fetched{.refs = *there, .moved = {}};
  fetched.moved = TRY(exchange.fetch_objects(wanted, known));
  for (const ServerRef& ref : *there) {
    const bool is_tag = ref.kind == RefKind::kTag;
    if (is_tag && TRY(repository.find_ref(RefKind::kTag, ref.name))) continue;  // ours stays
    TRY(repository.set_ref({is_tag ? RefKind::kTag : RefKind::kRemote, ref.name, ref.commit}));
  }
  TRY(repository.set_remote(name));
  return fetched;
}

// Gets everything that the branches and tags need anew, as far as it isn't here.
Result<Moved> repair(Repository& repository, const Context& context,
                     const std::vector<versions::Damage>& damages) {
  const std::string name = TRY(repository.remote());
  if (name.empty())
    return base::error(Code::kFailedPrecondition,
                       "no server has these versions: nothing to repair from");
  TRY(versions::drop_damaged(repository.packs(), damages));
  TRY(repository.reopen_packs());
  Exchange exchange(context, repository, name, BytesMoved("received"));
  std::vector<Digest> wanted;
  for (const ServerRef& ref : TRY(exchange.refs()).value_or(std::vector<ServerRef>()))
    wanted.push_back(ref.commit);
  return exchange.fetch_objects(wanted, {});
}

}  // namespace

Result<Said> push(Repository& repository, const Context& context, const std::string& given,
                  bool force) {
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
    if (!is_forward && !force) {
      return base::error(Code::kConflict,
                         "the server's branch {} has commits that would be lost; `slipway data "
                         "pull` brings them, --force drops them",
                         head.branch);
    }
    std::vector<Digest> known;
    for (const ServerRef& ref : there) known.push_back(ref.commit);
    moved = TRY(exchange.send_objects(*head.commit, known));
    TRY(exchange.move_ref(RefKind::kBranch, head.branch, before, *head.commit, force));
  }
  TRY(repository.set_remote(name));
  TRY(repository.set_ref({RefKind::kRemote, head.branch, *head.commit}));
  std::string text = before == head.commit
                         ? fmt::format("{} has {} already\n", name, head.branch)
                         : fmt::format("{} {} is {}: {} objects, {} sent\n", name, head.branch,
                                       shown(*head.commit), moved.objects, in_bytes(moved.bytes));
  for (const versions::Ref& tag : TRY(repository.refs())) {
    if (tag.kind != RefKind::kTag || find(RefKind::kTag, tag.name) == tag.commit) continue;
    if (!TRY(versions::is_ancestor(repository.packs(), tag.commit, *head.commit))) continue;
    TRY(exchange.move_ref(RefKind::kTag, tag.name, find(RefKind::kTag, tag.name), tag.commit,
                          force));
    text += fmt::format("tag {} is {}\n", tag.name, shown(tag.commit));
  }
  return Said{{{"repository", name},
               {"branch", head.branch},
               {"commit", versions::to_hex(*head.commit)},
               {"objects", moved.objects},
               {"bytes", moved.bytes}},
              std::move(text)};
}

Result<Said> pull(Repository& repository, const Context& context, const std::string& given) {
  const Head head = TRY(repository.head());
  if (head.branch.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "on no branch: `slipway data checkout BRANCH` first");
  }
  const std::string name = TRY(remote_name(repository, given));
  const Fetched fetched = TRY(fetch(repository, context, name));
  const auto theirs = TRY(repository.find_ref(RefKind::kRemote, head.branch));
  if (!theirs) {
    return base::error(Code::kNotFound, "{} has no branch {}; `slipway data push` makes it", name,
                       head.branch);
  }
  Progress progress("files", std::nullopt);
  const versions::Merge merge = TRY(
      versions::merge(repository, *theirs, draft(fmt::format("Merge {} of {}", head.branch, name)),
                      checkout_options(false, progress)));
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
              fmt::format("{} is {}, {}: {} received, {} files written, {} removed\n", head.branch,
                          shown(merge.commit), how, in_bytes(fetched.moved.bytes),
                          merge.files.written, merge.files.removed)};
}

Result<Said> clone(const Context& context, const std::string& name, const std::string& given_folder,
                   const std::string& given_ref) {
  const std::filesystem::path folder =
      std::filesystem::absolute(given_folder.empty() ? name : given_folder).lexically_normal();
  std::error_code ec;
  if (std::filesystem::exists(folder, ec) && !std::filesystem::is_empty(folder, ec))
    return base::error(Code::kAlreadyExists, "the folder is not empty: {}", folder.string());
  TRY(store::make_folders(folder));
  Repository repository = TRY(Repository::create(std::filesystem::canonical(folder)));
  const store::FolderLock lock = TRY(repository.lock());
  const Result<Fetched> fetched = fetch(repository, context, name);
  if (!fetched) {
    std::filesystem::remove_all(folder / ".slipway", ec);
    std::filesystem::remove(folder, ec);
    return fetched.error();
  }
  // The branch main, or the only one there is.
  std::string ref = given_ref;
  for (const ServerRef& at : fetched->refs) {
    if (given_ref.empty() && at.kind == RefKind::kBranch && (ref.empty() || at.name == "main"))
      ref = at.name;
  }
  if (ref.empty()) return Said{{{"folder", folder.string()}}, "the repository has no branch yet\n"};
  return checkout(repository, {.target = ref});
}

Result<Said> verify(Repository& repository, const Context& context, bool repairs) {
  Progress progress("MB", static_cast<std::int64_t>(repository.packs().bytes() >> 20));
  const versions::Verified verified =
      TRY(versions::verify(repository.packs(), threads(), [&](std::uint64_t bytes) {
        progress.at(static_cast<std::int64_t>(bytes >> 20), "read");
      }));
  std::string text =
      fmt::format("{} objects, {} read\n", verified.objects, in_bytes(verified.bytes));
  JsonArray damages;
  for (const Error& damage : repository.packs().damaged()) {
    text += damage.message + "\n";
    damages.emplace_back(JsonObject{{"what", damage.message}});
  }
  for (const versions::Damage& damage : verified.damages) {
    text += fmt::format("damaged: object {} in {} at {}\n", versions::to_hex(damage.digest),
                        damage.file, damage.offset);
    damages.emplace_back(JsonObject{{"object", versions::to_hex(damage.digest)},
                                    {"file", damage.file},
                                    {"offset", damage.offset}});
  }
  bool is_whole = damages.empty();
  Moved moved;
  if (!is_whole && repairs) {
    moved = TRY(repair(repository, context, verified.damages));
    text += fmt::format("{} objects, {} brought from the server\n", moved.objects,
                        in_bytes(moved.bytes));
  }
  // Whether all that the branches, tags and HEAD need is there.
  std::vector<Digest> roots;
  for (const versions::Ref& ref : TRY(repository.refs())) roots.push_back(ref.commit);
  if (const auto needed = versions::find_needed(repository.packs(), roots, {}); !needed) {
    is_whole = false;
    text += fmt::format("incomplete: {}\n", needed.error().message);
  } else if (repairs) {
    is_whole = true;
  }
  text += is_whole ? "whole\n" : "NOT whole; `slipway data verify --repair` asks the server\n";
  return Said{{{"objects", verified.objects},
               {"bytes", verified.bytes},
               {"damages", std::move(damages)},
               {"repaired", moved.objects},
               {"whole", is_whole}},
              std::move(text),
              is_whole ? kOk : kFailed};
}

}  // namespace slipway::cli
