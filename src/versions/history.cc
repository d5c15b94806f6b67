#include "versions/history.h"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "types/timestamp.h"

namespace slipway::versions {
namespace {

constexpr int kFolderDepthMax = 500;
constexpr std::uint64_t kHeldBytesMax = std::uint64_t{1} << 30;  // of a folder: 10 million entries

using Digests = DigestSet;

Result<void> list_into(const Packs& packs, const Content& folder, const std::string& prefix,
                       int depth, std::uint64_t& entries_left, std::vector<File>& files) {
  for (Entry& entry : TRY(read_folder_at(packs, folder, depth))) {
    if (entries_left-- == 0)
      return base::error(Code::kResourceExhausted, "the version has too many files to list");
    if (entry.kind == EntryKind::kFolder) {
      TRY(list_into(packs, entry.content, prefix + entry.name + '/', depth + 1, entries_left,
                    files));
    } else {
      files.push_back({prefix + entry.name, entry.kind, entry.content});
    }
  }
  return {};
}

// Files [from, to) share the first `depth` bytes of their paths, which end with '/'.
Result<Content> write_folder_of(PackWriter& writer, const std::vector<File>& files,
                                std::size_t from, std::size_t to, std::size_t depth) {
  std::vector<Entry> entries;
  while (from < to) {
    const std::string& path = files[from].path;
    const std::size_t slash = path.find('/', depth);
    if (slash == std::string::npos) {
      entries.push_back({path.substr(depth), files[from].kind, files[from].content});
      ++from;
      continue;
    }
    std::size_t end = from + 1;
    while (end < to && files[end].path.compare(0, slash + 1, path, 0, slash + 1) == 0) ++end;
    Entry entry{.name = path.substr(depth, slash - depth), .kind = EntryKind::kFolder};
    entry.content = TRY(write_folder_of(writer, files, from, end, slash + 1));
    entries.push_back(std::move(entry));
    from = end;
  }
  // "a.b" comes before "a/c" among paths, but after "a" among names.
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return writer.add_content(write_folder(entries));
}

// Folders that are in `walked` are whole.
bool is_tree_whole(const Packs& packs, const Content& folder, int depth, Digests& walked) {
  if (walked.contains(folder.digest)) return true;
  if (!is_whole(packs, folder)) return false;
  const auto entries = read_folder_at(packs, folder, depth);
  const bool is_all =
      entries && std::all_of(entries->begin(), entries->end(), [&](const Entry& entry) {
        return entry.kind == EntryKind::kFolder
                   ? is_tree_whole(packs, entry.content, depth + 1, walked)
                   : is_whole(packs, entry.content);
      });
  if (is_all) walked.insert(folder.digest);
  return is_all;
}

// What a walk has met. That bytes were met as one kind of object says nothing of them as another.
struct Met {
  Digests objects;
  Digests walked;  // with the kind mixed in
};

enum class Kind : unsigned char { kChunks = 1, kFolder, kCommit };

// Walks over objects, each once, and not over those of `known`.
class Collector {
 public:
  Collector(const Packs& packs, const Met& known, const DigestSet& without_files)
      : packs_(packs), known_(known), without_files_(without_files) {}

  Result<void> add_commits(std::vector<Digest> open) {
    while (!open.empty()) {
      const Digest digest = open.back();
      open.pop_back();
      TRY(take(digest));
      if (!enters(digest, Kind::kCommit)) continue;
      const Commit commit = TRY(read_commit(packs_, digest));
      const Digest tombstone = tombstone_of(digest);
      const bool goes = without_files_.contains(digest);
      if (goes ? packs_.find(tombstone).has_value() : is_expired(packs_, digest)) {
        TRY(take(tombstone));
      } else if (!goes) {
        if (Result<void> added = add_folder(commit.folder, 0); !added)
          return std::move(added).error().with_context("commit " + to_hex(digest).substr(0, 12));
      }
      open.insert(open.end(), commit.parents.begin(), commit.parents.end());
    }
    return {};
  }

  // What who has the commit `tip` has: it and all before it, and its own files. Of those before,
  // gc may have removed the files.
  Result<void> add_tip(const Digest& tip) {
    for (std::vector<Digest> open{tip}; !open.empty();) {
      const Digest digest = open.back();
      open.pop_back();
      TRY(take(digest));
      if (!enters(digest, Kind::kCommit)) continue;
      const Commit commit = TRY(read_commit(packs_, digest));
      open.insert(open.end(), commit.parents.begin(), commit.parents.end());
    }
    return add_folder(TRY(read_commit(packs_, tip)).folder, 0);
  }

  Met take_met() { return std::move(met_); }
  std::vector<Digest> take_found() { return std::move(found_); }

 private:
  Result<void> take(const Digest& digest) {
    if (known_.objects.contains(digest) || !met_.objects.insert(digest).second) return {};
    if (!packs_.find(digest)) return packs_.missing(digest);
    found_.push_back(digest);
    return {};
  }
  bool enters(Digest digest, Kind kind) {
    digest.back() ^= static_cast<std::byte>(kind);
    return !known_.walked.contains(digest) && met_.walked.insert(digest).second;
  }

  Result<void> add_content(const Content& content) {
    TRY(take(content.digest));
    if (!content.is_list || !enters(content.digest, Kind::kChunks)) return {};
    for (const Chunk& chunk : TRY(chunks_of(packs_, content))) TRY(take(chunk.digest));
    return {};
  }

  Result<void> add_folder(const Content& folder, int depth) {
    TRY(add_content(folder));
    if (!enters(folder.digest, Kind::kFolder)) return {};
    for (const Entry& entry : TRY(read_folder_at(packs_, folder, depth))) {
      Result<void> added = entry.kind == EntryKind::kFolder ? add_folder(entry.content, depth + 1)
                                                            : add_content(entry.content);
      if (!added) return std::move(added).error().with_context(entry.name);
    }
    return {};
  }

  const Packs& packs_;
  const Met& known_;
  const DigestSet& without_files_;
  Met met_;
  std::vector<Digest> found_;
};

}  // namespace

JsonObject to_json(const NamedCommit& named) {
  JsonArray parents;
  for (const Digest& parent : named.commit.parents) parents.emplace_back(to_hex(parent));
  return {{"commit", to_hex(named.digest)},
          {"parents", std::move(parents)},
          {"author", named.commit.author},
          {"message", named.commit.message},
          {"time", types::to_rfc3339(named.commit.time)},
          {"files", named.commit.files},
          {"bytes", named.commit.bytes}};
}

Result<std::vector<Chunk>> chunks_of(const Packs& packs, const Content& content) {
  if (!content.is_list)
    return std::vector<Chunk>{{content.digest, static_cast<std::uint32_t>(content.bytes)}};
  std::vector<Chunk> chunks = TRY(read_chunks(TRY(packs.read(content.digest))));
  std::uint64_t bytes = 0;
  for (const Chunk& chunk : chunks) bytes += chunk.bytes;
  if (bytes != content.bytes) {
    return base::error(Code::kCorruption, "chunks have {} bytes of {}: digest={}", bytes,
                       content.bytes, to_hex(content.digest));
  }
  return chunks;
}

bool is_whole(const Packs& packs, const Content& content) {
  const auto chunks = chunks_of(packs, content);
  return chunks && std::all_of(chunks->begin(), chunks->end(), [&](const Chunk& chunk) {
           return packs.find(chunk.digest).has_value();
         });
}

std::vector<NamedCommit> find_unnamed(std::vector<NamedCommit> all,
                                      const std::vector<Digest>& named) {
  std::unordered_map<Digest, const Commit*, DigestHash> known;
  for (const NamedCommit& one : all) known.emplace(one.digest, &one.commit);
  DigestSet others;  // than the last ones
  for (const NamedCommit& one : all)
    others.insert(one.commit.parents.begin(), one.commit.parents.end());
  DigestSet reached;
  for (std::vector<Digest> open = named; !open.empty();) {
    const Digest digest = open.back();
    open.pop_back();
    const auto found = known.find(digest);
    if (!reached.insert(digest).second || found == known.end()) continue;
    open.insert(open.end(), found->second->parents.begin(), found->second->parents.end());
  }
  std::erase_if(all, [&](const NamedCommit& one) {
    return others.contains(one.digest) || reached.contains(one.digest);
  });
  std::ranges::sort(all, std::greater(), [](const NamedCommit& one) { return one.commit.time; });
  return all;
}

Result<std::string> read_content(const Packs& packs, const Content& content) {
  if (!content.is_list) return packs.read(content.digest);
  if (content.bytes > kHeldBytesMax) {
    return base::error(Code::kResourceExhausted,
                       "a folder's list is too long: digest={} bytes={} bytes_max={}",
                       to_hex(content.digest), content.bytes, kHeldBytesMax);
  }
  std::string bytes;
  bytes.reserve(content.bytes);
  for (const Chunk& chunk : TRY(chunks_of(packs, content))) {
    const std::string read = TRY(packs.read(chunk.digest));
    if (read.size() != chunk.bytes) {
      return base::error(Code::kCorruption, "a chunk has {} bytes of {}: digest={}", read.size(),
                         chunk.bytes, to_hex(chunk.digest));
    }
    bytes += read;
  }
  return bytes;
}

Result<Commit> read_commit(const Packs& packs, const Digest& digest) {
  return read_commit(TRY(packs.read(digest)));
}

Result<std::vector<Entry>> read_folder_at(const Packs& packs, const Content& folder, int depth) {
  if (depth > kFolderDepthMax)
    return base::error(Code::kCorruption, "folders lie deeper than {} levels", kFolderDepthMax);
  return read_folder(TRY(read_content(packs, folder)));
}

Result<std::vector<File>> list_files(const Packs& packs, const Content& folder,
                                     std::uint64_t entries_max) {
  std::vector<File> files;
  TRY(list_into(packs, folder, "", 0, entries_max, files));
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

Result<Entry> find_entry(const Packs& packs, const Content& folder, std::string_view path) {
  Entry at{.kind = EntryKind::kFolder, .content = folder};
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    std::vector<Entry> entries;
    if (at.kind == EntryKind::kFolder)
      entries = TRY(read_folder(TRY(read_content(packs, at.content))));
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& e) { return e.name == name; });
    if (found == entries.end()) return base::error(Code::kNotFound, "no such path: {}", path);
    at = std::move(*found);
  }
  return at;
}

Result<Commit> write_files(PackWriter& writer, const std::vector<File>& files) {
  Commit commit{.files = files.size()};
  for (const File& file : files) commit.bytes += file.content.bytes;
  commit.folder = TRY(write_folder_of(writer, files, 0, files.size(), 0));
  return commit;
}

Result<Digest> write_commit(PackWriter& writer, const Commit& commit) {
  const std::string bytes = write_commit(commit);
  const Digest digest = base::sha256(bytes);
  TRY(writer.add(digest, bytes));
  return digest;
}

Result<void> walk_back(const Packs& packs, const Digest& from,
                       const std::function<bool(const NamedCommit&)>& each) {
  const auto older = [](const NamedCommit& a, const NamedCommit& b) {
    return a.commit.time < b.commit.time;
  };
  std::priority_queue<NamedCommit, std::vector<NamedCommit>, decltype(older)> open(older);
  Digests seen{from};
  open.push({from, TRY(read_commit(packs, from))});
  while (!open.empty()) {
    const NamedCommit newest = open.top();
    open.pop();
    if (!each(newest)) return {};
    for (const Digest& parent : newest.commit.parents) {
      if (seen.insert(parent).second) open.push({parent, TRY(read_commit(packs, parent))});
    }
  }
  return {};
}

Result<bool> is_ancestor(const Packs& packs, const Digest& older, const Digest& newer) {
  bool found = false;
  TRY(walk_back(packs, newer, [&](const NamedCommit& commit) {
    found = commit.digest == older;
    return !found;
  }));
  return found;
}

Result<std::optional<Digest>> common_ancestor(const Packs& packs, const Digest& a,
                                              const Digest& b) {
  Digests of_a;
  TRY(walk_back(packs, a, [&](const NamedCommit& commit) {
    of_a.insert(commit.digest);
    return true;
  }));
  std::optional<Digest> found;
  TRY(walk_back(packs, b, [&](const NamedCommit& commit) {
    if (of_a.contains(commit.digest)) found = commit.digest;
    return !found.has_value();
  }));
  return found;
}

Result<std::vector<Digest>> find_needed(const Packs& packs, const std::vector<Digest>& wanted,
                                        const std::vector<Digest>& known,
                                        const DigestSet& without_files) {
  Met met;
  for (const Digest& tip : known) {
    Collector passed_over(packs, met, without_files);
    if (!passed_over.add_tip(tip)) continue;  // it isn't whole
    Met more = passed_over.take_met();
    met.objects.merge(more.objects);
    met.walked.merge(more.walked);
  }
  Collector collector(packs, met, without_files);
  TRY(collector.add_commits(wanted));
  return collector.take_found();
}

bool has_files(const Packs& packs, const Digest& commit) {
  const auto read = read_commit(packs, commit);
  Digests walked;
  return read && is_tree_whole(packs, read->folder, 0, walked);
}

bool is_expired(const Packs& packs, const Digest& commit) {
  // A kill before anything was removed, or another version with the same files, leaves them.
  return packs.find(tombstone_of(commit)) && !has_files(packs, commit);
}

Result<Content> folder_of(const Packs& packs, const Digest& commit) {
  const Commit read = TRY(read_commit(packs, commit));
  if (!is_expired(packs, commit)) return read.folder;
  return base::error(Code::kNotFound,
                     "files of version {} were removed by gc; what is left of it is its message",
                     to_hex(commit).substr(0, 12));
}

KeepPolicy keep_policy(std::optional<std::uint64_t> last, std::optional<std::uint64_t> days,
                       base::Timestamp now) {
  KeepPolicy keep{.last = last, .since = {}};
  if (days) keep.since = now - base::Duration::days(static_cast<std::int64_t>(*days));
  return keep;
}

Result<std::vector<Digest>> find_expired(const Packs& packs, const std::vector<Digest>& named,
                                         const std::vector<Digest>& branches,
                                         const KeepPolicy& policy) {
  std::vector<Digest> expired;
  if (!policy.last && !policy.since) return expired;
  Digests stay(named.begin(), named.end());
  for (const Digest& branch : branches) {
    std::uint64_t count = 0;
    TRY(walk_back(packs, branch, [&](const NamedCommit& commit) {
      const bool is_new = policy.since && commit.commit.time >= *policy.since;
      if (count++ < policy.last.value_or(0) || is_new) stay.insert(commit.digest);
      return true;
    }));
  }
  Digests seen;
  for (const Digest& from : named) {
    TRY(walk_back(packs, from, [&](const NamedCommit& commit) {
      const bool goes = seen.insert(commit.digest).second && !stay.contains(commit.digest);
      if (goes && !is_expired(packs, commit.digest)) expired.push_back(commit.digest);
      return true;
    }));
  }
  return expired;
}

}  // namespace slipway::versions
