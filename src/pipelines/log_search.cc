// What Pipelines does to find a line in the logs of steps.
#include "pipelines/log_search.h"

#include <fstream>

#include "base/utf8.h"
#include "pipelines/pipelines.h"

namespace slipway::pipelines {
namespace {

// Gives the lines of a file one by one, a long one by its first kTextBytesMax bytes, until `each`
// says false or so many bytes are read. How many were.
template <typename Each>
std::int64_t read_lines(const std::filesystem::path& file, std::int64_t bytes_max, Each each) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> piece(256 << 10);
  std::string line;
  std::int64_t bytes = 0;
  while (bytes < bytes_max && in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    std::string_view rest(piece.data(), static_cast<std::size_t>(in.gcount()));
    bytes += in.gcount();
    for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
      line += rest.substr(0, end);
      if (!each(std::exchange(line, {}))) return bytes;
    }
    const std::size_t room = types::TextPattern::kTextBytesMax -
                             std::min(line.size(), types::TextPattern::kTextBytesMax);
    line += rest.substr(0, room);
  }
  if (!line.empty()) each(std::move(line));
  return bytes;
}

}  // namespace

Result<LogLines> Pipelines::search_logs(const LogQuery& query) {
  LogLines found;
  for (const RunRecord& summary :
       TRY(runs({.pipeline = query.pipeline, .state = query.state, .limit = query.runs_max}))) {
    if (summary.outputs == "gone") continue;
    const RunRecord run = TRY(find_run(summary.id));
    for (const StepRecord& step : run.steps) {
      const std::string& planned = step.parent ? run.steps[*step.parent].name : step.name;
      if (!query.step.empty() && query.step != step.name && query.step != planned) continue;
      std::int64_t number = 0;
      found.bytes += read_lines(
          runner_->log_of(run.id, step.name), options_.log_search_bytes_max - found.bytes,
          [&](const std::string& line) {
            ++number;
            if (!query.pattern.finds(line)) return true;
            if (found.lines.size() == query.lines_max) {
              found.stopped = fmt::format("more than {} lines", query.lines_max);
              return false;
            }
            found.lines.push_back({.pipeline = run.pipeline,
                                   .run = run.id,
                                   .step = step.name,
                                   .line = number,
                                   .text = base::valid_utf8(line.substr(0, kLogLineBytesMax))});
            return true;
          });
      if (found.stopped.empty() && found.bytes >= options_.log_search_bytes_max) {
        found.stopped = fmt::format("more than {} bytes (setting pipeline-log-search-bytes-max)",
                                    options_.log_search_bytes_max);
      }
      if (!found.stopped.empty()) return found;
    }
    ++found.runs;
  }
  return found;
}

}  // namespace slipway::pipelines
