// Whether packs have what versions need, as it was written: which objects are damaged or missing,
// and which files of which versions that costs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "versions/upkeep.h"

namespace slipway::versions {

// Something of versions that has an object which is damaged or missing.
struct Affected {
  Digest object{};
  // From the top; that of a folder ends with '/', the top one's is "/". Empty: a commit itself.
  std::string path;
  std::optional<Digest> newest;  // of its versions. None: it was added, but not committed.
  std::uint64_t versions = 0;
};

// The parts are for people: of each folder, and so of each version, at most kFolderPartsMax are
// found, the newest versions' first.
struct AffectedParts {
  DigestSet objects;  // that are bad and needed, all of them
  std::vector<Affected> parts;
  bool is_cut = false;  // there are more parts
  static constexpr std::size_t kPartsMax = 1000, kFolderPartsMax = 100;
};

// Of what the commits `named`, those before them and the files `added` need: where `is_bad` says of
// an object that it is. What can't be read is passed over, so what only that names isn't found.
AffectedParts find_affected(const Packs& packs, const std::vector<Digest>& named,
                            const std::vector<File>& added,
                            const std::function<bool(const Digest&)>& is_bad);

struct Examined {
  Verified read;
  std::vector<std::string> packs;  // that are damaged as a whole, in words
  AffectedParts affected;          // by objects that are damaged, or missing
  bool is_damaged() const {
    return !read.damages.empty() || !packs.empty() || !affected.objects.empty();
  }
  bool is_whole() const { return !is_damaged() && !read.unread; }
};

struct Examination {
  std::vector<Digest> named;
  std::vector<File> added;
  std::optional<DigestSet> only;  // these objects; none: all, and what is missing
  std::size_t threads = 1;
  std::function<void(std::uint64_t bytes)> progress;  // as verify()
};
Examined examine(const Packs& packs, const Examination& examination);

// What is bad of these objects.
DigestSet damaged_objects(const Examined& examined);

JsonObject to_json(const Examined& examined);

}  // namespace slipway::versions
