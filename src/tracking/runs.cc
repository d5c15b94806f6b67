#include "tracking/runs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "tracking/artifacts.h"
#include "tracking/input_tags.h"
#include "tracking/limits.h"
#include "tracking/metric_series.h"
#include "tracking/random_name.h"
#include "tracking/reclaim.h"
#include "tracking/run_changes.h"

namespace slipway::tracking {
namespace {

constexpr std::string_view kNameTag = "mlflow.runName";
constexpr std::string_view kUserTag = "mlflow.user";

constexpr std::string_view kColumns =
    "number, id, experiment, name, \"user\", status, start_ms, end_ms, deleted, artifact_uri";

struct Head {
  std::int64_t number = 0;
  Run run;
};

Head read_head(const store::Row& row) {
  return {.number = row.int64(0),
          .run = {.id = row.string(1),
                  .experiment_id = std::to_string(row.int64(2)),
                  .name = row.string(3),
                  .user = row.string(4),
                  .status = static_cast<RunStatus>(row.int64(5)),
                  .start_ms = row.int64(6),
                  .end_ms = row.maybe_int64(7),
                  .stage = row.int64(8) != 0 ? Stage::kDeleted : Stage::kActive,
                  .artifact_uri = row.string(9)}};
}

Result<Head> find_head(store::Reader& reader, const std::string& id) {
  std::optional<Head> head =
      TRY(reader.find(fmt::format("SELECT {} FROM runs WHERE id = ?", kColumns), {id}, read_head));
  if (!head) return no_such_run(id);
  return std::move(*head);
}

// What to say of a run that was taken away for good; nothing for one that never was.
Result<std::optional<Error>> gone_for_good(store::Reader& reader, const std::string& id) {
  const auto time = TRY(reclaimed_at(reader, ReclaimedKind::kRun, id));
  if (!time) return std::optional<Error>();
  return std::optional(base::error(Code::kNotFound,
                                   "Run with id={} not found: it was deleted for good: "
                                   "reclaimed_at={}",
                                   id, types::to_rfc3339(*time)));
}

Result<Head> find_active(store::Reader& reader, const std::string& id) {
  Head head = TRY(find_head(reader, id));
  if (head.run.stage == Stage::kDeleted) return run_is_deleted(id);
  return head;
}

// Runs `body` on a run that may be written, in a transaction that says what of it changes.
template <typename Body>
Result<void> change_run(store::Tx& tx, const std::string& id, int what, Body&& body) {
  std::int64_t change = 0;
  TRY(next_change(tx, change));
  const Head head = TRY(find_active(tx, id));
  TRY(body(head));
  return note_change(tx, change, head.number, what);
}

Result<void> put_tag(store::Tx& tx, std::int64_t number, const KeyValue& tag) {
  TRY(
      tx.send("INSERT INTO run_tags(run, key, value) VALUES(?, ?, ?) ON CONFLICT(run, key) DO "
              "UPDATE SET value = excluded.value",
              {number, tag.key, tag.value}));
  // The name and its tag are one thing.
  if (tag.key == kNameTag)
    TRY(tx.send("UPDATE runs SET name = ? WHERE number = ?", {tag.value, number}));
  return {};
}

enum class Direction { kInput, kOutput };
Result<void> put_model(store::Tx& tx, std::int64_t number, const std::string& model_id,
                       Direction direction, std::int64_t step) {
  return tx.send(
      "INSERT INTO run_models(run, model_id, is_output, step, position) VALUES(?, ?, ?, ?, (SELECT "
      "COUNT(*) FROM run_models WHERE run = ?)) ON CONFLICT DO NOTHING",
      {number, model_id, direction == Direction::kOutput, step, number});
}

Result<void> put_params(store::Tx& tx, std::int64_t number, const std::string& run_id,
                        const std::vector<KeyValue>& params) {
  std::vector<std::optional<std::string>> before(params.size());
  for (std::size_t i = 0; i < params.size(); ++i) {
    TRY(tx.ask("SELECT value FROM run_params WHERE run = ? AND key = ?", {number, params[i].key},
               [&before, i](const store::Row& row) { before[i] = row.string(0); }));
  }
  TRY(tx.settle());
  for (std::size_t i = 0; i < params.size(); ++i) {
    const std::string value = cut_value(params[i].value, kParamValueLengthMax);
    if (!before[i]) {
      TRY(tx.send("INSERT INTO run_params(run, key, value) VALUES(?, ?, ?)",
                  {number, params[i].key, value}));
    } else if (*before[i] != value) {
      return base::error(
          Code::kInvalidArgument,
          "Changing param values is not allowed. Param with key='{}' was already logged with "
          "value='{}' for run ID='{}'. Attempted logging new value '{}'.",
          params[i].key, *before[i], run_id, value);
    }
  }
  return {};
}

// What a metric says about a logged model, kept with that.
Result<void> put_model_metric(store::Tx& tx, const std::string& run_id, const Metric& metric) {
  const bool nan = std::isnan(metric.value);
  return tx.send(
      "INSERT INTO logged_model_metrics(model, run, key, timestamp_ms, step, value, "
      "is_nan, dataset_name, dataset_digest) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
      "CONFLICT DO NOTHING",
      {metric.model_id, run_id, metric.key, metric.timestamp_ms, metric.step,
       nan ? 0.0 : storable(metric.value), nan, metric.dataset_name, metric.dataset_digest});
}

Result<void> check_batch(const std::vector<Metric>& metrics, const std::vector<KeyValue>& params,
                         const std::vector<KeyValue>& tags) {
  const auto limit = [](std::string_view what, std::size_t count,
                        std::size_t most) -> Result<void> {
    if (count <= most) return {};
    return base::error(Code::kInvalidArgument,
                       "A batch logging request can contain at most {} {}. Got {} {}. Please split "
                       "up {} across multiple requests and try again.",
                       most, what, count, what, what);
  };
  TRY(limit("metrics", metrics.size(), kBatchMetricsMax));
  TRY(limit("params", params.size(), kBatchParamsMax));
  TRY(limit("tags", tags.size(), kBatchTagsMax));
  if (metrics.size() + params.size() + tags.size() > kBatchTotalMax) {
    return base::error(
        Code::kInvalidArgument,
        "A batch logging request can contain at most {} metrics, params, and tags in total",
        kBatchTotalMax);
  }
  for (const KeyValue& tag : tags) TRY(check_key("tag", tag.key));
  std::unordered_map<std::string_view, std::string_view> seen;
  for (const KeyValue& param : params) {
    TRY(check_key("parameter", param.key));
    const auto [at, fresh] = seen.emplace(param.key, param.value);
    if (!fresh)
      return base::error(Code::kInvalidArgument, "Duplicate parameter keys have been submitted: {}",
                         param.key);
  }
  return {};
}

}  // namespace

Result<Run> Runs::create(const Draft& draft) {
  const std::int64_t experiment = TRY(experiment_number(draft.experiment_id));
  std::string name = draft.name;
  std::vector<KeyValue> tags = draft.tags;
  for (const KeyValue& tag : tags) {
    TRY(check_key("tag", tag.key));
    if (tag.key != kNameTag) continue;
    if (!name.empty() && !tag.value.empty() && tag.value != name) {
      return base::error(Code::kInvalidArgument,
                         "Both 'run_name' argument and 'mlflow.runName' tag are specified, but "
                         "with different values (run_name='{}', mlflow.runName='{}').",
                         name, tag.value);
    }
    if (!tag.value.empty()) name = tag.value;
  }
  if (name.empty()) name = random_name(random_);
  tags.push_back({std::string(kNameTag), name});
  std::string user = draft.user;
  for (const KeyValue& tag : tags) {
    if (user.empty() && tag.key == kUserTag) user = tag.value;
  }
  std::map<std::string, std::string> by_key;  // the last one counts when a key comes twice
  for (KeyValue& tag : tags) {
    by_key.insert_or_assign(std::move(tag.key),
                            cut_value(std::move(tag.value), kTagValueLengthMax));
  }
  Run run{.id = draft.id.empty() ? random_.hex() : draft.id,
          .experiment_id = std::to_string(experiment),
          .name = by_key.at(std::string(kNameTag)),
          .user = std::move(user),
          .start_ms = draft.start_ms.value_or(clock_.now().millis())};
  for (const auto& [key, value] : by_key) run.tags.push_back({key, value});
  TRY(creator_.create(run, experiment));
  return run;
}

Result<Run> Runs::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<Run> {
    Head head = TRY(find_head(reader, id));
    TRY(read_details(reader, head.number, head.run));
    return std::move(head.run);
  });
}

Result<std::vector<Run>> Runs::get_many(const std::vector<std::int64_t>& numbers) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Run>> {
    std::vector<Run> runs;
    runs.reserve(numbers.size());
    for (const std::int64_t number : numbers) {
      std::optional<Head> head = TRY(reader.find(
          fmt::format("SELECT {} FROM runs WHERE number = ?", kColumns), {number}, read_head));
      if (!head) continue;
      TRY(read_details(reader, number, head->run));
      runs.push_back(std::move(head->run));
    }
    return runs;
  });
}

Result<Run> Runs::update(const std::string& id, const Update& update) {
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    return change_run(tx, id, kChangedHead | kChangedTags, [&](const Head& head) -> Result<void> {
      const RunStatus status = update.status.value_or(head.run.status);
      TRY(tx.execute("UPDATE runs SET status = ?, end_ms = ? WHERE number = ?",
                     {static_cast<int>(status), update.end_ms ? update.end_ms : head.run.end_ms,
                      head.number}));
      if (update.name && !update.name->empty())
        TRY(put_tag(tx, head.number, {std::string(kNameTag), *update.name}));
      if (status == head.run.status) return {};
      return tx.append_event(
          {.kind = "run.status_changed",
           .subject = "runs/" + id,
           .payload = {{"from", status_name(head.run.status)}, {"to", status_name(status)}}});
    });
  }));
  if (observer_ != nullptr && update.status) observer_->status_committed(id, *update.status);
  return get(id);
}

Result<void> Runs::set_stage(const std::string& id, Stage stage) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    std::int64_t change = 0;
    TRY(next_change(tx, change));
    const bool deleted = stage == Stage::kDeleted;
    Result<Head> found = find_head(tx, id);
    if (!found) return TRY(gone_for_good(tx, id)).value_or(std::move(found).error());
    const Head head = std::move(*found);
    if (head.run.stage == stage) return {};
    // 4: it is being taken away for good (reclaim.h).
    if (TRY(tx.execute(
            "UPDATE runs SET deleted = ?, deleted_ms = ? WHERE number = ? AND deleted <> 4",
            {deleted, deleted ? clock_.now().millis() : 0, head.number})) == 0)
      return base::error(Code::kFailedPrecondition,
                         "The run {} cannot be restored: it is being deleted for good.", id);
    TRY(note_change(tx, change, head.number, kChangedHead));
    return tx.append_event(
        {.kind = deleted ? "run.deleted" : "run.restored", .subject = "runs/" + id});
  });
}

Result<void> Runs::remove(const std::string& id) { return set_stage(id, Stage::kDeleted); }

Result<void> Runs::restore(const std::string& id) { return set_stage(id, Stage::kActive); }

Result<void> Runs::log_batch(const std::string& id, const std::vector<Metric>& metrics,
                             const std::vector<KeyValue>& params,
                             const std::vector<KeyValue>& tags) {
  TRY(check_batch(metrics, params, tags));
  const bool only_points = !metrics.empty() && params.empty() && tags.empty() &&
                           std::all_of(metrics.begin(), metrics.end(),
                                       [](const Metric& m) { return m.model_id.empty(); });
  if (only_points) {
    TRY(points_.append(id, metrics));
  } else {
    TRY(log_mixed(id, metrics, params, tags));
  }
  if (observer_ != nullptr) observer_->points_committed(id, metrics);
  return {};
}

Result<void> Runs::log_mixed(const std::string& id, const std::vector<Metric>& metrics,
                             const std::vector<KeyValue>& params,
                             const std::vector<KeyValue>& tags) {
  std::vector<Point> points = TRY(to_points(keys_, metrics));
  std::vector<std::string_view> fresh;  // keys that were not seen before
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (points[i].key == 0) fresh.push_back(metrics[i].key);
  }
  std::sort(fresh.begin(), fresh.end());
  fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
  std::vector<std::uint32_t> numbers;
  const int what = (metrics.empty() ? 0 : kChangedMetrics) | (params.empty() ? 0 : kChangedParams) |
                   (tags.empty() ? 0 : kChangedTags | kChangedHead);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    return change_run(tx, id, what, [&](const Head& head) -> Result<void> {
      if (!params.empty()) TRY(put_params(tx, head.number, id, params));
      for (const KeyValue& tag : tags)
        TRY(put_tag(tx, head.number, {tag.key, cut_value(tag.value, kTagValueLengthMax)}));
      if (!fresh.empty()) numbers = TRY(MetricKeys::ensure(tx, fresh));
      std::vector<Point> numbered = points;
      for (std::size_t i = 0; i < metrics.size(); ++i) {
        if (!metrics[i].model_id.empty()) TRY(put_model_metric(tx, id, metrics[i]));
        if (numbered[i].key != 0) continue;
        const auto at = std::lower_bound(fresh.begin(), fresh.end(), metrics[i].key);
        numbered[i].key = numbers[static_cast<std::size_t>(at - fresh.begin())];
      }
      return append_points(tx, head.number, numbered);
    });
  }));
  for (std::size_t i = 0; i < fresh.size(); ++i) keys_.remember(fresh[i], numbers[i]);
  return {};
}

Result<void> Runs::delete_tag(const std::string& id, const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    return change_run(tx, id, kChangedTags, [&](const Head& head) -> Result<void> {
      if (TRY(tx.execute("DELETE FROM run_tags WHERE run = ? AND key = ?", {head.number, key})) ==
          0) {
        return base::error(Code::kNotFound, "No tag with name: {} in run with id {}", key, id);
      }
      return {};
    });
  });
}

Result<void> Runs::log_inputs(const std::string& id, const std::vector<DatasetInput>& datasets,
                              const std::vector<std::string>& models) {
  for (const DatasetInput& dataset : datasets) TRY(check_dataset(dataset));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    return change_run(tx, id, kChangedInputs, [&](const Head& head) -> Result<void> {
      for (const DatasetInput& d : datasets) {
        TRY(
            tx.send("INSERT INTO run_datasets(run, name, digest, source_type, source, schema, "
                    "profile, tags, position) VALUES(?, ?, ?, ?, ?, ?, ?, ?, (SELECT COUNT(*) FROM "
                    "run_datasets WHERE run = ?)) ON CONFLICT DO NOTHING",
                    {head.number, d.name, d.digest, d.source_type, d.source, d.schema, d.profile,
                     input_tags_text(d.tags), head.number}));
      }
      for (const std::string& model : models)
        TRY(put_model(tx, head.number, model, Direction::kInput, 0));
      return {};
    });
  });
}

Result<void> Runs::log_outputs(const std::string& id, const std::vector<ModelOutput>& models) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_active(tx, id));
    for (const ModelOutput& model : models)
      TRY(put_model(tx, head.number, model.model_id, Direction::kOutput, model.step));
    return {};
  });
}

Result<Page<Metric>> Runs::metric_history(const std::string& id, const std::string& key,
                                          std::int64_t max_results, const std::string& token) {
  const std::int64_t offset = TRY(parse_page_token(token));
  return db_.read([&](store::Reader& reader) -> Result<Page<Metric>> {
    Page<Metric> page;
    const std::optional<std::int64_t> run =
        TRY(reader.find("SELECT number FROM runs WHERE id = ?", {id},
                        [](const store::Row& row) { return row.int64(0); }));
    const std::uint32_t number = TRY(keys_.find(reader, key));
    if (!run || number == 0) return page;
    const History history = TRY(read_history(reader, *run, number, offset, max_results));
    page.items.reserve(history.points.size());
    for (const Point& point : history.points)
      page.items.push_back({key, point.value, point.timestamp_ms, point.step});
    if (history.more) page.next = page_token(offset + max_results);
    return page;
  });
}

Result<void> Runs::read_details(store::Reader& reader, std::int64_t number, Run& run) {
  TRY(reader.ask("SELECT key, value FROM run_params WHERE run = ? ORDER BY key", {number},
                 [&](const store::Row& row) {
                   run.params.push_back({row.string(0), row.string(1)});
                 }));
  TRY(reader.ask("SELECT key, value FROM run_tags WHERE run = ? ORDER BY key", {number},
                 [&](const store::Row& row) {
                   run.tags.push_back({row.string(0), row.string(1)});
                 }));
  TRY(reader.ask(
      "SELECT name, digest, source_type, source, schema, profile, tags FROM run_datasets WHERE run "
      "= ? ORDER BY position, name, digest",
      {number}, [&](const store::Row& row) {
        run.datasets.push_back({row.string(0), row.string(1), row.string(2), row.string(3),
                                row.string(4), row.string(5), parse_input_tags(row.text(6))});
      }));
  TRY(
      reader.ask("SELECT model_id, is_output, step FROM run_models WHERE run = ? ORDER BY "
                 "position, model_id, is_output",
                 {number}, [&](const store::Row& row) {
                   if (row.int64(1) != 0) {
                     run.model_outputs.push_back({row.string(0), row.int64(2)});
                   } else {
                     run.model_inputs.push_back(row.string(0));
                   }
                 }));
  for (const Point& point : TRY(latest_points(reader, number))) {
    run.metrics.push_back({std::string(TRY(keys_.text(reader, point.key))), point.value,
                           point.timestamp_ms, point.step});
  }
  std::sort(run.metrics.begin(), run.metrics.end(),
            [](const Metric& a, const Metric& b) { return a.key < b.key; });
  return reader.settle();
}

}  // namespace slipway::tracking
