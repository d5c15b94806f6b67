#include "cli/recording_flags.h"

#include <CLI/CLI.hpp>

namespace slipway::cli {

Result<Recording> RecordingFlags::read() const {
  RecordingFiles all = files;
  for (const std::string& text : pushes) {
    const std::size_t equals = text.find('='), colon = text.rfind(':');
    if (equals == std::string::npos || colon == std::string::npos || colon < equals) {
      return base::error(Code::kInvalidArgument, "--push is SOURCE=FILE:COLUMN: {}", text);
    }
    all.sources.push_back({.source = text.substr(0, equals),
                           .file = text.substr(equals + 1, colon - equals - 1),
                           .column = text.substr(colon + 1)});
  }
  if (all.label.empty() != all.label_time.empty())
    return base::error(Code::kInvalidArgument, "--label and --label-time go together");
  return read_recording(all);
}

std::shared_ptr<RecordingFlags> add_recording_flags(CLI::App& command) {
  auto flags = std::make_shared<RecordingFlags>();
  RecordingFiles& files = flags->files;
  command.add_option("--requests", files.requests, "Parquet file, one row a request")
      ->required()
      ->check(CLI::ExistingFile);
  command.add_option("--id", files.id, "Column with the request's id")->required();
  command.add_option("--event-time", files.event_time, "Column with the request's time")
      ->required();
  command.add_option("--inputs", files.inputs, "Columns to send, separated by commas")
      ->required()
      ->delimiter(',');
  command.add_option("--label", files.label, "Expression, such as \"arr_delay > 15\"");
  command.add_option("--label-time", files.label_time, "Column with the label's arrival");
  command.add_option("--push", flags->pushes,
                     "SOURCE=FILE:COLUMN: rows for a feature source, as their time comes");
  return flags;
}

}  // namespace slipway::cli
