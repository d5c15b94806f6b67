#include "versions/content.h"

#include <strings.h>

#include <algorithm>

#include "base/json.h"
#include "base/json_document.h"
#include "types/timestamp.h"

namespace slipway::versions {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kChunkBytes = kDigestBytes + 4;
constexpr std::size_t kEntryBytes = 2 + 4 + 8 + kDigestBytes;  // before the name

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
void put(std::string& out, const Digest& digest) {
  out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
}

// Reads numbers (little endian) from the front; the caller has seen that they are there.
template <typename T>
T take(std::string_view& bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  bytes.remove_prefix(sizeof value);
  return value;
}
Digest take_digest(std::string_view& bytes) {
  Digest digest;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  bytes.remove_prefix(digest.size());
  return digest;
}

Result<Digest> digest_member(const JsonObject& object, std::string_view name) {
  return parse_digest(TRY(base::get_string(object, name)));
}

Result<std::uint64_t> count_member(const JsonObject& object, std::string_view name) {
  const std::int64_t count = TRY(base::get_int(object, name));
  if (count < 0) return base::error(Code::kCorruption, "{} is negative", name);
  return static_cast<std::uint64_t>(count);
}

}  // namespace

std::string to_hex(const Digest& digest) { return base::to_hex(digest); }

Result<Digest> parse_digest(std::string_view hex) {
  const auto bytes = base::from_hex(hex);
  Digest digest;
  if (!bytes || bytes->size() != digest.size())
    return base::error(Code::kInvalidArgument, "not 64 hex digits: {}", hex.substr(0, 80));
  std::memcpy(digest.data(), bytes->data(), digest.size());
  return digest;
}

std::string_view kind_name(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return "file";
    case EntryKind::kProgram:
      return "program";
    case EntryKind::kLink:
      return "link";
    case EntryKind::kFolder:
      return "folder";
  }
  return "";
}

std::string shown_name(std::string_view name, For whom) {
  const bool is_text = base::is_utf8(name);
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = byte < 0x20 || byte == 0x7f;
    if ((!is_text && byte >= 0x80) || (is_control && whom == For::kTerminal)) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string write_tombstone(const Digest& commit) {
  return fmt::format("the files of this commit were removed\n{}\n", to_hex(commit));
}

Digest tombstone_of(const Digest& commit) { return base::sha256(write_tombstone(commit)); }

bool is_entry_name(std::string_view name) {
  // Of a folder that others write into, nothing may come to where git keeps its hooks.
  const auto is_called = [&](std::string_view other) {
    return name.size() == other.size() &&
           ::strncasecmp(name.data(), other.data(), name.size()) == 0;
  };
  const bool is_ours = is_called(".slipway") || is_called(".git");
  return !name.empty() && name != "." && name != ".." && !is_ours &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

std::string write_chunks(const std::vector<Chunk>& chunks) {
  std::string out;
  out.reserve(chunks.size() * kChunkBytes);
  for (const Chunk& chunk : chunks) {
    put(out, chunk.digest);
    put(out, chunk.bytes);
  }
  return out;
}

Result<std::vector<Chunk>> read_chunks(std::string_view bytes) {
  if (bytes.size() % kChunkBytes != 0)
    return base::error(Code::kCorruption, "a list of chunks breaks off: bytes={}", bytes.size());
  std::vector<Chunk> chunks(bytes.size() / kChunkBytes);
  for (Chunk& chunk : chunks) {
    chunk.digest = take_digest(bytes);
    chunk.bytes = take<std::uint32_t>(bytes);
  }
  return chunks;
}

std::string write_folder(const std::vector<Entry>& entries) {
  std::string out;
  out.reserve(entries.size() * (kEntryBytes + 16));
  for (const Entry& entry : entries) {
    put(out, static_cast<std::uint8_t>(entry.kind));
    put(out, static_cast<std::uint8_t>(entry.content.is_list));
    put(out, static_cast<std::uint32_t>(entry.name.size()));
    put(out, entry.content.bytes);
    put(out, entry.content.digest);
    out += entry.name;
  }
  return out;
}

Result<std::vector<Entry>> read_folder(std::string_view bytes) {
  std::vector<Entry> entries;
  while (!bytes.empty()) {
    if (bytes.size() < kEntryBytes) return base::error(Code::kCorruption, "a folder breaks off");
    const auto kind = take<std::uint8_t>(bytes), is_list = take<std::uint8_t>(bytes);
    const auto length = take<std::uint32_t>(bytes);
    if (kind > static_cast<std::uint8_t>(EntryKind::kFolder) || is_list > 1)
      return base::error(Code::kCorruption, "a folder has an unknown kind of entry: {}", kind);
    Entry entry{.kind = static_cast<EntryKind>(kind)};
    entry.content.is_list = is_list == 1;
    entry.content.bytes = take<std::uint64_t>(bytes);
    entry.content.digest = take_digest(bytes);
    if (bytes.size() < length) return base::error(Code::kCorruption, "a folder breaks off");
    entry.name = bytes.substr(0, length);
    bytes.remove_prefix(length);
    if (!is_entry_name(entry.name) || (!entries.empty() && entries.back().name >= entry.name)) {
      return base::error(Code::kCorruption, "a folder has a name that it can't have: {}",
                         entry.name.substr(0, 80));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string write_commit(const Commit& commit) {
  JsonArray parents;
  for (const Digest& parent : commit.parents) parents.emplace_back(to_hex(parent));
  return base::to_text(JsonObject{{"folder", to_hex(commit.folder.digest)},
                                  {"folder_is_list", commit.folder.is_list},
                                  {"folder_bytes", commit.folder.bytes},
                                  {"parents", std::move(parents)},
                                  {"author", commit.author},
                                  {"message", commit.message},
                                  {"time", types::to_rfc3339(commit.time)},
                                  {"files", commit.files},
                                  {"bytes", commit.bytes}});
}

Result<Commit> read_commit(std::string_view bytes) {
  const auto read = [&]() -> Result<Commit> {
    const JsonObject object = TRY(base::parse_json_object(bytes));
    Commit commit;
    commit.folder.digest = TRY(digest_member(object, "folder"));
    commit.folder.bytes = TRY(count_member(object, "folder_bytes"));
    commit.folder.is_list = TRY(base::find_bool(object, "folder_is_list")).value_or(false);
    commit.author = TRY(base::get_string(object, "author"));
    commit.message = TRY(base::get_string(object, "message"));
    commit.time = TRY(types::parse_rfc3339(TRY(base::get_string(object, "time"))));
    commit.files = TRY(count_member(object, "files"));
    commit.bytes = TRY(count_member(object, "bytes"));
    const Json* const parents = object.if_contains("parents");
    if (parents == nullptr || !parents->is_array())
      return base::error(Code::kCorruption, "parents is no list");
    for (const Json& parent : parents->get_array()) {
      commit.parents.push_back(
          TRY(parse_digest(parent.is_string() ? std::string_view(parent.get_string()) : "")));
    }
    return commit;
  };
  Result<Commit> commit = read();
  if (!commit) return base::error(Code::kCorruption, "not a commit: {}", commit.error().message);
  return commit;
}

}  // namespace slipway::versions
