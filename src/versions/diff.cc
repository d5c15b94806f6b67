#include "versions/diff.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace slipway::versions {
namespace {

constexpr std::size_t kConflictsNamedMax = 10;

using FilesByPath = std::map<std::string_view, const File*>;

FilesByPath by_path(const std::vector<File>& files) {
  FilesByPath map;
  for (const File& file : files) map.emplace_hint(map.end(), file.path, &file);
  return map;
}

const File* find(const FilesByPath& files, std::string_view path) {
  const auto found = files.find(path);
  return found == files.end() ? nullptr : found->second;
}

bool is_same(const File* a, const File* b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

void find_moves(std::vector<FileChange>& changes) {
  std::unordered_map<Digest, std::size_t, DigestHash> gone;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (!changes[i].after && changes[i].before->content.bytes > 0)
      gone.emplace(changes[i].before->content.digest, i);
  }
  if (gone.empty()) return;
  std::vector<bool> is_told(changes.size(), false);
  for (FileChange& change : changes) {
    if (change.before) continue;
    const auto found = gone.find(change.after->content.digest);
    if (found == gone.end() || changes[found->second].before->kind != change.after->kind) continue;
    change.before = changes[found->second].before;
    change.moved_from = change.before->path;
    is_told[found->second] = true;
    gone.erase(found);
  }
  std::size_t at = 0;
  std::erase_if(changes, [&](const FileChange&) { return is_told[at++]; });
}

}  // namespace

std::string_view change_name(const FileChange& change) {
  if (!change.moved_from.empty()) return "moved";
  if (!change.before) return "added";
  return change.after ? "changed" : "removed";
}

JsonObject to_json(const FileChange& change) {
  JsonObject object{{"path", shown_name(change.path, For::kJson)}, {"change", change_name(change)}};
  if (change.before) object["bytes_before"] = change.before->content.bytes;
  if (change.after) object["bytes_after"] = change.after->content.bytes;
  if (!change.moved_from.empty()) object["moved_from"] = shown_name(change.moved_from, For::kJson);
  return object;
}

std::vector<FileChange> diff_files(const std::vector<File>& before,
                                   const std::vector<File>& after) {
  std::vector<FileChange> changes;
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    const bool only_old = now == after.end() || (old != before.end() && old->path < now->path);
    const bool only_now = old == before.end() || (now != after.end() && now->path < old->path);
    FileChange change{.path = only_now ? now->path : old->path};
    if (!only_now) change.before = *old++;
    if (!only_old) change.after = *now++;
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  find_moves(changes);
  return changes;
}

Result<std::vector<File>> merge_files(const std::vector<File>& base, const std::vector<File>& ours,
                                      const std::vector<File>& theirs, std::string_view called) {
  const FilesByPath old = by_path(base), here = by_path(ours), there = by_path(theirs);
  FilesByPath merged;
  std::vector<std::string> conflicts;
  const auto decide = [&](std::string_view path) {
    const File* const was = find(old, path);
    const File *const our = find(here, path), *const their = find(there, path);
    if (!is_same(our, was) && !is_same(their, was) && !is_same(our, their)) {
      conflicts.emplace_back(path);
      return;
    }
    const File* const now = is_same(our, was) ? their : our;
    if (now != nullptr) merged.emplace(now->path, now);
  };
  for (const auto& [path, file] : here) decide(path);
  for (const auto& [path, file] : there) {
    if (!here.contains(path)) decide(path);
  }
  std::vector<File> files;
  for (const auto& [path, file] : merged) {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      if (merged.contains(path.substr(0, slash))) conflicts.emplace_back(path.substr(0, slash));
    }
    files.push_back(*file);
  }
  if (conflicts.empty()) return files;
  std::sort(conflicts.begin(), conflicts.end());
  conflicts.erase(std::unique(conflicts.begin(), conflicts.end()), conflicts.end());
  const std::size_t count = conflicts.size();
  conflicts.resize(std::min(count, kConflictsNamedMax));
  return base::error(
      Code::kConflict,
      "both sides changed, in different ways: {}{}; take theirs with `slipway data checkout "
      "{} --path P` and commit, or keep yours under another name, then pull again",
      fmt::join(conflicts, ", "),
      count > conflicts.size() ? fmt::format(" and {} more", count - conflicts.size()) : "",
      called);
}

}  // namespace slipway::versions
