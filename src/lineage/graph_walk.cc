#include "lineage/graph_walk.h"

#include <deque>
#include <set>

#include "lineage/event_writer.h"

namespace slipway::lineage {
namespace {

constexpr std::size_t kSlashesMax = 64;  // of a name that is asked for

constexpr std::string_view table_of(NodeKind kind) {
  return kind == NodeKind::kJob ? "lineage_jobs" : "lineage_datasets";
}

class Walker {
 public:
  Walker(store::Reader& reader, const Start& start, std::size_t nodes_max)
      : reader_(reader), start_(start), nodes_max_(nodes_max) {}

  Result<void> start() {
    for (const Node& node : start_.nodes) {
      if (TRY(add(node))) graph_.nodes[node].is_start = true;
    }
    if (start_.runs.empty()) whole_.insert(start_.nodes.begin(), start_.nodes.end());
    return {};
  }

  // One way from where it starts.
  Result<void> go(Direction way, std::size_t steps_max) {
    std::set<Node> been(start_.nodes.begin(), start_.nodes.end());
    std::deque<std::pair<Node, std::size_t>> next;
    for (const Node& node : start_.nodes) next.emplace_back(node, 0);
    while (!next.empty()) {
      const auto [node, steps] = next.front();
      next.pop_front();
      for (const Node& other : TRY(beside(node))) {
        if (been.insert(other).second) next.emplace_back(other, steps);
      }
      if (steps == steps_max) {
        graph_.is_cut |= !TRY(neighbours(node, way)).empty();
        continue;
      }
      for (const Node& neighbour : TRY(neighbours(node, way))) {
        if (!TRY(add(neighbour))) continue;
        const bool is_up = way == Direction::kRead;
        graph_.nodes[is_up ? node : neighbour].needs.insert(is_up ? neighbour : node);
        if (!been.insert(neighbour).second) continue;
        next.emplace_back(neighbour, steps + (neighbour.kind == NodeKind::kDataset ? 1 : 0));
      }
    }
    return {};
  }

  Graph take() { return std::move(graph_); }

 private:
  // False: there is no room for it.
  Result<bool> add(const Node& node) {
    if (graph_.nodes.contains(node)) return true;
    if (graph_.nodes.size() >= nodes_max_) {
      graph_.is_cut = true;
      return false;
    }
    const auto name = TRY(reader_.find(
        fmt::format("SELECT namespace, name FROM {} WHERE number = ?", table_of(node.kind)),
        {node.number},
        [](const store::Row& row) { return Name{.space = row.string(0), .name = row.string(1)}; }));
    if (name) graph_.nodes[node].name = *name;
    return name.has_value();
  }

  // What a step leads to: up from a job to what it reads, up from a dataset to what writes it.
  Result<std::vector<Node>> neighbours(const Node& node, Direction way) {
    const bool is_job = node.kind == NodeKind::kJob;
    const bool is_up = way == Direction::kRead;
    const int direction =
        static_cast<int>(is_job == is_up ? Direction::kRead : Direction::kWritten);
    if (!is_job) {
      return numbers(
          "SELECT job FROM lineage_edges WHERE dataset = ? AND direction = ? ORDER BY "
          "job LIMIT ?",
          {node.number, direction, nodes_max_ + 1}, NodeKind::kJob);
    }
    const auto runs = start_.runs.find(node);
    if (runs == start_.runs.end()) {
      return numbers(
          "SELECT dataset FROM lineage_edges WHERE job = ? AND direction = ? ORDER BY "
          "dataset LIMIT ?",
          {node.number, direction, nodes_max_ + 1}, NodeKind::kDataset);
    }
    std::set<Node> found;
    for (const std::int64_t run : runs->second) {
      for (const Node& dataset : TRY(numbers(
               "SELECT dataset FROM lineage_uses WHERE run = ? AND direction = ? ORDER BY dataset "
               "LIMIT ?",
               {run, direction, nodes_max_ + 1}, NodeKind::kDataset)))
        found.insert(dataset);
    }
    return std::vector<Node>(found.begin(), found.end());
  }

  // What goes along with the node: other names of a dataset, and the parts of a job that was asked
  // for.
  Result<std::vector<Node>> beside(const Node& node) {
    std::vector<Node> kept;
    if (node.kind == NodeKind::kJob && !whole_.contains(node)) return kept;
    for (const Node& other : TRY(node.kind == NodeKind::kJob ? parts(node) : same(node))) {
      if (other == node || !TRY(add(other))) continue;
      kept.push_back(other);
      if (node.kind == NodeKind::kJob) {
        whole_.insert(other);
        continue;
      }
      graph_.nodes[node].same_as.insert(other);
      graph_.nodes[other].same_as.insert(node);
    }
    return kept;
  }

  Result<std::vector<Node>> parts(const Node& job) {
    return numbers("SELECT number FROM lineage_jobs WHERE parent = ? ORDER BY number LIMIT ?",
                   {job.number, nodes_max_ + 1}, NodeKind::kJob);
  }

  Result<std::vector<Node>> same(const Node& dataset) {
    return numbers(
        "SELECT d.number FROM lineage_other_names o JOIN lineage_datasets d ON d.namespace = "
        "o.namespace AND d.name = o.name WHERE o.dataset = ? UNION SELECT o.dataset FROM "
        "lineage_datasets d JOIN lineage_other_names o ON o.namespace = d.namespace AND o.name = "
        "d.name WHERE d.number = ? UNION SELECT p.dataset FROM lineage_other_names o JOIN "
        "lineage_other_names p ON p.namespace = o.namespace AND p.name = o.name WHERE o.dataset = "
        "? LIMIT ?",
        {dataset.number, dataset.number, dataset.number, nodes_max_ + 1}, NodeKind::kDataset);
  }

  Result<std::vector<Node>> numbers(std::string_view sql, store::Params params, NodeKind kind) {
    std::vector<Node> found;
    TRY(reader_.query(sql, params, [&](const store::Row& row) {
      found.push_back({.kind = kind, .number = row.int64(0)});
    }));
    return found;
  }

  store::Reader& reader_;
  const Start& start_;
  const std::size_t nodes_max_;
  std::set<Node> whole_;  // jobs whose parts go along
  Graph graph_;
};

}  // namespace

Result<Start> start_at_name(store::Reader& reader, const std::string& text) {
  Start start;
  std::size_t slash = text.find('/');
  for (std::size_t tries = 0; slash != std::string::npos && tries < kSlashesMax; ++tries) {
    const std::string space = text.substr(0, slash), name = text.substr(slash + 1);
    for (const NodeKind kind : {NodeKind::kJob, NodeKind::kDataset}) {
      TRY(reader.query(
          fmt::format("SELECT number FROM {} WHERE namespace = ? AND name = ?", table_of(kind)),
          {space, name}, [&](const store::Row& row) {
            start.nodes.push_back({.kind = kind, .number = row.int64(0)});
          }));
    }
    slash = text.find('/', slash + 1);
  }
  return start;
}

Result<Start> start_at_datasets(store::Reader& reader, const std::vector<Name>& names) {
  Start start;
  for (const Name& name : names) {
    TRY(
        reader.query("SELECT number FROM lineage_datasets WHERE namespace = ? AND name = ? UNION "
                     "SELECT dataset FROM lineage_other_names WHERE namespace = ? AND name = ?",
                     {name.space, name.name, name.space, name.name}, [&](const store::Row& row) {
                       start.nodes.push_back({.kind = NodeKind::kDataset, .number = row.int64(0)});
                     }));
  }
  return start;
}

Result<Start> start_at_run(store::Reader& reader, const std::string& id, std::size_t runs_max) {
  Start start;
  std::set<std::string> known;
  std::deque<std::string> next;
  const auto take = [&](const store::Row& row) {
    if (known.size() >= runs_max || !known.insert(row.string(2)).second) return;
    const Node job{.kind = NodeKind::kJob, .number = row.int64(1)};
    if (!start.runs.contains(job)) start.nodes.push_back(job);
    start.runs[job].push_back(row.int64(0));
    next.push_back(row.string(2));
  };
  TRY(reader.query("SELECT number, job, id FROM lineage_runs WHERE id = ?", {id}, take));
  while (!next.empty()) {
    const std::string parent = std::move(next.front());
    next.pop_front();
    TRY(
        reader.query("SELECT number, job, id FROM lineage_runs WHERE parent = ? AND parent <> '' "
                     "ORDER BY first_time LIMIT ?",
                     {parent, runs_max}, take));
  }
  return start;
}

Result<Graph> walk_graph(store::Reader& reader, const Start& start, Walk walk,
                         std::size_t steps_max, std::size_t nodes_max) {
  Walker walker(reader, start, nodes_max);
  TRY(walker.start());
  if (walk != Walk::kDown) TRY(walker.go(Direction::kRead, steps_max));
  if (walk != Walk::kUp) TRY(walker.go(Direction::kWritten, steps_max));
  return walker.take();
}

}  // namespace slipway::lineage
