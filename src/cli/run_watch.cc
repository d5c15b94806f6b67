#include "cli/run_watch.h"

#include <unistd.h>

#include <cstdio>
#include <map>

#include "cli/commands.h"
#include "cli/event_reader.h"
#include "cli/patience.h"
#include "cli/table.h"

namespace slipway::cli {
namespace {

class Watch {
 public:
  explicit Watch(const Context& context) : json_(context.json), terminal_(::isatty(1) == 1) {}

  void show(const StreamEvent& event) {
    last_id_ = event.id;
    const auto data = base::parse_json(event.data);
    if (!data) return;
    if (json_) {
      std::printf("%s\n",
                  base::to_text(JsonObject{{"event", event.name}, {"data", *data}}).c_str());
    }
    if (const Json& status = member_at(*data, "status"); status.is_string()) status_ = cell(status);
    for (const char* list : {"metrics", "points"}) {
      const Json& points = member_at(*data, list);
      if (!points.is_array()) continue;
      for (const Json& point : points.get_array()) add(point);
    }
    if (terminal_ && !json_) draw();
    if (event.name == "status") ended_ = status_ != "RUNNING" && status_ != "SCHEDULED";
    std::fflush(stdout);
  }

  const std::string& last_id() const { return last_id_; }
  const std::string& status() const { return status_; }
  bool ended() const { return ended_; }

 private:
  void add(const Json& point) {
    const std::string key = cell(member_at(point, "key"));
    latest_[key] = point;
    if (json_ || terminal_) return;
    std::printf("%s step=%s %s\n", key.c_str(), cell(member_at(point, "step")).c_str(),
                cell(member_at(point, "value")).c_str());
  }

  void draw() {
    JsonArray rows;
    for (const auto& [key, point] : latest_) rows.push_back(point);
    const std::string text =
        table(rows, {{"METRIC", "key"}, {"STEP", "step"}, {"VALUE", "value"}}) + "status " +
        status_ + "\n";
    if (lines_ > 0) std::printf("\033[%zuA\033[J", lines_);
    std::fputs(text.c_str(), stdout);
    lines_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  const bool json_, terminal_;
  std::map<std::string, Json> latest_;
  std::string last_id_, status_;
  std::size_t lines_ = 0;
  bool ended_ = false;
};

}  // namespace

int watch_run(const Context& context, const std::string& run) {
  Client client(context);
  Watch watch(context);
  bool seen = false;
  for (Patience patience(context);;) {
    EventReader reader;
    base::HttpClient::Headers headers = {{"Accept", "text/event-stream"}};
    if (!watch.last_id().empty()) headers.emplace_back("Last-Event-ID", watch.last_id());
    const Result<void> streamed = client.stream(
        path_of("/slipway/v1/runs/{}/metrics/stream", {run}), headers, [&](std::string_view piece) {
          reader.read(piece, [&](const StreamEvent& event) {
            seen = true;
            patience.answered();
            watch.show(event);
          });
          return true;
        });
    if (watch.ended()) return watch.status() == "FINISHED" ? kOk : kFailed;
    // Before anything was seen an error is an error; later the server may be back soon.
    const Error error = streamed ? base::error(Code::kUnavailable, "it ended the metrics' stream")
                                 : streamed.error();
    if (!seen || !patience.wait(error)) return fail(error, context);
  }
}

}  // namespace slipway::cli
