// What Pipelines does with what slipway.yaml declares: its pipelines and pools.
#include "pipelines/pipelines.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;

Result<std::vector<DefinitionChange>> Pipelines::plan(
    const std::vector<ParsedPipeline>& pipelines) {
  std::map<std::string, std::string> known;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT name, text FROM pipeline_definitions", {},
                        [&](const store::Row& row) { known[row.string(0)] = row.string(1); });
  }));
  std::vector<DefinitionChange> changes;
  for (const ParsedPipeline& pipeline : pipelines) {
    const std::string& name = pipeline.definition.name;
    const auto found = known.find(name);
    // What it says counts, not how it is written.
    const auto says_the_same = [&](const std::string& text) {
      if (text == pipeline.text) return true;
      const auto before = parse_pipeline(name, text);
      return before && *before == pipeline.definition;
    };
    changes.push_back({.name = name,
                       .change = found == known.end()           ? "created"
                                 : says_the_same(found->second) ? "unchanged"
                                                                : "updated"});
  }
  return changes;
}

Offers Pipelines::offers(const fs::path& project) {
  base::MutexLock lock(mutex_);
  return {.capacity = places_.largest(),
          .lack_of_kubernetes = executor_.lack_of_kubernetes(project)};
}

std::vector<std::string> Pipelines::warnings(const std::vector<ParsedPipeline>& pipelines) const {
  std::vector<std::string> warnings;
  for (const ParsedPipeline& pipeline : pipelines) {
    for (const StepDefinition& step : pipeline.definition.steps) {
      for (const std::string& secret : step.secrets) {
        if (const auto found = secrets_.find(secret); !found)
          warnings.push_back(fmt::format("pipeline {}, step {}: {}", pipeline.definition.name,
                                         step.name, found.error().message));
      }
    }
  }
  return warnings;
}

Result<std::vector<DefinitionChange>> Pipelines::apply(const std::vector<ParsedPipeline>& pipelines,
                                                       const fs::path& project,
                                                       const std::string& actor) {
  const auto changes = TRY(plan(pipelines));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (std::size_t i = 0; i < pipelines.size(); ++i) {
      const std::string& name = pipelines[i].definition.name;
      const std::string notify = to_text(pipelines[i].definition.notify);
      TRY(
          tx.execute("INSERT INTO pipeline_definitions(name, text, project, notify) VALUES(?, ?, "
                     "?, ?) ON CONFLICT(workspace, name) DO UPDATE SET text = excluded.text, "
                     "project = excluded.project, notify = excluded.notify",
                     {name, pipelines[i].text, project.string(), notify}));
      if (changes[i].change == "unchanged") continue;
      TRY(tx.append_event({.kind = "pipeline.declared",
                           .subject = "pipelines/" + name,
                           .actor = actor,
                           .payload = {{"text", pipelines[i].text}}}));
    }
    return {};
  }));
  return changes;
}

Result<void> Pipelines::remove(const std::string& name, const std::string& actor) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto active = TRY(tx.find(
        "SELECT id FROM pipeline_runs WHERE pipeline = ? AND state IN ('queued', 'running')",
        {name}, [](const store::Row& row) { return row.string(0); }));
    if (active)
      return base::error(Code::kFailedPrecondition, "a run of it isn't over: pipeline={} run={}",
                         name, *active);
    if (TRY(tx.execute("DELETE FROM pipeline_definitions WHERE name = ?", {name})) == 0)
      return base::error(Code::kNotFound, "no such pipeline: pipeline={}", name);
    return tx.append_event(
        {.kind = "pipeline.removed", .subject = "pipelines/" + name, .actor = actor});
  });
}

Result<void> Pipelines::quieten_others(const std::vector<ParsedPipeline>& pipelines) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    std::set<std::string> others;
    TRY(tx.query("SELECT name FROM pipeline_definitions", {},
                 [&](const store::Row& row) { others.insert(row.string(0)); }));
    for (const ParsedPipeline& pipeline : pipelines) others.erase(pipeline.definition.name);
    for (const std::string& name : others) {
      TRY(tx.execute("UPDATE pipeline_definitions SET notify = '{}', failing = '' WHERE name = ?",
                     {name}));
    }
    return {};
  });
}

Result<std::vector<DefinitionChange>> Pipelines::plan_pools(const Pools& pools) {
  const Pools known = TRY(pool_table_.read());
  std::vector<DefinitionChange> changes;
  for (const auto& [name, slots] : pools) {
    const auto found = known.find(name);
    changes.push_back({.kind = "pool",
                       .name = name,
                       .change = found == known.end()     ? "created"
                                 : found->second == slots ? "unchanged"
                                                          : "updated"});
  }
  return changes;
}

Result<std::vector<DefinitionChange>> Pipelines::apply_pools(const Pools& pools,
                                                             const std::string& actor) {
  auto changes = TRY(plan_pools(pools));
  TRY(pool_table_.declare(pools, actor));
  const Pools all = TRY(pool_table_.read());
  base::MutexLock lock(mutex_);
  places_.set_pools(all);
  hand_out();
  return changes;
}

Result<void> Pipelines::remove_pool(const std::string& name, const std::string& actor) {
  for (const Places::PoolState& pool : pools()) {
    if (pool.name == name && (pool.taken > 0 || pool.waiting > 0))
      return base::error(Code::kFailedPrecondition, "steps hold slots of it, or wait: pool={}",
                         name);
  }
  TRY(pool_table_.remove(name, actor));
  const Pools left = TRY(pool_table_.read());
  base::MutexLock lock(mutex_);
  places_.set_pools(left);
  return {};
}

std::vector<Places::PoolState> Pipelines::pools() {
  base::MutexLock lock(mutex_);
  return places_.pools();
}

Result<std::vector<PipelineDefinition>> Pipelines::definitions() {
  std::vector<std::pair<std::string, std::string>> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT name, text FROM pipeline_definitions ORDER BY name", {},
        [&](const store::Row& row) { texts.emplace_back(row.string(0), row.string(1)); });
  }));
  std::vector<PipelineDefinition> definitions;
  for (const auto& [name, text] : texts) definitions.push_back(TRY(parse_pipeline(name, text)));
  return definitions;
}

}  // namespace slipway::pipelines
