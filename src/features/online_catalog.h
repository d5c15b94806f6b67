// What an online store holds: which table has which view's rows, loaded until when, and how many of
// the pushed rows. It is written into the store itself, so that it is lost with the rows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "features/online_store.h"
#include "types/timestamp.h"

namespace slipway::features {

// What was materialized of the datasets: how often (a range again is one more), and until when;
// nothing: never.
struct Materialized {
  std::int64_t loads = 0;
  std::optional<types::Timestamp> until;

  bool operator==(const Materialized&) const = default;
};

// One thread at a time.
class OnlineCatalog {
 public:
  using Table = OnlineStore::Table;
  struct Loaded {
    std::string fingerprint;  // of the view (packed_view.h)
    Table table = 0;
    Materialized of;
    // So many pushed rows it has for certain, when it did not serve yet; nothing: as kAppliedNote.
    std::optional<std::int64_t> brought = {};
  };
  // A load that has begun, so that it can go on after a crash.
  struct Building {
    std::int64_t until = 0;
    std::map<std::string, std::string> versions;  // of the datasets, by source
    std::map<std::string, Table> tables;          // by fingerprint

    bool is_of_the_same(const Building& other) const;  // moment, rows and views
  };

  explicit OnlineCatalog(OnlineStore& store) : store_(store) {}

  // Attaches to the store and reads what it has. Returns as OnlineStore::attach.
  Result<bool> open();
  bool is_open() const { return is_open_; }
  void close() { is_open_ = false; }
  Result<void> drop_strays();  // tables that nobody would find

  // What has the rows of this view; null: none.
  const Loaded* find(const std::string& fingerprint, const Materialized& of) const;
  const std::optional<Building>& building() const { return building_; }
  // A number that no table has had, whatever has become of the store since.
  Table take_number() { return next_++; }

  // Writes what is there from now on.
  Result<void> save(std::vector<Loaded> loaded, std::optional<Building> building);
  const std::vector<Loaded>& loaded() const { return loaded_; }

 private:
  OnlineStore& store_;
  bool is_open_ = false;
  std::vector<Loaded> loaded_;
  std::optional<Building> building_;
  Table next_ = 1;
};

// Notes of the store.
// How many pushed rows it has: all up to this number of feature_rows.
inline constexpr const char* kAppliedNote = "applied";
// The newest event time of a table.
std::string newest_note(OnlineStore::Table table);
// Of a load under way: the dataset's version, a space, and how many of its rows are done.
std::string position_note(std::string_view source);
// A whole number that a note holds; `otherwise` when there is none.
Result<std::int64_t> number_note(const OnlineStore& store, const std::string& name,
                                 std::int64_t otherwise);

}  // namespace slipway::features
