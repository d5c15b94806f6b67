// A walk over what reads and writes what.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lineage/lineage.h"
#include "lineage/values.h"
#include "store/db.h"

namespace slipway::lineage {

enum class NodeKind { kJob, kDataset };

struct Node {
  NodeKind kind = NodeKind::kJob;
  std::int64_t number = 0;
  auto operator<=>(const Node&) const = default;
};

struct Graph {
  struct Seen {
    Name name;
    std::set<Node> needs;    // what it was made from
    std::set<Node> same_as;  // of a dataset: the same data under other names
    bool is_start = false;
  };
  std::map<Node, Seen> nodes;
  bool is_cut = false;  // there is more
};

// Where a walk begins.
struct Start {
  std::vector<Node> nodes;
  // Of a run: its job and those of the runs that it started, each with what these runs read and
  // wrote; of the other jobs everything counts that they ever did.
  std::map<Node, std::vector<std::int64_t>> runs;
};

// The jobs and datasets that are called SPACE/NAME, wherever the one ends and the other begins.
Result<Start> start_at_name(store::Reader& reader, const std::string& text);
Result<Start> start_at_datasets(store::Reader& reader, const std::vector<Name>& names);
// Nothing in it: there is no such run.
Result<Start> start_at_run(store::Reader& reader, const std::string& id, std::size_t runs_max);

// `steps_max` counts from a dataset to the next.
Result<Graph> walk_graph(store::Reader& reader, const Start& start, Walk walk,
                         std::size_t steps_max, std::size_t nodes_max);

}  // namespace slipway::lineage
