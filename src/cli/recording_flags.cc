#include "cli/recording_flags.h"

#include <CLI/CLI.hpp>

namespace slipway::cli {

Result<Recording> RecordingFlags::read() const {
  if (files.label.empty() != files.label_time.empty())
    return base::error(Code::kInvalidArgument, "--label and --label-time go together");
  Recording recording = TRY(read_recording(files));
  recording.sources = TRY(read_pushes());
  return recording;
}

Result<std::vector<Recording::Source>> RecordingFlags::read_pushes() const {
  std::vector<Recording::Source> sources;
  for (const std::string& text : pushes) {
    const std::size_t equals = text.find('='), colon = text.rfind(':');
    if (equals == std::string::npos || colon == std::string::npos || colon < equals) {
      return base::error(Code::kInvalidArgument, "--push is SOURCE=FILE:COLUMN: {}", text);
    }
    sources.push_back(TRY(read_source({.source = text.substr(0, equals),
                                       .file = text.substr(equals + 1, colon - equals - 1),
                                       .column = text.substr(colon + 1)})));
  }
  return sources;
}

std::shared_ptr<RecordingFlags> add_recording_flags(CLI::App& command, Otherwise otherwise) {
  auto flags = std::make_shared<RecordingFlags>();
  RecordingFiles& files = flags->files;
  CLI::Option* requests =
      command.add_option("--requests", files.requests, "Parquet file, one row a request")
          ->check(CLI::ExistingFile);
  for (CLI::Option* option :
       {command.add_option("--id", files.id, "Column with the request's id"),
        command.add_option("--event-time", files.event_time, "Column with the request's time"),
        command.add_option("--inputs", files.inputs, "Columns to send, separated by commas")
            ->delimiter(',')}) {
    if (otherwise == Otherwise::kLog) {
      requests->needs(option);
      option->needs(requests);
    } else {
      option->required();
    }
  }
  if (otherwise == Otherwise::kLog) {
    requests->description(requests->get_description() +
                          "; default: what the endpoint's request log has");
  } else {
    requests->required();
  }
  command.add_option("--label", files.label, "Expression, such as \"arr_delay > 15\"");
  command.add_option("--label-time", files.label_time, "Column with the label's arrival");
  command.add_option("--push", flags->pushes,
                     "SOURCE=FILE:COLUMN: rows for a feature source, as their time comes");
  return flags;
}

}  // namespace slipway::cli
