// Keeps what others tell of their jobs, runs and datasets, and leads up and down from any of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "lineage/values.h"
#include "store/db.h"

namespace slipway::lineage {

// Which datasets of others are kept here, too. Safe to use from several threads.
class OwnDatasets {
 public:
  virtual ~OwnDatasets() = default;
  // Names of ours, by what others call them; the others are left out.
  virtual Result<std::map<Name, std::string>> find(const std::vector<Name>& names) = 0;
  // What others may call ours.
  virtual Result<std::vector<Name>> names_of(const std::string& own) = 0;
};

enum class Walk { kUp, kDown, kBoth };

// Safe to use from several threads. What is given must outlive it. What is told of things is JSON
// for people and programs: docs/compat/openlineage.md has its shape.
class Lineage {
 public:
  struct Options {
    std::size_t nodes_max = 1000;  // of one answer
  };
  Lineage(store::Db& db, const base::Clock& clock, OwnDatasets& own, Options options)
      : db_(db), clock_(clock), own_(own), options_(options) {}

  // Keeps all of these or none. Events that are known change nothing. How many are new.
  Result<std::size_t> keep(const std::vector<Event>& events);

  struct Page {
    std::optional<std::string> space;  // only of this one
    std::int64_t after = 0;            // a number of the page before
    std::size_t limit = 100;
  };
  // In the order in which they became known: {"jobs": [...], "next": number or null}.
  Result<JsonObject> jobs(const Page& page);
  Result<JsonObject> datasets(const Page& page);
  // kNotFound, all of these.
  Result<JsonObject> job(const Name& name, std::size_t runs_max);
  Result<JsonObject> dataset(const Name& name, std::size_t versions_max);
  Result<JsonObject> run(const std::string& id);
  // As they came: {"events": [...], "next": number or null}.
  Result<JsonObject> events_of_run(const std::string& id, const Page& page);

  // What leads to `of` and what comes of it. `of` is a run's id, SPACE/NAME of jobs and datasets,
  // or dataset:NAME of ours. {"start": [key], "nodes": [...], "cut": bool}; a node names by key
  // what it was made from. kNotFound; of ours that nobody has told of, no nodes.
  Result<JsonObject> graph(const std::string& of, Walk walk, std::size_t steps_max);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  OwnDatasets& own_;
  const Options options_;
};

}  // namespace slipway::lineage
