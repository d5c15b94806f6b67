#include <array>
#include <map>
#include <unordered_map>

#include "base/hash.h"
#include "base/mutex.h"
#include "base/shared_mutex.h"
#include "features/online_store.h"
#include "features/packed_rows.h"

namespace slipway::features {
namespace {

struct Key {
  OnlineStore::Table table;
  std::string key;
};
struct HashKey {
  using is_transparent = void;
  std::size_t operator()(const OnlineStore::Place& place) const {
    return base::hash64(place.key, place.table);
  }
  std::size_t operator()(const Key& key) const {
    return (*this)(OnlineStore::Place{key.table, key.key});
  }
};
struct SameKey {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return a.table == b.table && a.key == b.key;
  }
};

class MemoryStore final : public OnlineStore {
 public:
  std::string_view name() const override { return "memory"; }

  // Rows that can't be merged fail before anything has changed: blocks are checked first, and what
  // is there was.
  Result<void> write(const Batch& batch) override {
    for (const Rows& rows : batch.rows) TRY(count_rows(rows.block));
    for (const Rows& rows : batch.rows) {
      Shard& shard = shard_of({rows.table, rows.key});
      const base::WriteLock lock(shard.mutex);
      auto found = shard.rows.find(Place{rows.table, rows.key});
      if (found == shard.rows.end())
        found = shard.rows.emplace(Key{rows.table, rows.key}, std::string()).first;
      const std::size_t before = found->second.capacity();
      TRY(add_block(found->second, rows.block));
      shard.bytes += found->second.capacity() - before;
    }
    const base::MutexLock lock(notes_mutex_);
    for (const auto& [name, text] : batch.notes) notes_[name] = text;
    return {};
  }

  Result<void> read(std::span<const Place> places, const Each& each) const override {
    for (std::size_t i = 0; i < places.size(); ++i) {
      Shard& shard = shard_of(places[i]);
      const base::ReadLock lock(shard.mutex);
      const auto found = shard.rows.find(places[i]);
      each(i, found == shard.rows.end() ? std::string_view() : std::string_view(found->second));
    }
    return {};
  }

  Result<std::optional<std::string>> note(const std::string& name) const override {
    const base::MutexLock lock(notes_mutex_);
    const auto found = notes_.find(name);
    if (found == notes_.end()) return std::optional<std::string>();
    return std::optional(found->second);
  }

  Result<std::vector<Table>> tables() const override {
    std::map<Table, bool> seen;
    for (Shard& shard : shards_) {
      const base::ReadLock lock(shard.mutex);
      for (const auto& [key, bytes] : shard.rows) seen[key.table] = true;
    }
    std::vector<Table> tables;
    for (const auto& [table, is_there] : seen) tables.push_back(table);
    return tables;
  }

  Result<void> drop(Table table) override {
    for (Shard& shard : shards_) {
      const base::WriteLock lock(shard.mutex);
      std::erase_if(shard.rows, [&](const auto& entry) {
        if (entry.first.table != table) return false;
        shard.bytes -= entry.second.capacity();
        return true;
      });
    }
    return {};
  }

  Result<void> settle(Table table, std::string_view block) override {
    for (Shard& shard : shards_) {
      if (block.empty()) break;
      const base::WriteLock lock(shard.mutex);
      for (auto& [key, bytes] : shard.rows) {
        if (key.table != table || bytes.size() < kSettledBytesMin) continue;
        const std::size_t before = bytes.capacity();
        TRY(add_block(bytes, block));
        shard.bytes += bytes.capacity() - before;
      }
    }
    return {};
  }

  Size size() const override {
    Size size;
    for (Shard& shard : shards_) {
      const base::ReadLock lock(shard.mutex);
      size.memory_bytes +=
          shard.bytes + shard.rows.size() * (sizeof(Key) + sizeof(std::string) + 24);
    }
    return size;
  }

 private:
  struct Shard {
    base::SharedMutex mutex;
    std::unordered_map<Key, std::string, HashKey, SameKey> rows GUARDED_BY(mutex);
    std::size_t bytes GUARDED_BY(mutex) = 0;
  };

  Shard& shard_of(const Place& place) const {
    return shards_[HashKey()(place) >> 32 & (shards_.size() - 1)];
  }

  mutable std::array<Shard, 64> shards_;
  mutable base::Mutex notes_mutex_;
  std::map<std::string, std::string> notes_ GUARDED_BY(notes_mutex_);
};

}  // namespace

std::unique_ptr<OnlineStore> open_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace slipway::features
