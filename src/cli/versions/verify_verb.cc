#include "cli/versions/verify_verb.h"

#include <optional>

#include "cli/table.h"
#include "cli/versions/exchange.h"
#include "cli/versions/server_verbs.h"
#include "types/timestamp.h"
#include "versions/add.h"
#include "versions/examine.h"

namespace slipway::cli {

using versions::Digest;
using versions::RefKind;
using versions::Repository;

namespace {

constexpr std::size_t kUnnamedShown = 10;

// One verify() of a repository here, step by step.
class Verify {
 public:
  Verify(Repository& repository, const Context& context)
      : repository_(repository), context_(context) {}

  Result<Said> run(bool repairs) {
    TRY(look());
    if (!is_whole() && repairs) {
      // What was found is told, however far this comes: damaged objects may be gone by then.
      if (const Result<void> done = repair(); !done) give_up(done.error());
    }
    if (!lost_.objects.empty()) {
      versions::Examined rest;
      rest.affected = lost_;
      if (repairs) text_ += damage_text(to_json(rest));
      text_ += "incomplete: " + missing() + "\n";
    }
    if (is_whole()) {
      text_ += "whole\n";
    } else if (given_up_) {
      text_ += "NOT whole: not all was tried; `slipway data verify --repair` again goes on\n";
    } else if (repairs) {
      text_ += "NOT whole: neither the folder nor a server has the rest\n";
    } else {
      text_ += "NOT whole; `slipway data verify --repair` asks the folder and the server\n";
    }
    return Said{{{"objects", examined_.read.objects},
                 {"bytes", examined_.read.bytes},
                 {"damages", std::move(damages_)},
                 {"unread", std::move(unread_)},
                 {"unnamed", std::move(unnamed_)},
                 {"affected", std::move(affected_)},
                 {"files_read", files_read_},
                 {"repaired", moved_.objects},
                 {"missing", missing()},
                 {"whole", is_whole()},
                 {"error", given_up_ ? Json(given_up_->message) : Json()}},
                std::move(text_),
                is_whole() ? kOk : kFailed};
  }

 private:
  void give_up(const Error& why) {
    text_ += why.message + "\n";
    given_up_ = why;
  }

  bool is_whole() const {
    return bad_refs_.empty() && !are_names_gone_ && !is_index_bad_ && is_read_whole_ &&
           lost_.objects.empty() && links_.empty() && files_.empty();
  }

  std::string missing() const {
    if (lost_.objects.empty()) return "";
    std::string text = fmt::format("{} objects are missing", lost_.objects.size());
    if (lost_.parts.empty()) return text;
    const std::string& first = lost_.parts[0].path;
    return text + ", of " +
           (first.empty() ? "a commit" : versions::shown_name(first, versions::For::kJson));
  }

  void tell(std::string what, JsonObject json) {
    text_ += what + "\n";
    json["what"] = std::move(what);
    damages_.emplace_back(std::move(json));
  }

  Result<std::vector<versions::File>> added() {
    auto index = versions::WorkIndex::load(versions::index_file(repository_));
    is_index_bad_ = !index && index.error().code == Code::kCorruption;
    if (is_index_bad_) return std::vector<versions::File>();
    return TRY(std::move(index)).content();
  }

  Result<void> look() {
    Progress progress("MB", static_cast<std::int64_t>(repository_.packs().bytes() >> 20));
    versions::Repository::Names names = TRY(repository_.read_names());
    bad_refs_ = std::move(names.damaged);
    versions::Examination what;
    what.named = names.commits;
    what.added = TRY(added());
    what.threads = threads();
    what.progress = [&](std::uint64_t bytes) {
      progress.at(static_cast<std::int64_t>(bytes >> 20), "read");
    };
    examined_ = versions::examine(repository_.packs(), what);
    is_read_whole_ =
        examined_.read.damages.empty() && !examined_.read.unread && examined_.packs.empty();
    JsonObject json = to_json(examined_);
    text_ = fmt::format("{} objects, {} read\n", examined_.read.objects,
                        in_bytes(examined_.read.bytes)) +
            damage_text(json);
    damages_ = json["damages"].as_array();
    unread_ = json["unread"];
    affected_ = json["affected"].as_array();
    lost_ = examined_.affected;
    const versions::DigestSet damaged = damaged_objects(examined_);
    std::erase_if(lost_.objects, [&](const Digest& one) { return damaged.contains(one); });
    std::erase_if(lost_.parts, [&](const auto& part) { return damaged.contains(part.object); });
    tell_unnamed(names.commits);
    for (const auto& ref : bad_refs_) tell(ref.what.message, {{"file", ref.file.string()}});
    const std::string index = versions::index_file(repository_).string();
    if (is_index_bad_) {
      tell(index + " is damaged: --repair makes it anew of HEAD", {{"file", index}});
      return {};
    }
    return look_at_files();
  }

  // A branch may have been lost; where nothing is named at all, all of them were.
  void tell_unnamed(const std::vector<Digest>& named) {
    std::vector<versions::NamedCommit> unnamed =
        versions::find_unnamed(std::move(examined_.read.commits), named);
    are_names_gone_ = named.empty() && bad_refs_.empty() && !unnamed.empty();
    const std::size_t count = unnamed.size();
    unnamed.resize(std::min(count, kUnnamedShown));
    for (const auto& [digest, commit] : unnamed) {
      const std::string hex = versions::to_hex(digest);
      text_ += fmt::format(
          "no branch, tag or HEAD has commit {0} of {1} ({2}): `slipway data branch {3} {0}` keeps "
          "it, gc removes it\n",
          hex, types::to_rfc3339(commit.time),
          shown(commit.message.substr(0, commit.message.find('\n'))),
          are_names_gone_ ? versions::kFirstBranch : "NAME");
      unnamed_.emplace_back(hex);
    }
    if (count > unnamed.size()) text_ += fmt::format("... and {} more\n", count - unnamed.size());
  }

  // Of the cache and of the folder, as the index has them.
  Result<void> look_at_files() {
    links_ = TRY(versions::verify_links(repository_));
    for (const versions::DamagedLink& damage : links_) {
      JsonArray paths;
      for (const std::string& path : damage.links)
        paths.emplace_back(versions::shown_name(path, versions::For::kJson));
      tell(
          fmt::format("{}: {} of the cache{}", damage.is_edited ? "edited" : "damaged", damage.file,
                      damage.links.empty() ? "" : ", which is " + shown(damage.links.front())),
          {{"file", damage.file}, {"links", std::move(paths)}});
    }
    files_ = TRY(versions::verify_files(repository_, threads()));
    for (const std::string& path : files_) {
      tell(fmt::format("damaged: {} of the folder is not what was added, or can't be read, and "
                       "nobody has changed it",
                       shown(path)),
           {{"file", versions::shown_name(path, versions::For::kJson)}});
    }
    return {};
  }

  Result<versions::AffectedParts> find_lost() {
    return versions::find_affected(
        repository_.packs(), TRY(repository_.read_names()).commits, TRY(added()),
        [&](const Digest& digest) { return !repository_.packs().find(digest); });
  }

  Result<void> repair() {
    if (!bad_refs_.empty()) TRY(repair_refs());
    const bool was_index_bad = is_index_bad_;
    if (was_index_bad) is_index_bad_ = !remake_index();
    TRY(repair_objects());
    if (is_index_bad_) is_index_bad_ = !remake_index();  // of what came
    if (was_index_bad && !is_index_bad_) {
      text_ += "the index is that of HEAD: what was added and not committed is to be added again\n";
      TRY(look_at_files());
    }
    Progress progress("files", std::nullopt);
    const auto options = checkout_options(true, progress);
    if (!links_.empty() && lost_.objects.empty()) {
      TRY(versions::replace_links(repository_, links_, options));
      text_ += fmt::format(
          "{} files of the cache put right, their links made anew unless they were edited\n",
          links_.size());
      links_.clear();
    }
    if (const std::uint64_t count = files_.size(); count > 0) {
      files_ = TRY(versions::replace_files(repository_, files_, options));
      text_ += fmt::format("{} files of the folder written anew\n", count - files_.size());
      for (const std::string& path : files_) {
        text_ += fmt::format("{} stays as it is: its content is missing, or somebody changes it\n",
                             shown(path));
      }
    }
    return {};
  }

  // What is damaged goes; what is missing then is read from the working folder, as far as it has
  // it, and asked of the server, as far as that has it whole.
  Result<void> repair_objects() {
    TRY(versions::drop_damaged(repository_.packs(), examined_.read));
    TRY(repository_.reopen_packs());
    is_read_whole_ = true;
    if (!is_index_bad_) {
      const auto read = versions::read_again(repository_, {.threads = threads(), .progress = {}});
      if (!read) give_up(read.error());
      files_read_ = read.value_or(0);
    }
    lost_ = TRY(find_lost());
    if (const Result<void> fetched = fetch_lost(); !fetched) give_up(fetched.error());
    text_ += fmt::format("{} files read again, {} objects, {} brought from the server\n",
                         files_read_, moved_.objects, in_bytes(moved_.bytes));
    return {};
  }

  // From the server, as far as it has the repository.
  Result<void> fetch_lost() {
    const std::string name = TRY(repository_.remote());
    if (lost_.objects.empty() || name.empty()) return {};
    Exchange exchange(context_, repository_, name, BytesMoved("received"));
    versions::DigestSet asked;
    // What came may name more that is missing.
    for (;;) {
      std::vector<Digest> wanted;
      for (const Digest& digest : lost_.objects) {
        if (asked.insert(digest).second) wanted.push_back(digest);
      }
      if (wanted.empty()) return {};
      const Moved moved = TRY(exchange.fetch_whole(wanted));
      moved_.objects += moved.objects;
      moved_.bytes += moved.bytes;
      lost_ = TRY(find_lost());
    }
  }

  // Of HEAD's files; whether they are the same is seen by reading them. Fails where HEAD's files
  // can't be listed.
  Result<void> remake_index() {
    const versions::Head head = TRY(repository_.head());
    std::vector<versions::IndexedFile> files;
    if (head.commit) {
      const versions::Packs& packs = repository_.packs();
      const versions::Content folder = TRY(versions::folder_of(packs, *head.commit));
      for (versions::File& file : TRY(versions::list_files(packs, folder)))
        files.push_back({std::move(file), {}});
    }
    return versions::WorkIndex(std::move(files)).save(versions::index_file(repository_));
  }

  // Branches come back from origin's, those and tags from the server.
  Result<void> repair_refs() {
    std::vector<ServerRef> there;
    if (const std::string name = TRY(repository_.remote()); !name.empty()) {
      Exchange exchange(context_, repository_, name, BytesMoved("received"));
      const auto refs = exchange.refs();
      if (refs) there = refs->value_or(std::vector<ServerRef>());
    }
    const auto find = [&](RefKind kind, const std::string& name) -> std::optional<Digest> {
      const auto origin = repository_.find_ref(RefKind::kRemote, name);
      if (kind == RefKind::kBranch && origin && *origin) return *origin;
      for (const ServerRef& ref : there) {
        if (ref.name == name && (ref.kind == RefKind::kTag) == (kind == RefKind::kTag))
          return ref.commit;
      }
      return std::nullopt;
    };
    std::vector<Repository::DamagedRef> rest;
    for (Repository::DamagedRef& ref : bad_refs_) {
      if (ref.is_head) {
        TRY(repository_.set_head({.branch = versions::kFirstBranch, .commit = {}}));
        text_ += fmt::format(
            "HEAD is branch {0} again: `slipway data checkout BRANCH` if it was "
            "another one\n",
            versions::kFirstBranch);
      } else if (const auto commit = find(ref.kind, ref.name)) {
        TRY(repository_.set_ref({ref.kind, ref.name, *commit}));
        text_ += fmt::format(
            "{} is {} again, as the server has it: commits that were not pushed "
            "are not in it\n",
            ref.file.string(), shown(*commit));
      } else if (ref.kind == RefKind::kRemote) {
        TRY(repository_.remove_ref(ref.kind, ref.name));  // a pull brings it
      } else {
        rest.push_back(std::move(ref));
      }
    }
    bad_refs_ = std::move(rest);
    return {};
  }

  Repository& repository_;
  const Context& context_;
  std::string text_;
  JsonArray damages_, affected_;
  Json unread_;
  std::vector<Repository::DamagedRef> bad_refs_;
  bool is_index_bad_ = false, is_read_whole_ = true;
  JsonArray unnamed_;              // the last commits of what nothing names
  bool are_names_gone_ = false;    // and nothing is named
  std::optional<Error> given_up_;  // why not all was tried
  versions::Examined examined_;
  versions::AffectedParts lost_;
  std::vector<versions::DamagedLink> links_;
  std::vector<std::string> files_;  // of the folder, damaged
  std::uint64_t files_read_ = 0;
  Moved moved_;
};

// Sends what is damaged or missing there and whole here. Gives how much.
Result<Moved> mend_there(Exchange& exchange, const Repository& repository, const Json& found) {
  const versions::Packs& packs = repository.packs();
  std::vector<Digest> dropped;
  bool has_bad_packs = false;  // in which nothing can be found, or only a part
  for (const Json& damage : list_at(found, "damages")) {
    const auto digest = versions::parse_digest(text_at(damage, "object"));
    if (!digest) {
      has_bad_packs = true;
    } else if (packs.read(*digest)) {
      dropped.push_back(*digest);
    }
  }
  if (has_bad_packs || !dropped.empty()) TRY(exchange.drop_damaged(dropped));
  const versions::DigestSet read(dropped.begin(), dropped.end());
  versions::DigestSet needed = read;
  for (const Json& object : list_at(found, "missing_objects")) {
    const auto digest = versions::parse_digest(cell(object));
    if (digest && packs.find(*digest)) needed.insert(*digest);
  }
  // Also what nothing there names any more, as the rest of a folder that was damaged.
  for (const ServerRef& ref : TRY(exchange.refs()).value_or(std::vector<ServerRef>())) {
    if (const auto all = versions::find_needed(packs, {ref.commit}, {}))
      needed.insert(all->begin(), all->end());
  }
  std::vector<Digest> missing = TRY(exchange.missing_there({needed.begin(), needed.end()}));
  std::erase_if(
      missing, [&](const Digest& digest) { return !read.contains(digest) && !packs.read(digest); });
  return exchange.send_objects(missing);
}

}  // namespace

Result<Said> verify(Repository& repository, const Context& context, bool repairs) {
  return Verify(repository, context).run(repairs);
}

Result<Said> verify_there(const Context& context, const std::string& name, Repository* repository,
                          bool repairs) {
  Client client(context);
  Json found = TRY(examine_there(client, name, std::nullopt));
  const auto is_whole = [&] { return member_at(found, "whole") == Json(true); };
  std::string text = fmt::format("{} there: {} objects, {} read\n", name,
                                 base::to_text(member_at(found, "objects")),
                                 in_bytes(member_at(found, "bytes").to_number<std::uint64_t>())) +
                     damage_text(found);
  Moved moved;
  if (!is_whole() && repairs) {
    const Json before = found;
    Exchange exchange(context, *repository, name, BytesMoved("sent"));
    moved = TRY(mend_there(exchange, *repository, found));
    found = TRY(examine_there(client, name, std::nullopt));
    text += fmt::format("{} objects, {} sent\n", moved.objects, in_bytes(moved.bytes)) +
            damage_text(found);
    found.as_object()["damages"] = member_at(before, "damages");
  }
  text += is_whole() ? "whole\n"
          : repairs
              ? "NOT whole: the rest is not here, or damaged here, too; another copy may have it\n"
              : "NOT whole; `slipway data verify --cloud --repair` sends it from a copy here\n";
  JsonObject json = found.as_object();
  json["repository"] = name;
  json["repaired"] = moved.objects;
  return Said{std::move(json), std::move(text), is_whole() ? kOk : kFailed};
}

}  // namespace slipway::cli
