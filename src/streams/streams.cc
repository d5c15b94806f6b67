#include "streams/streams.h"

#include <algorithm>

namespace slipway::streams {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE streams(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  definition TEXT NOT NULL,
  paused INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, name))
)sql";

}  // namespace

store::RoomMigrations Streams::migrations() { return {"streams", {{1, kFirst}}}; }

JsonObject Stream::to_json() const {
  JsonArray partitions;
  for (const auto& partition : status.partitions) {
    partitions.push_back(JsonObject{{"partition", partition.partition},
                                    {"next_offset", partition.next},
                                    {"end_offset", partition.end},
                                    {"lag", partition.lag()}});
  }
  JsonObject object{{"name", definition.name}, {"state", state_name(status.state)}};
  object["reason"] = status.reason.empty() ? Json(nullptr) : Json(status.reason);
  for (auto& [key, value] : definition.to_json()) object[key] = value;
  object["lag"] = status.lag();
  object["rate_per_second"] = status.rate;
  object["messages"] = status.received;
  object["answers"] = status.answered;
  object["dead_letter_count"] = status.dead_letters;
  object["dropped"] = status.dropped;
  object["retries"] = status.retries;
  object["partitions"] = std::move(partitions);
  return object;
}

Streams::~Streams() { stop(); }

Result<std::map<std::string, Streams::Stored>> Streams::stored() {
  return db_.read([](store::Reader& reader) -> Result<std::map<std::string, Stored>> {
    std::map<std::string, Stored> found;
    Result<void> intact;
    TRY(reader.query("SELECT name, definition, paused FROM streams ORDER BY name", {},
                     [&](const store::Row& row) {
                       auto definition = parse_stream(row.string(0), row.text(1));
                       if (definition) {
                         found[row.string(0)] = {std::move(*definition), row.int64(2) != 0};
                       } else {
                         intact = std::move(definition).error().with_context("stored stream");
                       }
                     }));
    TRY(std::move(intact));
    return found;
  });
}

void Streams::run(const Stored& stream) {
  const std::string& name = stream.definition.name;
  std::shared_ptr<Worker> before;
  {
    base::MutexLock lock(mutex_);
    if (const auto found = workers_.find(name); found != workers_.end()) {
      before = std::move(found->second);
      workers_.erase(found);
    }
  }
  if (before) before->stop();
  auto worker = std::make_shared<Worker>(stream.definition, ports_, metrics_, options_);
  worker->set_paused(stream.paused);
  if (started_) worker->start();
  base::MutexLock lock(mutex_);
  workers_[name] = std::move(worker);
}

Result<void> Streams::start() {
  base::MutexLock turn(change_mutex_);
  started_ = true;
  for (const auto& [name, stream] : TRY(stored())) run(stream);
  return {};
}

void Streams::stop() {
  base::MutexLock turn(change_mutex_);
  started_ = false;
  std::map<std::string, std::shared_ptr<Worker>> workers;
  {
    base::MutexLock lock(mutex_);
    workers.swap(workers_);
  }
  for (const auto& [name, worker] : workers)
    worker->ask_to_stop();  // all, before one is waited for
  for (const auto& [name, worker] : workers) worker->stop();
}

Result<std::vector<StreamChange>> Streams::plan(const std::vector<StreamDefinition>& definitions) {
  const auto known = TRY(stored());
  std::vector<StreamChange> changes;
  for (const StreamDefinition& definition : definitions) {
    const auto found = known.find(definition.name);
    StreamChange change{.name = definition.name, .change = "created"};
    if (found != known.end())
      change.change = found->second.definition == definition ? "unchanged" : "updated";
    changes.push_back(std::move(change));
  }
  for (const auto& [name, stream] : known) {
    const bool still = std::any_of(definitions.begin(), definitions.end(),
                                   [&](const auto& each) { return each.name == name; });
    if (!still) changes.push_back({.name = name, .change = "removed"});
  }
  return changes;
}

Result<std::vector<StreamChange>> Streams::apply(const std::vector<StreamDefinition>& definitions,
                                                 const std::string& actor) {
  base::MutexLock turn(change_mutex_);
  std::vector<StreamChange> changes = TRY(plan(definitions));
  const base::Timestamp now = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (changes[i].change == "unchanged") continue;
      JsonObject payload;
      if (changes[i].change == "removed") {
        TRY(tx.execute("DELETE FROM streams WHERE name = ?", {changes[i].name}));
      } else {
        payload["definition"] = definitions[i].to_json();
        TRY(
            tx.execute("INSERT INTO streams(name, definition, paused, created_at, updated_at) "
                       "VALUES(?, ?, 0, ?, ?) ON CONFLICT(workspace, name) DO UPDATE SET "
                       "definition = excluded.definition, updated_at = excluded.updated_at",
                       {changes[i].name, base::to_text(definitions[i].to_json()), now, now}));
      }
      TRY(tx.append_event({.kind = "stream." + changes[i].change,
                           .subject = "streams/" + changes[i].name,
                           .actor = actor,
                           .payload = std::move(payload)}));
    }
    return {};
  }));
  const auto after = TRY(stored());
  for (const StreamChange& change : changes) {
    if (change.change == "unchanged") continue;
    if (const auto found = after.find(change.name); found != after.end()) {
      run(found->second);
      continue;
    }
    std::shared_ptr<Worker> gone = worker(change.name);
    if (gone) gone->stop();
    base::MutexLock lock(mutex_);
    workers_.erase(change.name);
  }
  return changes;
}

std::shared_ptr<Worker> Streams::worker(const std::string& name) {
  base::MutexLock lock(mutex_);
  const auto found = workers_.find(name);
  return found == workers_.end() ? nullptr : found->second;
}

Result<std::vector<Stream>> Streams::list() {
  std::vector<Stream> streams;
  base::MutexLock lock(mutex_);
  for (const auto& [name, worker] : workers_)
    streams.push_back({worker->definition(), worker->status()});
  return streams;
}

Result<Stream> Streams::get(const std::string& name) {
  const auto found = worker(name);
  if (!found) return base::error(Code::kNotFound, "no such stream: name={}", name);
  return Stream{found->definition(), found->status()};
}

Result<Stream> Streams::set_paused(const std::string& name, bool paused, const std::string& actor) {
  base::MutexLock turn(change_mutex_);
  const auto known = TRY(stored());
  const auto found = known.find(name);
  if (found == known.end()) return base::error(Code::kNotFound, "no such stream: name={}", name);
  if (found->second.paused != paused) {
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(tx.execute("UPDATE streams SET paused = ?, updated_at = ? WHERE name = ?",
                     {paused, clock_.now(), name}));
      return tx.append_event({.kind = paused ? "stream.paused" : "stream.resumed",
                              .subject = "streams/" + name,
                              .actor = actor});
    }));
  }
  if (const auto running = worker(name)) running->set_paused(paused);
  return get(name);
}

}  // namespace slipway::streams
