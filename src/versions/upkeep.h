// What keeps packs in order: objects that nothing needs go, damaged ones are found and replaced.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "versions/history.h"

namespace slipway::versions {

struct Compacted {
  std::uint64_t objects_removed = 0, bytes_freed = 0, packs_rewritten = 0;
  std::uint64_t versions_expired = 0;  // whose files go
};

JsonObject to_json(const Compacted& compacted);

enum class GcMode { kDo, kDryRun };  // kDryRun: only says what would be done

// Keeps the objects of `needed`, each once: packs with others are written anew, which needs room
// for the part that stays. Safe to be killed at any time. Nobody else uses the folder; `packs` is
// to be opened anew afterwards.
Result<Compacted> compact(Packs& packs, const DigestSet& needed, GcMode mode = GcMode::kDo);

// compact() to what the commits `named` and those before them need, and `also`. Of the commits
// `expired` only they themselves stay, each with a tombstone that is durable before anything goes.
Result<Compacted> remove_unneeded(Packs& packs, const std::vector<Digest>& named,
                                  const std::vector<Digest>& expired, DigestSet also, GcMode mode);

struct Damage {
  PackedObject object;  // this copy of it
  std::string file;     // the pack
};
struct Verified {
  std::uint64_t objects = 0, bytes = 0;
  std::vector<Damage> damages;
  std::vector<NamedCommit> commits;  // whole, whether something names them or not
  std::optional<Error> unread;       // why some could not be read, which says nothing of them
};

// Reads every object, with `threads` of them at the same time, and compares it with its digest.
// `progress` has the bytes that are read, called now and then from any thread. `only`: these
// objects.
Verified verify(const Packs& packs, std::size_t threads,
                const std::function<void(std::uint64_t bytes)>& progress,
                const DigestSet* only = nullptr);

// Writes the packs with damaged objects anew, without those, and removes packs of which nothing can
// be found. As compact(). Fails where some could not be read.
Result<void> drop_damaged(Packs& packs, const Verified& verified);

}  // namespace slipway::versions
