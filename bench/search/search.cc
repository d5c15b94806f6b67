// Searches of functions whose best is known, for bench/search/run.py.
//
//   search_bench FUNCTION METHOD TRIALS SEEDS
//
// Prints JSON: the best value of each seed, and the seconds that all proposals took.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numbers>

#include "pipelines/search/trials.h"

using namespace slipway;
using namespace slipway::pipelines;
using std::numbers::pi;

namespace {

struct Known {
  const char* space;  // as in slipway.yaml
  std::function<double(const Point&)> value;
};

double sphere(const Point& x) {
  double sum = 0;
  for (const double v : x) sum += (v - 1) * (v - 1);
  return sum;
}

double branin(const Point& x) {
  const double a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}

double hartmann6(const Point& x) {
  constexpr double kAlpha[4] = {1.0, 1.2, 3.0, 3.2};
  constexpr double kA[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                               {0.05, 10, 17, 0.1, 8, 14},
                               {3, 3.5, 1.7, 10, 17, 8},
                               {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double kP[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                               {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                               {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                               {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    double inner = 0;
    for (std::size_t j = 0; j < 6; ++j) inner += kA[i][j] * (x[j] - kP[i][j]) * (x[j] - kP[i][j]);
    sum -= kAlpha[i] * std::exp(-inner);
  }
  return sum;
}

// As a learner's loss may look: a rate by its ratio, a depth, a kind that matters.
double learner(const Point& x) {
  const double rate = std::log10(x[0]) + 2;
  return rate * rate + 0.05 * (x[1] - 7) * (x[1] - 7) + (x[2] == 2 ? 0 : 1) + 0.5 * x[3];
}

const std::map<std::string, Known>& functions() {
  static const std::map<std::string, Known> all = {
      {"sphere",
       {"{a: {low: -5.0, high: 5}, b: {low: -5.0, high: 5}, c: {low: -5.0, high: 5}, d: {low: "
        "-5.0, high: 5}}",
        sphere}},
      {"branin", {"{x: {low: -5.0, high: 10}, y: {low: 0.0, high: 15}}", branin}},
      {"hartmann6",
       {"{a: {low: 0.0, high: 1}, b: {low: 0.0, high: 1}, c: {low: 0.0, high: 1}, d: {low: 0.0, "
        "high: 1}, e: {low: 0.0, high: 1}, f: {low: 0.0, high: 1}}",
        hartmann6}},
      {"learner",
       {"{rate: {low: 1e-5, high: 1, log: true}, depth: {low: 1, high: 20}, kind: {choices: [a, "
        "b, c, d]}, share: {low: 0, high: 1.0, step: 0.1}}",
        learner}}};
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 || !functions().contains(argv[1])) {
    std::fprintf(stderr, "search_bench FUNCTION METHOD TRIALS SEEDS\n");
    return 2;
  }
  const Known& known = functions().at(argv[1]);
  Search search = MUST(read_search(MUST(types::YamlNode::parse(
      fmt::format("{{method: {}, trials: {}, metric: value, goal: minimize, space: {}}}", argv[2],
                  argv[3], known.space)))));
  std::chrono::steady_clock::duration proposing{};
  std::string best_values;
  for (search.seed = 0; search.seed < std::atoi(argv[4]); ++search.seed) {
    std::vector<Trial> trials;
    double best = HUGE_VAL;
    while (trials_due(search, trials) > 0) {
      const auto begin = std::chrono::steady_clock::now();
      Trial trial{.state = Trial::State::kComplete, .point = propose(search, trials)};
      proposing += std::chrono::steady_clock::now() - begin;
      trial.value = known.value(trial.point);
      best = std::min(best, trial.value);
      trials.push_back(std::move(trial));
    }
    best_values += fmt::format("{}{}", best_values.empty() ? "" : ",", best);
  }
  fmt::print("{{\"seconds\":{},\"best\":[{}]}}\n", std::chrono::duration<double>(proposing).count(),
             best_values);
  return 0;
}
