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
  // What --push names.
  Result<std::vector<Recording::Source>> read_pushes() const;
};

// kLog: without --requests nothing is read, and the command plays the endpoint's log.
enum class Otherwise { kNothing, kLog };
std::shared_ptr<RecordingFlags> add_recording_flags(CLI::App& command,
                                                    Otherwise otherwise = Otherwise::kNothing);

}  // namespace slipway::cli
