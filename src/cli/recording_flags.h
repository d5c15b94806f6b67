// The flags that say what a recording is read from, the same for every command that plays one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/recording.h"

namespace CLI {
class App;
}

namespace slipway::cli {

struct RecordingFlags {
  RecordingFiles files;
  std::vector<std::string> pushes;  // SOURCE=FILE:COLUMN

  // kInvalidArgument: a flag that makes no sense, or as read_recording().
  Result<Recording> read() const;
};

std::shared_ptr<RecordingFlags> add_recording_flags(CLI::App& command);

}  // namespace slipway::cli
