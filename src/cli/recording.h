// Traffic as it was: requests with their outcomes, and what feature sources learned, each with the
// time at which it came.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "types/frame.h"

namespace slipway::cli {

// Where a recording is read from.
struct RecordingFiles {
  std::string requests;             // Parquet file, one row a request
  std::string id, event_time;       // its columns
  std::vector<std::string> inputs;  // columns sent
  std::string label, label_time;    // expression; column with the label's arrival. Empty: none
};

// Rows of `file` go to the feature source `source` when the time in `column` has come.
struct PushedFile {
  std::string source, file, column;
};

// A value. Vectors go by row; nothing: it never comes.
struct Recording {
  struct Source {
    std::string name;
    types::Frame rows;  // sent as they are
    std::vector<std::optional<base::Timestamp>> times;
  };
  types::Frame requests;
  std::string id, event_time;       // columns of it
  std::vector<std::string> inputs;  // sent, missing values too
  std::vector<std::string> given;   // sent where there is a value: features that would
                                    // otherwise be looked up
  std::vector<std::optional<base::Timestamp>> label_times;  // empty: there are no labels
  std::vector<std::optional<double>> labels;                // nothing: will never be known
  std::vector<Source> sources;

  base::Timestamp time(std::size_t request) const {
    return {requests.find(event_time)->ints[request]};
  }
};

// kInvalidArgument, kNotFound: a file, column, type or expression that doesn't fit.
Result<Recording> read_recording(const RecordingFiles& files);
// Of rows that are read already: what `columns` names of them, but for its file.
Result<Recording> as_recording(types::Frame requests, const RecordingFiles& columns);
Result<Recording::Source> read_source(const PushedFile& from);

}  // namespace slipway::cli
