// What versions of data consist of. Objects are bytes under the SHA-256 of themselves; what kind of
// object a digest names, whoever holds the digest knows. See docs/formats/data_versions.md.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/timestamp.h"

namespace slipway::versions {

using Digest = base::Sha256Digest;

struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t front;
    std::memcpy(&front, digest.data(), sizeof front);
    return front;
  }
};

std::string to_hex(const Digest& digest);
// kInvalidArgument: it is not 64 hex digits.
Result<Digest> parse_digest(std::string_view hex);

// A sequence of bytes of any length: one object, or the list of those that it was cut into.
struct Content {
  Digest digest{};
  bool is_list = false;
  std::uint64_t bytes = 0;
  bool operator==(const Content&) const = default;
};

struct Chunk {
  Digest digest{};
  std::uint32_t bytes = 0;
};

enum class EntryKind : std::uint8_t { kFile, kProgram, kLink, kFolder };
std::string_view kind_name(EntryKind kind);

// A name in a folder. A link's content is where it points to, a folder's its own list of entries.
struct Entry {
  std::string name;
  EntryKind kind = EntryKind::kFile;
  Content content;
  bool operator==(const Entry&) const = default;
};

struct Commit {
  Content folder;               // the list of the top folder's entries
  std::vector<Digest> parents;  // none of a first version, two after a merge
  std::string author, message;
  base::Timestamp time;
  std::uint64_t files = 0, bytes = 0;  // in all folders
};

// Each object as bytes, and back. What is read comes from outside: kCorruption says what is wrong.
// Of a folder: names are unique, in order, and such that they lead nowhere else.
std::string write_chunks(const std::vector<Chunk>& chunks);
Result<std::vector<Chunk>> read_chunks(std::string_view bytes);
std::string write_folder(const std::vector<Entry>& entries);
Result<std::vector<Entry>> read_folder(std::string_view bytes);
std::string write_commit(const Commit& commit);
inline constexpr std::string_view kCommitBegin = R"({"folder":)";  // of its bytes
Result<Commit> read_commit(std::string_view bytes);

// The object that says that the files of a commit were removed on purpose. Whoever knows the commit
// knows its digest, so its being there is all that is looked at.
std::string write_tombstone(const Digest& commit);
Digest tombstone_of(const Digest& commit);

// A name as people and JSON can have it: bytes that are no UTF-8 become \xNN. For a terminal
// control characters do, too.
enum class For { kJson, kTerminal };
std::string shown_name(std::string_view name, For whom);

// Whether a folder may hold it: not empty, ".", ".." or ".slipway", no '/' and no zero byte.
bool is_entry_name(std::string_view name);

}  // namespace slipway::versions
