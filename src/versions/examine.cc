#include "versions/examine.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace slipway::versions {
namespace {

class Search {
 public:
  Search(const Packs& packs, const std::function<bool(const Digest&)>& is_bad)
      : packs_(packs), is_bad_(is_bad) {}

  AffectedParts run(const std::vector<Digest>& named, const std::vector<File>& added) {
    std::vector<NamedCommit> commits = read_commits(named);
    std::stable_sort(commits.begin(), commits.end(),
                     [](const auto& a, const auto& b) { return a.commit.time > b.commit.time; });
    for (const auto& [digest, commit] : commits) {
      if (is_expired(packs_, digest)) continue;
      for (const auto& [object, path] : look_into(commit.folder, 0))
        tell(object, path.empty() ? "/" : path, digest);
    }
    Parts of_files;
    for (const File& file : added) look_at(file.content, file.path, of_files);
    for (const auto& [object, path] : of_files) {
      if (!told_.contains({object, path})) tell(object, path, std::nullopt);
    }
    return std::move(found_);
  }

 private:
  using Parts = std::vector<std::pair<Digest, std::string>>;  // objects and paths

  std::vector<NamedCommit> read_commits(const std::vector<Digest>& named) {
    std::vector<NamedCommit> commits;
    DigestSet seen;
    for (std::vector<Digest> open = named; !open.empty();) {
      const Digest digest = open.back();
      open.pop_back();
      if (!seen.insert(digest).second) continue;
      Result<Commit> commit = read_commit(packs_, digest);
      if (!commit || is_bad_(digest)) {
        found_.objects.insert(digest);
        tell(digest, "", digest);
      }
      if (!commit) continue;
      open.insert(open.end(), commit->parents.begin(), commit->parents.end());
      commits.push_back({digest, std::move(*commit)});
    }
    return commits;
  }

  void tell(const Digest& object, const std::string& path, const std::optional<Digest>& commit) {
    auto at = told_.find({object, path});
    if (at == told_.end()) {
      found_.is_cut = found_.is_cut || found_.parts.size() == AffectedParts::kPartsMax;
      if (found_.parts.size() == AffectedParts::kPartsMax) return;
      at = told_.emplace(std::pair(object, path), found_.parts.size()).first;
      found_.parts.push_back({object, path, commit});
    }
    if (commit) ++found_.parts[at->second].versions;
  }

  void note(const Digest& object, const std::string& path, Parts& parts) {
    found_.objects.insert(object);
    if (parts.size() < AffectedParts::kFolderPartsMax) {
      parts.emplace_back(object, path);
    } else {
      found_.is_cut = true;
    }
  }

  void look_at(const Content& content, const std::string& path, Parts& parts) {
    if (is_bad_(content.digest)) note(content.digest, path, parts);
    if (!content.is_list) return;
    const auto [at, is_new] = lists_.try_emplace(content.digest);
    if (is_new) {
      if (const auto chunks = chunks_of(packs_, content)) {
        for (const Chunk& chunk : *chunks) {
          if (is_bad_(chunk.digest)) at->second.push_back(chunk.digest);
        }
      }
    }
    for (const Digest& chunk : at->second) note(chunk, path, parts);
  }

  // Of a folder and what is in it; paths from there.
  const Parts& look_into(const Content& folder, int depth) {
    if (const auto known = folders_.find(folder.digest); known != folders_.end())
      return known->second;
    Parts parts;
    look_at(folder, "", parts);
    if (const auto entries = read_folder_at(packs_, folder, depth)) {
      for (const Entry& entry : *entries) {
        if (entry.kind != EntryKind::kFolder) {
          look_at(entry.content, entry.name, parts);
          continue;
        }
        for (const auto& [object, path] : look_into(entry.content, depth + 1))
          note(object, entry.name + '/' + path, parts);
      }
    }
    return folders_.emplace(folder.digest, std::move(parts)).first->second;
  }

  const Packs& packs_;
  const std::function<bool(const Digest&)>& is_bad_;
  std::unordered_map<Digest, Parts, DigestHash> folders_;              // those looked into
  std::unordered_map<Digest, std::vector<Digest>, DigestHash> lists_;  // bad chunks
  std::map<std::pair<Digest, std::string>, std::size_t> told_;         // where in found_.parts
  AffectedParts found_;
};

}  // namespace

AffectedParts find_affected(const Packs& packs, const std::vector<Digest>& named,
                            const std::vector<File>& added,
                            const std::function<bool(const Digest&)>& is_bad) {
  return Search(packs, is_bad).run(named, added);
}

DigestSet damaged_objects(const Examined& examined) {
  DigestSet damaged;
  for (const Damage& damage : examined.read.damages) damaged.insert(damage.object.digest);
  return damaged;
}

Examined examine(const Packs& packs, const Examination& examination) {
  Examined examined;
  const bool is_all = !examination.only;
  examined.read = verify(packs, examination.threads, examination.progress,
                         is_all ? nullptr : &*examination.only);
  if (is_all) {
    for (const Error& error : packs.damaged()) examined.packs.push_back(error.message);
  }
  const DigestSet damaged = damaged_objects(examined);
  if (!is_all && damaged.empty()) return examined;
  examined.affected =
      find_affected(packs, examination.named, examination.added, [&](const Digest& digest) {
        return damaged.contains(digest) || (is_all && !packs.find(digest));
      });
  return examined;
}

JsonObject to_json(const Examined& examined) {
  JsonArray damages, affected, missing;
  for (const std::string& pack : examined.packs) damages.emplace_back(JsonObject{{"what", pack}});
  for (const Damage& damage : examined.read.damages) {
    damages.emplace_back(JsonObject{{"object", to_hex(damage.object.digest)},
                                    {"file", damage.file},
                                    {"offset", damage.object.place.offset}});
  }
  const DigestSet damaged = damaged_objects(examined);
  for (const Affected& part : examined.affected.parts) {
    affected.emplace_back(JsonObject{{"object", to_hex(part.object)},
                                     {"missing", !damaged.contains(part.object)},
                                     {"path", shown_name(part.path, For::kJson)},
                                     {"newest", part.newest ? Json(to_hex(*part.newest)) : Json()},
                                     {"versions", part.versions}});
  }
  for (const Digest& object : examined.affected.objects) {
    if (!damaged.contains(object)) missing.emplace_back(to_hex(object));
  }
  return {{"objects", examined.read.objects},
          {"bytes", examined.read.bytes},
          {"damages", std::move(damages)},
          {"unread", examined.read.unread ? Json(examined.read.unread->message) : Json()},
          {"affected", std::move(affected)},
          {"affected_cut", examined.affected.is_cut},
          {"missing_objects", std::move(missing)},
          {"whole", examined.is_whole()}};
}

}  // namespace slipway::versions
