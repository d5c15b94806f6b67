// dvc.yaml and dvc.lock as anybody may have written them: read or refused with where; what is read
// is one of our pipelines with a step for each stage, and a lock file that is written reads back as
// it was.
#include "base/check.h"
#include "dvc/dvc_file.h"
#include "dvc/lock_file.h"
#include "dvc/plan.h"
#include "dvc/yaml_text.h"
#include "fuzz.h"
#include "pipelines/definition.h"

namespace {

using namespace slipway;

void read_pipeline(std::string_view text) {
  // All files of values are this one.
  const auto stages = dvc::read_stages(
      text, [&](const std::string&) { return Result<std::string>(std::string(text)); });
  if (!stages) {
    CHECK(!stages.error().message.empty());
    return;
  }
  const auto plan = dvc::make_plan(*stages);
  if (!plan) {
    CHECK(!plan.error().message.empty());
    return;
  }
  CHECK(plan->order.size() == stages->size());
  const auto selected = dvc::select_stages(*stages, *plan, {});
  CHECK(selected.has_value() && *selected == plan->order);
  if (stages->empty()) return;
  const auto ours =
      pipelines::parse_pipelines(dvc::pipeline_text("dvc", *stages, *plan, *selected));
  constexpr std::size_t kStepsMax = 1000;  // of one of our pipelines
  CHECK(ours.has_value() || stages->size() > kStepsMax);
  if (ours) CHECK(ours->front().definition.steps.size() == stages->size());
}

void read_lock(std::string_view text) {
  const auto lock = dvc::parse_lock(text);
  if (!lock) {
    CHECK(!lock.error().message.empty());
    return;
  }
  if (lock->empty()) return;
  JsonObject more = *lock;
  dvc::put_entry(more, "stage", {{"cmd", "x"}}, 0, {"stage"});
  CHECK(dvc::find_entry(more, "stage") != nullptr);
  CHECK(!dvc::yaml_text(more).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = slipway::fuzz::text_of(data, size);
  read_pipeline(text);
  read_lock(text);
  return 0;
}
