#include "tracking/run_creator.h"

#include <unordered_map>

#include "store/row_batch.h"
#include "tracking/artifacts.h"
#include "tracking/experiments.h"
#include "tracking/run_changes.h"

namespace slipway::tracking {

struct RunCreator::Item : store::JointItem {
  Run& run;
  const std::int64_t experiment;
  const std::string actor;
};

Result<void> RunCreator::create(Run& run, std::int64_t experiment) {
  Item item{{}, run, experiment, base::acting_user_or("system")};
  return db_.write_jointly(*this, item);
}

Result<void> RunCreator::run(store::Tx& tx, std::span<store::JointItem* const> items) {
  std::int64_t last_change = 0;
  TRY(next_changes(tx, items.size(), last_change));
  std::vector<std::int64_t> experiments;
  for (const store::JointItem* item : items)
    experiments.push_back(static_cast<const Item*>(item)->experiment);
  std::unordered_map<std::int64_t, std::string> locations;  // of those that are active
  TRY(store::ask_in<std::int64_t>(
      tx, "SELECT id, artifact_location FROM experiments WHERE deleted = 0 AND id IN ", experiments,
      [&locations](const store::Row& row) { locations[row.int64(0)] = row.string(1); }));
  TRY(tx.settle());

  std::vector<Item*> good;
  std::vector<std::string_view> ids;
  store::RowBatch heads(
      "INSERT INTO runs(id, experiment, name, \"user\", status, start_ms, artifact_uri)");
  for (store::JointItem* any : items) {
    auto* item = static_cast<Item*>(any);
    Run& run = item->run;
    const auto location = locations.find(item->experiment);
    if (location == locations.end()) {
      // Says what is wrong with it.
      const Result<std::string> refused = active_artifact_location(tx, item->experiment);
      CHECK(!refused);
      if (refused.error().code != Code::kNotFound &&
          refused.error().code != Code::kFailedPrecondition)
        return refused.error();
      item->outcome = refused.error();
      continue;
    }
    run.artifact_uri = join_location(location->second, run.id + "/artifacts");
    heads.add({run.id, item->experiment, run.name, run.user, static_cast<int>(run.status),
               run.start_ms, run.artifact_uri});
    good.push_back(item);
    ids.push_back(run.id);
  }
  if (good.empty()) return {};
  TRY(heads.send(tx));
  std::unordered_map<std::string, std::int64_t> numbers;
  TRY(store::ask_in<std::string_view>(
      tx, "SELECT id, number FROM runs WHERE id IN ", ids,
      [&numbers](const store::Row& row) { numbers[row.string(0)] = row.int64(1); }));
  TRY(tx.settle());

  store::RowBatch tags("INSERT INTO run_tags(run, key, value)");
  std::vector<std::int64_t> changed;
  for (const Item* item : good) {
    const std::int64_t number = numbers.at(item->run.id);
    for (const KeyValue& tag : item->run.tags) tags.add({number, tag.key, tag.value});
    changed.push_back(number);
  }
  TRY(tags.send(tx));
  TRY(note_changes(tx, last_change - std::ssize(items) + 1, changed, kChangedWhole));
  for (const Item* item : good) {
    TRY(tx.append_event(
        {.kind = "run.created",
         .subject = "runs/" + item->run.id,
         .actor = item->actor,
         .payload = {{"experiment_id", item->run.experiment_id}, {"name", item->run.name}}}));
  }
  return {};
}

}  // namespace slipway::tracking
