// Reading versions: what a commit holds, what came before it, what it needs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "versions/packs.h"

namespace slipway::versions {

// A file, program or link of a version, by its path from the top, with '/'.
struct File {
  std::string path;
  EntryKind kind = EntryKind::kFile;
  Content content;
  bool operator==(const File&) const = default;
};

struct NamedCommit {
  Digest digest{};
  Commit commit;
};

JsonObject to_json(const NamedCommit& named);

// Those of `all` that no commit of `named` is or comes from, and none of `all` comes from: newest
// first.
std::vector<NamedCommit> find_unnamed(std::vector<NamedCommit> all,
                                      const std::vector<Digest>& named);

// All of these fail as Packs::read.
Result<std::string> read_content(const Packs& packs, const Content& content);
// The objects that hold its bytes, in order.
Result<std::vector<Chunk>> chunks_of(const Packs& packs, const Content& content);
// Whether all of them are there.
bool is_whole(const Packs& packs, const Content& content);
Result<Commit> read_commit(const Packs& packs, const Digest& digest);
// A folder that lies `depth` folders below the top one. kCorruption also: too deep.
Result<std::vector<Entry>> read_folder_at(const Packs& packs, const Content& folder, int depth);
// Whether the files of a commit are all there.
bool has_files(const Packs& packs, const Digest& commit);
// Whether gc has removed files of a commit.
bool is_expired(const Packs& packs, const Digest& commit);
// The top folder of a commit. kNotFound: gc has removed files of it.
Result<Content> folder_of(const Packs& packs, const Digest& commit);

// All files below a folder, by path. kResourceExhausted: there are more than `entries_max` of them
// and their folders. A few objects can stand for any number of files.
inline constexpr std::uint64_t kEntriesMax = 100'000'000;
Result<std::vector<File>> list_files(const Packs& packs, const Content& folder,
                                     std::uint64_t entries_max = kEntriesMax);
// What is at `path`, "" being the folder itself.
Result<Entry> find_entry(const Packs& packs, const Content& folder, std::string_view path);

// Makes the folders that hold `files`, which are ordered by path. Gives the top one, with the
// number of files and of their bytes.
Result<Commit> write_files(PackWriter& writer, const std::vector<File>& files);
Result<Digest> write_commit(PackWriter& writer, const Commit& commit);

// A commit and those before it, newest first, until `limit` of them or until `each` gives false.
Result<void> walk_back(const Packs& packs, const Digest& from,
                       const std::function<bool(const NamedCommit&)>& each);
Result<bool> is_ancestor(const Packs& packs, const Digest& older, const Digest& newer);
// The newest commit that both come from.
Result<std::optional<Digest>> common_ancestor(const Packs& packs, const Digest& a, const Digest& b);

// Every object that the commits `wanted` and those before them need and the commits `known` don't.
// As Packs::missing(): one is missing, named with what needs it. Of the known ones the files of
// those before them count as needed, gc may have removed them there; one that isn't whole is passed
// over. Of a commit that is expired its tombstone (content.h) is needed instead of its
// files, and neither of the commits `without_files`.
using DigestSet = std::unordered_set<Digest, DigestHash>;
Result<std::vector<Digest>> find_needed(const Packs& packs, const std::vector<Digest>& wanted,
                                        const std::vector<Digest>& known,
                                        const DigestSet& without_files = {});

// Which commits' files stay: those that something names, and of each branch those that either of
// these holds of. Neither: all.
struct KeepPolicy {
  std::optional<std::uint64_t> last;     // so many of the newest
  std::optional<base::Timestamp> since;  // as new as that
};
inline constexpr std::int64_t kKeptMax = 100'000'000;  // of either
KeepPolicy keep_policy(std::optional<std::uint64_t> last, std::optional<std::uint64_t> days,
                       base::Timestamp now);
// `named` and the commits before them whose files the policy lets go and aren't gone yet.
Result<std::vector<Digest>> find_expired(const Packs& packs, const std::vector<Digest>& named,
                                         const std::vector<Digest>& branches,
                                         const KeepPolicy& policy);

}  // namespace slipway::versions
