// Training sets as files, made in parts that a restart leaves.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "features/feature_store.h"
#include "features/fixed_tables.h"

namespace slipway::features {

// Entity rows are answered in batches; each one that is done is a Parquet file in a folder of the
// training set, whose name says everything that it is made of. Whoever asks for the same again
// after the process was killed gets what is left to do, and the same rows. Safe to use from
// several threads. What is given to the constructor must outlive it.
class TrainingSets {
 public:
  struct Options {
    std::filesystem::path folder;
    std::uint64_t memory_bytes = 1ull << 30;  // HistoryRequest::memory_bytes
    std::size_t rows_at_once = 4'000'000;     // HistoryRequest::rows_at_once
    std::size_t sets_at_once = 4;             // that are being made
    std::chrono::hours keep_parts{7 * 24};    // of training sets that nobody has asked for again
  };
  TrainingSets(const FeatureStore& store, TableSource& tables, Options options);

  enum class Format { kParquet, kArrowStream };
  struct Made {
    std::filesystem::path file;
    std::int64_t rows = 0, rows_found = 0, unlabeled = 0;  // found: done before it was asked for
    std::int64_t version = 0;                              // of the service
    std::shared_ptr<const void> owner;                     // the file is removed with it
  };
  // `mark` is how progress() calls it. As FeatureStore::history. kConflict: the data or the
  // definitions changed meanwhile. kResourceExhausted: so many are being made already.
  // kStorageFull.
  Result<Made> make(HistoryRequest request, Format format, const std::string& mark);
  // Whether a service can be asked with rows of these columns. As check_entity_columns();
  // kNotFound: no such service.
  Result<void> accepts(const std::string& service, const types::Frame& columns) const;

  struct Progress {
    std::string mark, service;
    std::int64_t entity_rows = 0, entity_rows_done = 0;
    std::int64_t rows = 0, rows_found = 0;  // done; of them before it began
    double seconds = 0;
  };
  // Of those that are being made.
  std::vector<Progress> progress() const;

 private:
  struct Making {
    Progress progress;
    std::chrono::steady_clock::time_point began;
    bool is_made = false;  // and being sent
  };
  // Outlives this with what is being sent.
  struct State {
    base::Mutex mutex;
    std::map<std::string, Making> making GUARDED_BY(mutex);  // by the name of the folder
  };

  // What a training set is made of, read once.
  struct Inputs {
    std::shared_ptr<const Definitions> definitions;
    FixedTables tables;
  };
  class Entry;  // in State::making

  Result<std::string> identity_of(const HistoryRequest& request, Inputs& inputs) const;
  Inputs inputs() const { return {store_.definitions(), FixedTables(tables_)}; }
  Result<Made> make_in(const std::string& name, HistoryRequest request, Format format,
                       Inputs& inputs) const;
  void remove_old_parts() const;
  void set(const std::string& name, const std::function<void(Making&)>& change) const;

  const FeatureStore& store_;
  TableSource& tables_;
  const Options options_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace slipway::features
