// The rows of a dataset, wherever they are: files, folders, S3, PostgreSQL.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "datasets/definition.h"
#include "datasets/validation.h"
#include "store/object_store.h"
#include "types/frame.h"

namespace slipway::datasets {

// What is beyond this machine's files.
struct Outside {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // s3://BUCKET/FOLDER.
  std::function<Result<std::unique_ptr<store::ObjectStore>>(const std::string& uri)> open_storage;
  int query_seconds_max = 600;  // of PostgreSQL
  std::int64_t bytes_max =
      32ll << 30;                    // that files, objects or an answer, and their values, may have
  std::filesystem::path own_folder;  // the server's: no dataset is there; empty: none
  RowCondition condition;            // what the expressions of rules mean
  // Positions, ascending, of rows that may not be taken in: of people who were erased. Unset: none.
  std::function<std::vector<std::size_t>(const types::Frame& frame,
                                         const DatasetDefinition& definition)>
      erased;
};

struct DatasetRows {
  types::Frame frame;
  std::string source;         // where they were, without a password
  std::string source_digest;  // of the files' bytes
  std::vector<std::string> notes;
  std::int64_t replays = 0;  // the version whose rows put aside are among them; 0: none
  // "file=a.csv line=3", "file=day=1/b.parquet row=12": of a row of the frame, from 0.
  std::function<std::string(std::size_t row)> place;
};

// Reads `path` instead of the definition's when it isn't empty. `folder`: what relative paths begin
// at. `types`: of the last version, for what has no types of its own and isn't declared. `scratch`:
// a folder that isn't there yet. kNotFound; kInvalidArgument and kCorruption naming file, row and
// column; kUnavailable, also where a file changes
// meanwhile; kResourceExhausted: larger than bytes_max; kFailedPrecondition: a variable
// isn't set.
Result<DatasetRows> read_dataset_rows(const DatasetDefinition& definition, const std::string& path,
                                      const std::filesystem::path& folder,
                                      const std::map<std::string, types::ColumnType>& types,
                                      const Outside& outside, const std::filesystem::path& scratch);

// Reads a file that somebody has sent, Parquet by its first bytes, or else CSV. Its place here is
// in no message. kInvalidArgument naming row and column; kResourceExhausted.
Result<DatasetRows> read_sent_rows(const DatasetDefinition& definition,
                                   const std::filesystem::path& file,
                                   const std::map<std::string, types::ColumnType>& types,
                                   const Outside& outside);

// kPermissionDenied unless `path`, given instead of the declared place, is where the project or the
// declared place is: not everybody who may read the dataset's rows again may choose any file of
// this machine or any object that its credentials open.
Result<void> check_given_path(const DatasetDefinition& definition, const std::string& path,
                              const std::filesystem::path& folder, const Outside& outside);

}  // namespace slipway::datasets
