#include "pipelines/search/trials.h"

#include <algorithm>

#include "pipelines/search/grid.h"
#include "pipelines/search/tpe.h"

namespace slipway::pipelines {
namespace {

// A generator of each trial's own, so that no proposal depends on how many came before.
std::uint64_t seed_of(const Search& search, std::size_t number) {
  return static_cast<std::uint64_t>(search.seed) * 0x9e3779b97f4a7c15U +
         (number + 1) * 0xd1342543de82ef95U;
}

Point random_point(const Space& space, base::Random& random) {
  Point point;
  for (const Dimension& dimension : space) point.push_back(random_value(dimension, random));
  return point;
}

// All that the next proposal may depend on.
std::vector<Trial> known_to_next(const Search& search, std::span<const Trial> trials) {
  std::vector<Trial> known(trials.begin(), trials.end());
  const auto unknown = static_cast<std::size_t>(search.parallel) - 1;
  for (std::size_t i = known.size() - std::min(known.size(), unknown); i < known.size(); ++i)
    known[i].state = Trial::State::kOpen;
  return known;
}

bool is_open(const Trial& trial) { return trial.state == Trial::State::kOpen; }

}  // namespace

bool too_many_failed(const Search& search, std::span<const Trial> trials) {
  return std::count_if(trials.begin(), trials.end(),
                       [](const Trial& trial) { return trial.has_failed; }) > search.max_failed;
}

std::size_t trials_due(const Search& search, std::span<const Trial> trials) {
  const auto wanted = static_cast<std::size_t>(search.trials);
  const auto parallel = static_cast<std::size_t>(search.parallel);
  if (trials.size() >= wanted || too_many_failed(search, trials)) return 0;
  const std::size_t left = wanted - trials.size();
  if (search.method == Search::Method::kTpe) {
    const auto first = std::find_if(trials.begin(), trials.end(), is_open);
    const std::size_t end = static_cast<std::size_t>(first - trials.begin()) + parallel;
    return std::min(end - std::min(end, trials.size()), left);
  }
  const auto open = static_cast<std::size_t>(std::count_if(trials.begin(), trials.end(), is_open));
  return std::min(parallel - std::min(parallel, open), left);
}

Point propose(const Search& search, std::span<const Trial> trials) {
  base::SeededRandom random(seed_of(search, trials.size()));
  switch (search.method) {
    case Search::Method::kGrid:
      return grid_point(search.space, trials.size());
    case Search::Method::kRandom:
      return random_point(search.space, random);
    case Search::Method::kTpe:
      return tpe_point(search.space, search.maximizes, known_to_next(search, trials), random);
  }
  return {};
}

std::optional<std::size_t> best_of(const Search& search, std::span<const Trial> trials) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].state != Trial::State::kComplete) continue;
    if (!best || search.is_better(trials[i].value, trials[*best].value)) best = i;
  }
  return best;
}

}  // namespace slipway::pipelines
