#include "tracking/runs.h"

#include <cmath>
#include <unordered_map>

#include "tracking/input_tags.h"
#include "tracking/limits.h"
#include "tracking/metric_series.h"

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
  if (!head) return base::error(Code::kNotFound, "Run with id={} not found", id);
  return std::move(*head);
}

Result<Head> find_active(store::Reader& reader, const std::string& id) {
  Head head = TRY(find_head(reader, id));
  if (head.run.stage == Stage::kDeleted) {
    return base::error(Code::kFailedPrecondition,
                       "The run {} must be in the 'active' state. Current state is deleted.", id);
  }
  return head;
}

Result<void> read_details(store::Reader& reader, std::int64_t number, Run& run) {
  TRY(reader.query(
      "SELECT key, value, is_nan, timestamp_ms, step FROM run_metrics WHERE run = ? ORDER BY key",
      {number}, [&](const store::Row& row) {
        run.metrics.push_back({row.string(0), row.int64(2) != 0 ? std::nan("") : row.real(1),
                               row.int64(3), row.int64(4)});
      }));
  TRY(reader.query("SELECT key, value FROM run_params WHERE run = ? ORDER BY key", {number},
                   [&](const store::Row& row) {
                     run.params.push_back({row.string(0), row.string(1)});
                   }));
  TRY(reader.query("SELECT key, value FROM run_tags WHERE run = ? ORDER BY key", {number},
                   [&](const store::Row& row) {
                     run.tags.push_back({row.string(0), row.string(1)});
                   }));
  TRY(reader.query(
      "SELECT name, digest, source_type, source, schema, profile, tags FROM run_datasets WHERE run "
      "= ? ORDER BY position, name, digest",
      {number}, [&](const store::Row& row) {
        run.datasets.push_back({row.string(0), row.string(1), row.string(2), row.string(3),
                                row.string(4), row.string(5), parse_input_tags(row.text(6))});
      }));
  TRY(
      reader.query("SELECT model_id, is_output, step FROM run_models WHERE run = ? ORDER BY "
                   "position, model_id, is_output",
                   {number}, [&](const store::Row& row) {
                     if (row.int64(1) != 0) {
                       run.model_outputs.push_back({row.string(0), row.int64(2)});
                     } else {
                       run.model_inputs.push_back(row.string(0));
                     }
                   }));
  return {};
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

Result<void> put_param(store::Tx& tx, std::int64_t number, const std::string& run_id,
                       const KeyValue& param) {
  const std::optional<std::string> before =
      TRY(tx.find("SELECT value FROM run_params WHERE run = ? AND key = ?", {number, param.key},
                  [](const store::Row& row) { return row.string(0); }));
  if (before && *before != param.value) {
    return base::error(Code::kInvalidArgument,
                       "Changing param values is not allowed. Param with key='{}' was already "
                       "logged with value='{}' for run ID='{}'. Attempted logging new value '{}'.",
                       param.key, *before, run_id, param.value);
  }
  if (!before)
    TRY(tx.send("INSERT INTO run_params(run, key, value) VALUES(?, ?, ?)",
                {number, param.key, param.value}));
  return {};
}

// Adds the points of one metric to its newest block and keeps the latest point.
Result<void> put_points(store::Tx& tx, std::int64_t number, const std::string& key,
                        const std::vector<const Metric*>& points) {
  struct Before {
    Metric latest;
    std::int64_t block;
  };
  const std::optional<Before> before =
      TRY(tx.find("SELECT value, is_nan, timestamp_ms, step, last_block FROM run_metrics WHERE run "
                  "= ? AND key = ?",
                  {number, key}, [&](const store::Row& row) {
                    return Before{{key, row.int64(1) != 0 ? std::nan("") : row.real(0),
                                   row.int64(2), row.int64(3)},
                                  row.int64(4)};
                  }));
  std::int64_t block = before ? before->block : 0;
  std::string bytes;
  if (before) {
    TRY(tx.query("SELECT points FROM metric_blocks WHERE run = ? AND key = ? AND block = ?",
                 {number, key, block}, [&](const store::Row& row) { bytes = row.string(0); }));
  }
  const Metric* latest = before ? &before->latest : nullptr;
  const auto write_block = [&] {
    return tx.send(
        "INSERT INTO metric_blocks(run, key, block, points) VALUES(?, ?, ?, ?) ON CONFLICT(run, "
        "key, block) DO UPDATE SET points = excluded.points",
        {number, key, block, store::Bytes{bytes}});
  };
  for (const Metric* point : points) {
    if (bytes.size() >= kBlockPointsMax * kPointBytes) {
      TRY(write_block());
      bytes.clear();
      ++block;
    }
    append_point(bytes, *point);
    if (latest == nullptr || is_later(*point, *latest)) latest = point;
  }
  TRY(write_block());
  const bool nan = std::isnan(latest->value);
  TRY(
      tx.send("INSERT INTO run_metrics(run, key, value, is_nan, timestamp_ms, step, last_block) "
              "VALUES(?, ?, ?, ?, ?, ?, ?) "
              "ON CONFLICT(run, key) DO UPDATE SET value = excluded.value, is_nan = "
              "excluded.is_nan, timestamp_ms = excluded.timestamp_ms, "
              "step = excluded.step, last_block = excluded.last_block",
              {number, key, nan ? store::Param(nullptr) : store::Param(latest->value), nan,
               latest->timestamp_ms, latest->step, block}));
  return {};
}

// The point, once more, with the logged model that it measures.
Result<void> put_model_metric(store::Tx& tx, const std::string& run_id, const Metric& metric) {
  const bool is_nan = std::isnan(metric.value);
  return tx.send(
      "INSERT INTO logged_model_metrics(model, run, key, timestamp_ms, step, value, is_nan, "
      "dataset_name, dataset_digest) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      {metric.model_id, run_id, metric.key, metric.timestamp_ms, metric.step,
       is_nan ? 0.0 : metric.value, is_nan, metric.dataset_name, metric.dataset_digest});
}

std::string random_name(base::Random& random) {
  static constexpr std::string_view kAdjectives[] = {
      "able",  "bold",   "brave", "bright", "calm", "clear",  "crisp", "eager", "fair",  "fine",
      "fleet", "gentle", "grand", "hardy",  "keen", "lively", "merry", "noble", "quick", "steady"};
  static constexpr std::string_view kNouns[] = {
      "anchor", "bay",  "bow",  "brig",  "buoy",   "clipper", "cove",     "crane", "ferry", "gull",
      "harbor", "keel", "mast", "pilot", "rudder", "sail",    "schooner", "tide",  "wake",  "yawl"};
  const std::uint64_t n = random.next_u64();
  return fmt::format("{}-{}-{}", kAdjectives[n % std::size(kAdjectives)],
                     kNouns[(n >> 16) % std::size(kNouns)], (n >> 32) % 1000);
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
  for (const Metric& metric : metrics) TRY(check_key("metric", metric.key));
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
  bool tagged = false;
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
    name = tag.value;
    tagged = true;
  }
  if (name.empty()) name = random_name(random_);
  if (!tagged) tags.push_back({std::string(kNameTag), name});
  std::string user = draft.user;
  for (const KeyValue& tag : tags) {
    if (user.empty() && tag.key == kUserTag) user = tag.value;
  }
  const std::string id = random_.hex();
  const std::int64_t start = draft.start_ms.value_or(clock_.now().millis());
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const std::string location = TRY(active_artifact_location(tx, experiment));
    const std::int64_t number =
        TRY(tx.find("INSERT INTO runs(id, experiment, name, \"user\", status, start_ms, "
                    "artifact_uri) VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING number",
                    {id, experiment, name, user, static_cast<int>(RunStatus::kRunning), start,
                     fmt::format("{}/{}/artifacts", location, id)},
                    [](const store::Row& row) { return row.int64(0); }))
            .value();
    for (const KeyValue& tag : tags)
      TRY(put_tag(tx, number, {tag.key, cut_value(tag.value, kTagValueLengthMax)}));
    return tx.append_event({.kind = "run.created",
                            .subject = "runs/" + id,
                            .payload = {{"experiment_id", draft.experiment_id}, {"name", name}}});
  }));
  return get(id);
}

Result<Run> Runs::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<Run> {
    Head head = TRY(find_head(reader, id));
    TRY(read_details(reader, head.number, head.run));
    return std::move(head.run);
  });
}

Result<std::vector<Run>> Runs::get_many(const std::vector<std::string>& ids) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Run>> {
    std::vector<Run> runs;
    for (const std::string& id : ids) {
      std::optional<Head> head = TRY(
          reader.find(fmt::format("SELECT {} FROM runs WHERE id = ?", kColumns), {id}, read_head));
      if (!head) continue;
      TRY(read_details(reader, head->number, head->run));
      runs.push_back(std::move(head->run));
    }
    return runs;
  });
}

Result<Run> Runs::update(const std::string& id, const Update& update) {
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_active(tx, id));
    const RunStatus status = update.status.value_or(head.run.status);
    TRY(tx.execute(
        "UPDATE runs SET status = ?, end_ms = ? WHERE number = ?",
        {static_cast<int>(status), update.end_ms ? update.end_ms : head.run.end_ms, head.number}));
    if (update.name && !update.name->empty())
      TRY(put_tag(tx, head.number, {std::string(kNameTag), *update.name}));
    if (status == head.run.status) return {};
    return tx.append_event(
        {.kind = "run.status_changed",
         .subject = "runs/" + id,
         .payload = {{"from", status_name(head.run.status)}, {"to", status_name(status)}}});
  }));
  return get(id);
}

Result<void> Runs::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_head(tx, id));
    if (head.run.stage == Stage::kDeleted) return {};
    TRY(tx.execute("UPDATE runs SET deleted = 1 WHERE number = ?", {head.number}));
    return tx.append_event({.kind = "run.deleted", .subject = "runs/" + id});
  });
}

Result<void> Runs::restore(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_head(tx, id));
    if (head.run.stage == Stage::kActive) return {};
    TRY(tx.execute("UPDATE runs SET deleted = 0 WHERE number = ?", {head.number}));
    return tx.append_event({.kind = "run.restored", .subject = "runs/" + id});
  });
}

Result<void> Runs::log_batch(const std::string& id, const std::vector<Metric>& metrics,
                             const std::vector<KeyValue>& params,
                             const std::vector<KeyValue>& tags) {
  TRY(check_batch(metrics, params, tags));
  std::vector<Metric> points = metrics;
  for (Metric& point : points) point.value = storable(point.value);
  std::map<std::string, std::vector<const Metric*>> by_key;
  for (const Metric& point : points) by_key[point.key].push_back(&point);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_active(tx, id));
    for (const KeyValue& param : params)
      TRY(put_param(tx, head.number, id,
                    {param.key, cut_value(param.value, kParamValueLengthMax)}));
    for (const KeyValue& tag : tags)
      TRY(put_tag(tx, head.number, {tag.key, cut_value(tag.value, kTagValueLengthMax)}));
    for (const auto& [key, series] : by_key) TRY(put_points(tx, head.number, key, series));
    for (const Metric& point : points) {
      if (!point.model_id.empty()) TRY(put_model_metric(tx, id, point));
    }
    return {};
  });
}

Result<void> Runs::delete_tag(const std::string& id, const std::string& key) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_active(tx, id));
    if (TRY(tx.execute("DELETE FROM run_tags WHERE run = ? AND key = ?", {head.number, key})) ==
        0) {
      return base::error(Code::kNotFound, "No tag with name: {} in run with id {}", key, id);
    }
    return {};
  });
}

Result<void> Runs::log_inputs(const std::string& id, const std::vector<DatasetInput>& datasets,
                              const std::vector<std::string>& models) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_active(tx, id));
    for (const DatasetInput& d : datasets) {
      TRY(
          tx.send("INSERT INTO run_datasets(run, name, digest, source_type, source, schema, "
                  "profile, tags, position) VALUES(?, ?, ?, ?, ?, ?, ?, ?, (SELECT COUNT(*) FROM "
                  "run_datasets WHERE run = ?)) ON CONFLICT DO NOTHING",
                  {head.number, d.name, d.digest, d.source_type, d.source, d.schema, d.profile,
                   input_tags_text(d.tags), head.number}));
    }
    for (const std::string& model : models) {
      TRY(put_model(tx, head.number, model, Direction::kInput, 0));
    }
    return {};
  });
}

Result<void> Runs::log_outputs(const std::string& id, const std::vector<ModelOutput>& models) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const Head head = TRY(find_active(tx, id));
    for (const ModelOutput& model : models) {
      TRY(put_model(tx, head.number, model.model_id, Direction::kOutput, model.step));
    }
    return {};
  });
}

Result<Page<Metric>> Runs::metric_history(const std::string& id, const std::string& key,
                                          std::int64_t max_results, const std::string& token) {
  const std::int64_t offset = TRY(parse_page_token(token));
  return db_.read([&](store::Reader& reader) -> Result<Page<Metric>> {
    Result<void> unpacked;
    std::vector<Metric> points;
    TRY(
        reader.query("SELECT points FROM metric_blocks WHERE run = (SELECT number FROM runs WHERE "
                     "id = ?) AND key = ? ORDER BY block",
                     {id, key}, [&](const store::Row& row) {
                       Result<std::vector<Metric>> block = unpack_points(row.text(0), key);
                       if (!block) {
                         unpacked = block.error();
                       } else {
                         points.insert(points.end(), block->begin(), block->end());
                       }
                     }));
    TRY(std::move(unpacked));
    sort_history(points);
    Page<Metric> page;
    const std::size_t from = std::min<std::size_t>(points.size(), static_cast<std::size_t>(offset));
    std::size_t to = points.size();
    if (max_results > 0 && points.size() - from > static_cast<std::size_t>(max_results)) {
      to = from + static_cast<std::size_t>(max_results);
      page.next = page_token(static_cast<std::int64_t>(to));
    }
    page.items.assign(points.begin() + static_cast<std::ptrdiff_t>(from),
                      points.begin() + static_cast<std::ptrdiff_t>(to));
    return page;
  });
}

}  // namespace slipway::tracking
