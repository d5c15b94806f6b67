#include "lineage/lineage.h"

#include "base/text.h"
#include "lineage/event_writer.h"
#include "lineage/graph_walk.h"
#include "types/timestamp.h"

namespace slipway::lineage {
namespace {

using Number = std::int64_t;

constexpr std::string_view kOwnDataset = "dataset:";
constexpr std::size_t kNamesMax = 1000;  // of the other names of a dataset that are told

JsonObject to_json(const Name& name) { return {{"namespace", name.space}, {"name", name.name}}; }

// The dataset's own name, then the others that are told of it.
Result<std::vector<Name>> names_of(store::Reader& reader, Number dataset, const Name& own) {
  std::vector<Name> names{own};
  TRY(reader.query(
      "SELECT namespace, name FROM lineage_other_names WHERE dataset = ? ORDER BY namespace, name "
      "LIMIT ?",
      {dataset, kNamesMax}, [&](const store::Row& row) {
        names.push_back({.space = row.string(0), .name = row.string(1)});
      }));
  return names;
}

Json time_or_null(const store::Row& row, int column) {
  if (row.is_null(column)) return nullptr;
  return Json(types::to_rfc3339(row.time(column)));
}

std::string_view state_of(const store::Row& row, int column) {
  return state_name(static_cast<RunState>(row.int64(column)));
}

// What was kept is JSON: it was read before.
Result<JsonObject> facets_of(store::Reader& reader, FacetOwner kind, Number owner,
                             Number part = 0) {
  JsonObject facets;
  TRY(reader.query(
      "SELECT name, text FROM lineage_facets WHERE kind = ? AND owner = ? AND part = ? AND text <> "
      "'' ORDER BY name",
      {static_cast<int>(kind), owner, part}, [&](const store::Row& row) {
        auto facet = base::parse_json(row.text(1));
        if (facet) facets[row.text(0)] = std::move(*facet);
      }));
  return facets;
}

Result<Number> find_number(store::Reader& reader, NodeKind kind, const Name& name) {
  const bool is_job = kind == NodeKind::kJob;
  const auto found =
      TRY(reader.find(fmt::format("SELECT number FROM {} WHERE namespace = ? AND name = ?",
                                  is_job ? "lineage_jobs" : "lineage_datasets"),
                      {name.space, name.name}, [](const store::Row& row) { return row.int64(0); }));
  if (found) return *found;
  return base::error(Code::kNotFound, "nobody has told of such a {}: namespace={} name={}",
                     is_job ? "job" : "dataset", name.space, name.name);
}

// Things of a table with names, page by page.
Result<JsonObject> list(store::Reader& reader, std::string_view table, const Lineage::Page& page) {
  JsonArray found;
  Number last = page.after;
  bool is_last = true;
  const std::string space = page.space.value_or("");
  TRY(reader.query(
      fmt::format("SELECT number, namespace, name, created FROM {} WHERE number > ? {} ORDER BY "
                  "number LIMIT ?",
                  table, page.space ? "AND namespace = ?" : "AND '' = ?"),
      {page.after, space, page.limit + 1}, [&](const store::Row& row) {
        is_last = found.size() < page.limit;
        if (!is_last) return;
        last = row.int64(0);
        found.push_back(JsonObject{{"namespace", row.text(1)},
                                   {"name", row.text(2)},
                                   {"known_since", types::to_rfc3339(row.time(3))}});
      }));
  return JsonObject{{"found", std::move(found)}, {"next", is_last ? Json(nullptr) : Json(last)}};
}

JsonObject renamed(JsonObject page, std::string_view noun) {
  JsonObject named{{noun, std::move(page["found"])}};
  named["next"] = std::move(page["next"]);
  return named;
}

// A list of an answer is cut at so many; the answer says when one was.
struct Cut {
  std::size_t max = 0;
  bool is_cut = false;
  bool has_room(const JsonArray& list) {
    is_cut |= list.size() >= max;
    return list.size() < max;
  }
};

// Which jobs or datasets are at the other end, newest first.
Result<JsonArray> ends(store::Reader& reader, NodeKind from, Number number, Direction direction,
                       Cut& cut) {
  const bool is_job = from == NodeKind::kJob;
  JsonArray found;
  TRY(reader.query(
      fmt::format("SELECT t.namespace, t.name, e.time FROM lineage_edges e JOIN {} t ON t.number = "
                  "e.{} WHERE e.{} = ? AND e.direction = ? ORDER BY e.time DESC, t.number LIMIT ?",
                  is_job ? "lineage_datasets" : "lineage_jobs", is_job ? "dataset" : "job",
                  is_job ? "job" : "dataset"),
      {number, static_cast<int>(direction), cut.max + 1}, [&](const store::Row& row) {
        if (!cut.has_room(found)) return;
        found.push_back(JsonObject{{"namespace", row.text(0)},
                                   {"name", row.text(1)},
                                   {"last_time", types::to_rfc3339(row.time(2))}});
      }));
  return found;
}

Result<JsonArray> uses_of_run(store::Reader& reader, Number run, Direction direction) {
  struct Use {
    Number dataset = 0;
    JsonObject told;
  };
  std::vector<Use> uses;
  TRY(reader.query(
      "SELECT u.dataset, d.namespace, d.name, u.version FROM lineage_uses u JOIN lineage_datasets "
      "d ON d.number = u.dataset WHERE u.run = ? AND u.direction = ? ORDER BY u.dataset, u.version",
      {run, static_cast<int>(direction)}, [&](const store::Row& row) {
        uses.push_back(
            {.dataset = row.int64(0),
             .told = {
                 {"namespace", row.text(1)}, {"name", row.text(2)}, {"version", row.text(3)}}});
      }));
  const FacetOwner kind =
      direction == Direction::kRead ? FacetOwner::kRunReads : FacetOwner::kRunWrites;
  JsonArray told;
  for (Use& use : uses) {
    use.told["facets"] = TRY(facets_of(reader, kind, run, use.dataset));
    told.push_back(std::move(use.told));
  }
  return told;
}

std::string key_of(const Node& node) {
  return fmt::format("{} {}", node.kind == NodeKind::kJob ? "job" : "dataset", node.number);
}

JsonArray keys_of(const std::set<Node>& nodes) {
  JsonArray keys;
  for (const Node& node : nodes) keys.emplace_back(key_of(node));
  return keys;
}

// What a node of a graph says beyond its name.
Result<void> describe(store::Reader& reader, const Node& node, JsonObject& told) {
  if (node.kind == NodeKind::kJob) {
    return reader.query(
        "SELECT id, state, first_time, last_time FROM lineage_runs WHERE job = ? ORDER BY "
        "first_time DESC, number DESC LIMIT 1",
        {node.number}, [&](const store::Row& row) {
          told["run"] = JsonObject{{"id", row.text(0)},
                                   {"state", state_of(row, 1)},
                                   {"first_time", time_or_null(row, 2)},
                                   {"last_time", time_or_null(row, 3)}};
        });
  }
  return reader.query(
      "SELECT version FROM lineage_versions WHERE dataset = ? ORDER BY first_time DESC, version "
      "DESC LIMIT 1",
      {node.number}, [&](const store::Row& row) { told["version"] = row.text(0); });
}

}  // namespace

Result<std::size_t> Lineage::keep(const std::vector<Event>& events) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<std::size_t> {
    std::size_t kept = 0;
    for (const Event& event : events) kept += TRY(write_event(tx, event, now)) ? 1 : 0;
    return kept;
  });
}

Result<JsonObject> Lineage::jobs(const Page& page) {
  return renamed(
      TRY(db_.read([&](store::Reader& reader) { return list(reader, "lineage_jobs", page); })),
      "jobs");
}

Result<JsonObject> Lineage::datasets(const Page& page) {
  return renamed(
      TRY(db_.read([&](store::Reader& reader) { return list(reader, "lineage_datasets", page); })),
      "datasets");
}

Result<JsonObject> Lineage::job(const Name& name, std::size_t runs_max) {
  return db_.read([&](store::Reader& reader) -> Result<JsonObject> {
    const Number number = TRY(find_number(reader, NodeKind::kJob, name));
    JsonObject told = to_json(name);
    told["parent"] = nullptr;
    TRY(reader.query(
        "SELECT p.namespace, p.name FROM lineage_jobs j JOIN lineage_jobs p ON p.number = j.parent "
        "WHERE j.number = ?",
        {number}, [&](const store::Row& row) {
          told["parent"] = to_json({.space = row.string(0), .name = row.string(1)});
        }));
    told["facets"] = TRY(facets_of(reader, FacetOwner::kJob, number));
    Cut cut{.max = options_.nodes_max};
    told["inputs"] = TRY(ends(reader, NodeKind::kJob, number, Direction::kRead, cut));
    told["outputs"] = TRY(ends(reader, NodeKind::kJob, number, Direction::kWritten, cut));
    told["cut"] = cut.is_cut;
    JsonArray runs;
    TRY(reader.query(
        "SELECT id, state, first_time, last_time FROM lineage_runs WHERE job = ? ORDER BY "
        "first_time DESC, number DESC LIMIT ?",
        {number, runs_max}, [&](const store::Row& row) {
          runs.push_back(JsonObject{{"id", row.text(0)},
                                    {"state", state_of(row, 1)},
                                    {"first_time", time_or_null(row, 2)},
                                    {"last_time", time_or_null(row, 3)}});
        }));
    told["runs"] = std::move(runs);
    return told;
  });
}

Result<JsonObject> Lineage::dataset(const Name& name, std::size_t versions_max) {
  std::vector<Name> names;
  JsonObject told = TRY(db_.read([&](store::Reader& reader) -> Result<JsonObject> {
    const Number number = TRY(find_number(reader, NodeKind::kDataset, name));
    JsonObject found = to_json(name);
    JsonArray others, versions;
    names = TRY(names_of(reader, number, name));
    for (std::size_t i = 1; i < names.size(); ++i) others.push_back(to_json(names[i]));
    TRY(reader.query(
        "SELECT v.version, v.first_time, r.id FROM lineage_versions v LEFT JOIN lineage_runs r ON "
        "r.number = v.written_by WHERE v.dataset = ? ORDER BY v.first_time DESC, v.version DESC "
        "LIMIT ?",
        {number, versions_max}, [&](const store::Row& row) {
          versions.push_back(
              JsonObject{{"version", row.text(0)},
                         {"first_time", time_or_null(row, 1)},
                         {"written_by", row.is_null(2) ? Json(nullptr) : Json(row.text(2))}});
        }));
    found["other_names"] = std::move(others);
    found["versions"] = std::move(versions);
    found["facets"] = TRY(facets_of(reader, FacetOwner::kDataset, number));
    Cut cut{.max = options_.nodes_max};
    found["read_by"] = TRY(ends(reader, NodeKind::kDataset, number, Direction::kRead, cut));
    found["written_by"] = TRY(ends(reader, NodeKind::kDataset, number, Direction::kWritten, cut));
    found["cut"] = cut.is_cut;
    return found;
  }));
  const auto own = TRY(own_.find(names));
  told["own"] = own.empty() ? Json(nullptr) : Json(own.begin()->second);
  return told;
}

Result<JsonObject> Lineage::run(const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<JsonObject> {
    JsonObject told;
    Number number = 0;
    std::string parent;
    TRY(reader.query(
        "SELECT r.number, j.namespace, j.name, r.parent, r.state, r.first_time, r.last_time, "
        "r.state_time FROM lineage_runs r JOIN lineage_jobs j ON j.number = r.job WHERE r.id = ?",
        {id}, [&](const store::Row& row) {
          number = row.int64(0);
          parent = row.string(3);
          const bool over = is_over(static_cast<RunState>(row.int64(4)));
          told = {{"id", id},
                  {"job", to_json({.space = row.string(1), .name = row.string(2)})},
                  {"state", state_of(row, 4)},
                  {"first_time", time_or_null(row, 5)},
                  {"last_time", time_or_null(row, 6)},
                  {"ended", over ? time_or_null(row, 7) : Json(nullptr)}};
        }));
    if (number == 0)
      return base::error(Code::kNotFound, "nobody has told of such a run: id={}", id);
    told["parent"] = parent.empty() ? Json(nullptr) : Json(parent);
    JsonArray children;
    Cut cut{.max = options_.nodes_max};
    TRY(reader.query(
        "SELECT id FROM lineage_runs WHERE parent = ? AND parent <> '' ORDER BY first_time, number "
        "LIMIT ?",
        {id, cut.max + 1}, [&](const store::Row& row) {
          if (cut.has_room(children)) children.emplace_back(row.text(0));
        }));
    told["children"] = std::move(children);
    told["cut"] = cut.is_cut;
    told["facets"] = TRY(facets_of(reader, FacetOwner::kRun, number));
    told["inputs"] = TRY(uses_of_run(reader, number, Direction::kRead));
    told["outputs"] = TRY(uses_of_run(reader, number, Direction::kWritten));
    return told;
  });
}

Result<JsonObject> Lineage::events_of_run(const std::string& id, const Page& page) {
  return db_.read([&](store::Reader& reader) -> Result<JsonObject> {
    const auto run = TRY(reader.find("SELECT number FROM lineage_runs WHERE id = ?", {id},
                                     [](const store::Row& row) { return row.int64(0); }));
    if (!run) return base::error(Code::kNotFound, "nobody has told of such a run: id={}", id);
    JsonArray events;
    Json next = nullptr;
    Number last = page.after;
    TRY(reader.query(
        "SELECT number, text FROM lineage_events WHERE run = ? AND number > ? ORDER BY number "
        "LIMIT ?",
        {*run, page.after, page.limit + 1}, [&](const store::Row& row) {
          if (events.size() == page.limit) {
            next = last;
            return;
          }
          last = row.int64(0);
          auto event = base::parse_json(row.text(1));
          if (event) events.push_back(std::move(*event));
        }));
    return JsonObject{{"events", std::move(events)}, {"next", std::move(next)}};
  });
}

Result<JsonObject> Lineage::graph(const std::string& of, Walk walk, std::size_t steps_max) {
  std::map<Node, JsonObject> told;
  std::map<Node, std::vector<Name>> datasets;
  std::vector<Name> own_names;
  if (of.starts_with(kOwnDataset)) own_names = TRY(own_.names_of(of.substr(kOwnDataset.size())));
  const Graph graph = TRY(db_.read([&](store::Reader& reader) -> Result<Graph> {
    told.clear();
    datasets.clear();
    Start start = own_names.empty()
                      ? TRY(start_at_run(reader, base::lowered(of), options_.nodes_max))
                      : TRY(start_at_datasets(reader, own_names));
    if (start.nodes.empty()) start = TRY(start_at_name(reader, of));
    if (start.nodes.empty() && own_names.empty()) {
      return base::error(Code::kNotFound,
                         "nobody has told of such a run, or of a job or dataset NAMESPACE/NAME: {}",
                         of);
    }
    Graph found = TRY(walk_graph(reader, start, walk, steps_max, options_.nodes_max));
    for (const auto& [node, seen] : found.nodes) {
      JsonObject& one = told[node];
      one = {{"key", key_of(node)},
             {"kind", node.kind == NodeKind::kJob ? "job" : "dataset"},
             {"namespace", seen.name.space},
             {"name", seen.name.name},
             {"needs", keys_of(seen.needs)}};
      if (!seen.same_as.empty()) one["same_as"] = keys_of(seen.same_as);
      TRY(describe(reader, node, one));
      if (node.kind == NodeKind::kDataset)
        datasets[node] = TRY(names_of(reader, node.number, seen.name));
    }
    return found;
  }));
  std::vector<Name> asked;
  for (const auto& [node, names] : datasets) asked.insert(asked.end(), names.begin(), names.end());
  const auto own = TRY(own_.find(asked));
  JsonArray start, nodes;
  for (auto& [node, one] : told) {
    const Graph::Seen& seen = graph.nodes.at(node);
    if (seen.is_start) start.emplace_back(key_of(node));
    for (const Name& name : datasets[node]) {
      const auto ours = own.find(name);
      if (ours == own.end()) continue;
      one["own"] = ours->second;
      break;
    }
    nodes.push_back(std::move(one));
  }
  return JsonObject{
      {"start", std::move(start)}, {"nodes", std::move(nodes)}, {"cut", graph.is_cut}};
}

}  // namespace slipway::lineage
