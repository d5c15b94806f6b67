// A repository of data on this machine: branches and tags that name commits, in the folder
// `.slipway/data` of the working folder whose files they are versions of.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/file_system.h"
#include "versions/history.h"
#include "versions/link_cache.h"

namespace slipway::versions {

inline constexpr const char* kFirstBranch = "main";

// What the working folder follows.
struct Head {
  std::string branch;            // empty: no branch, only a commit
  std::optional<Digest> commit;  // none: nothing was committed on the branch yet
};

enum class RefKind { kBranch, kTag, kRemote };  // kRemote: a branch as the server last had it
struct Ref {
  RefKind kind = RefKind::kBranch;
  std::string name;
  Digest commit{};
};

// Letters, digits, '.', '_', '-' and '/' between parts that begin with none of the first three
// signs. kInvalidArgument.
Result<void> check_ref_name(std::string_view name);

// One thread at a time.
class Repository {
 public:
  // kAlreadyExists.
  static Result<Repository> create(const std::filesystem::path& top);
  // That of `from` or of the nearest folder above it. kNotFound says how to make one.
  static Result<Repository> find(const std::filesystem::path& from);

  const std::filesystem::path& top() const { return top_; }  // the working folder, absolute
  const std::filesystem::path& folder() const { return folder_; }
  Packs& packs() { return *packs_; }
  const Packs& packs() const { return *packs_; }
  // For whoever changes anything. kFailedPrecondition: another process does.
  Result<store::FolderLock> lock() const;
  // After packs were removed.
  Result<void> reopen_packs();

  Result<Head> head() const;
  Result<void> set_head(const Head& head) const;  // a commit only where there is no branch
  Result<std::vector<Ref>> refs() const;          // kCorruption: one of them is damaged
  // What they and HEAD name, and which of them are damaged.
  struct DamagedRef {
    bool is_head = false;  // else a ref
    RefKind kind = RefKind::kBranch;
    std::string name;
    std::filesystem::path file;
    Error what;
  };
  struct Names {
    std::vector<Digest> commits;
    std::vector<DamagedRef> damaged;
  };
  Result<Names> read_names() const;
  Result<std::optional<Digest>> find_ref(RefKind kind, std::string_view name) const;
  Result<void> set_ref(const Ref& ref) const;
  Result<void> remove_ref(RefKind kind, std::string_view name) const;  // kNotFound
  // HEAD, a branch, a tag, origin/BRANCH, or at least 6 digits of a commit; each with ~N: that many
  // first parents back. kNotFound, kInvalidArgument (several commits begin so).
  Result<Digest> resolve(std::string_view text) const;

  // The name that the server keeps it under; empty: not pushed yet.
  Result<std::string> remote() const;
  Result<void> set_remote(std::string_view name) const;

  // How checkout makes files: `cache.type` in the file config; reflink and copy unless set.
  Result<std::vector<CacheType>> cache_types() const;
  Result<void> set_cache_types(const std::vector<CacheType>& types) const;
  LinkCache links() const { return LinkCache(folder_ / "cache"); }

 private:
  Repository(std::filesystem::path top, std::filesystem::path folder, std::unique_ptr<Packs> packs);
  static Result<Repository> open(const std::filesystem::path& top);
  Result<Head> read_head() const;  // a commit only where there is no branch
  // Those that are damaged go to `damaged`, or are an error without.
  Result<std::vector<Ref>> read_refs(std::vector<DamagedRef>* damaged) const;
  std::filesystem::path ref_file(RefKind kind, std::string_view name) const;
  Result<Digest> resolve_name(std::string_view name) const;

  std::filesystem::path top_, folder_;
  std::unique_ptr<Packs> packs_;
};

}  // namespace slipway::versions
