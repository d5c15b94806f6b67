// Takes traces away for good, with the files that belong to them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/db.h"
#include "store/object_store.h"
#include "traces/ports.h"

namespace slipway::traces {

struct TraceRemoval {
  std::string experiment_id;
  std::optional<std::int64_t> started_until_ms;
  std::optional<std::int64_t> traces_max;  // the oldest ones
  std::vector<std::string> ids;            // only these; empty: any
};

// Files go first, then rows, some traces at a time: what a crash in between leaves is found and
// taken away when it is asked again.
//
// Safe to use from several threads. Everything given to the constructor must outlive it.
class TraceRemover {
 public:
  // `at_once`: so many traces go in one transaction.
  TraceRemover(store::Db& db, ExperimentRecords& experiments, TraceFiles& files,
               TraceFollowers& followers, std::size_t at_once = 500)
      : db_(db),
        experiments_(experiments),
        files_(files),
        followers_(followers),
        at_once_(at_once) {}

  // Gives how many traces went. kNotFound: the experiment.
  Result<std::int64_t> remove(const TraceRemoval& removal);

  // Some traces of an experiment that is taken away itself.
  struct Part {
    store::Removed freed;
    bool is_last = false;
  };
  // Issues go with the last traces.
  Result<Part> remove_some_of_experiment(std::int64_t experiment);
  // What taking all traces of the experiment away would free.
  Result<store::Removed> measure_experiment(std::int64_t experiment);

 private:
  struct Chosen {
    std::int64_t number = 0;
    std::string id;
    std::string files;  // where they lie; empty: the experiment is gone
  };
  // The next ones by number.
  Result<std::vector<Chosen>> choose(std::int64_t experiment, std::int64_t after);
  Result<void> find_files(store::Reader& reader, std::int64_t experiment,
                          std::vector<Chosen>& chosen);
  Result<void> remove_rows(store::Tx& tx, const std::vector<Chosen>& chosen);
  Result<store::Removed> remove_files(const std::vector<Chosen>& chosen);

  store::Db& db_;
  ExperimentRecords& experiments_;
  TraceFiles& files_;
  TraceFollowers& followers_;
  const std::size_t at_once_;
};

}  // namespace slipway::traces
