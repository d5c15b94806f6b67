// slipway.yaml: every room reads its part. What a room keeps as JSON reads back as the same thing.
#include "base/check.h"
#include "base/json.h"
#include "datasets/definition.h"
#include "features/definition.h"
#include "fuzz.h"
#include "monitor/definition.h"
#include "pipelines/definition.h"
#include "pipelines/schedule_definition.h"
#include "releases/definition.h"

namespace {

using slipway::Result;

// Whatever is wrong with the text is the author's mistake, and said with its place.
template <typename T>
bool accepted(const Result<T>& parsed) {
  if (parsed) return true;
  CHECK(parsed.error().code == slipway::Code::kInvalidArgument);
  CHECK(!parsed.error().message.empty());
  return false;
}

template <typename Definition>
void check_round_trip(const Definition& definition,
                      Result<Definition> (*parse)(const std::string&, std::string_view)) {
  const auto again = parse(definition.name, slipway::base::to_text(definition.to_json()));
  CHECK(again.has_value());
  CHECK(*again == definition);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto parsed = datasets::parse_datasets(text); accepted(parsed)) {
    for (const auto& each : *parsed) check_round_trip(each, datasets::parse_dataset);
  }
  if (const auto parsed = features::parse_definitions(text); accepted(parsed)) {
    for (const auto& view : parsed->views) CHECK(parsed->find_view(view.name) != nullptr);
  }
  accepted(pipelines::parse_pools(text));
  if (const auto parsed = pipelines::parse_pipelines(text); accepted(parsed)) {
    for (const auto& each : *parsed) {
      const auto again = pipelines::parse_pipeline(each.definition.name, each.text);
      CHECK(again.has_value());
      CHECK(*again == each.definition);
      for (const auto& step : each.definition.steps)
        pipelines::render_command(step.command, [](const std::string& name) { return name; });
    }
    if (const auto schedules = pipelines::parse_schedules(text, *parsed); accepted(schedules)) {
      for (const auto& each : *schedules) {
        check_round_trip(each, pipelines::parse_schedule);
        const base::Timestamp from{1'700'000'000'000'000};
        if (const auto next = each.next(from)) CHECK(*next > from);
      }
    }
  }
  if (const auto parsed = releases::parse_endpoints(text); accepted(parsed)) {
    for (const auto& each : *parsed) check_round_trip(each, releases::parse_endpoint);
  }
  if (const auto parsed = monitor::parse_monitors(text); accepted(parsed)) {
    for (const auto& each : *parsed) check_round_trip(each, monitor::parse_monitor);
  }
  return 0;
}
