// Where rows of views are kept for online reads: packed rows (packed_rows.h) by table and key, and
// notes beside them. One seam; memory, RocksDB and Redis stand behind it and pass the same tests.
//
// What is in a store can be made again from the datasets and the database, which are the truth: a
// store may lose everything, but must then say so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slipway::features {

// Safe to use from several threads.
class OnlineStore {
 public:
  virtual ~OnlineStore() = default;

  virtual std::string_view name() const = 0;  // "memory", "rocksdb", "redis"
  // Whether a read may wait for another machine.
  virtual bool may_wait() const { return false; }

  // One loaded copy of a view's rows. Who numbers them sees to it that a number is used once.
  using Table = std::uint32_t;
  struct Place {
    Table table;
    std::string_view key;
  };
  struct Rows {
    Table table;
    std::string key;
    std::string block;  // of packed rows
  };
  struct Batch {
    std::vector<Rows> rows;  // of a key at most once, unless it is the same rows
    std::vector<std::pair<std::string, std::string>> notes;  // replaced by name
  };

  // Connects, where that is something, to what the store has now: afterwards reads and writes are
  // about that. Returns whether that is what it was attached to before, with all that was written
  // since; true the first time. kUnavailable, also of a store that would not keep what it is given.
  virtual Result<bool> attach() { return true; }

  // Adds the rows and writes the notes: all of it or nothing, and later reads see it. What is lost
  // when the machine stops is lost from the end: no batch without those before it.
  // kUnavailable: it may have been done or not; doing it again changes nothing.
  virtual Result<void> write(const Batch& batch) = 0;

  // Calls `each` once for every place, in any order, with the bytes that are there: nothing, or
  // blocks. The bytes are valid during the call, which must not use the store.
  // kUnavailable: it does not answer, or lost what it had since attach().
  using Each = std::function<void(std::size_t place, std::string_view bytes)>;
  virtual Result<void> read(std::span<const Place> places, const Each& each) const = 0;

  virtual Result<std::optional<std::string>> note(const std::string& name) const = 0;

  // The tables that there may be rows of. drop() takes all of one away; slow.
  virtual Result<std::vector<Table>> tables() const = 0;
  virtual Result<void> drop(Table table) = 0;

  // After many rows were written to a table: puts them into the shape that reads like best. Slow.
  // `block`: of no rows; added to a key, it says that tiles may be made of all that is there. Keys
  // with less than kSettledBytesMin read as fast without. Nothing: the table has no tiles.
  static constexpr std::size_t kSettledBytesMin = 4096;
  virtual Result<void> settle(Table, std::string_view block) = 0;

  // After drop(): sees to it that no file of the store has the bytes of what was taken away. Slow.
  // Returns where there may be some all the same and until when, in words; empty: nowhere.
  virtual Result<std::string> scrub() { return std::string(); }

  // Zeros where nobody knows.
  struct Size {
    std::uint64_t memory_bytes = 0, disk_bytes = 0;
  };
  virtual Size size() const { return {}; }
};

// Keeps rows in this process: gone when it ends.
std::unique_ptr<OnlineStore> open_memory_store();

}  // namespace slipway::features
