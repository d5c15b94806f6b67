#include "monitor/testdata/golden_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>

namespace slipway::monitor::golden {
namespace {

// Sum of twelve uniforms minus 6: standard deviation 1.
Numbers normal(std::uint64_t seed, std::size_t count, double mean = 0, double deviation = 1) {
  const Numbers draws = uniform(seed, 12 * count);
  Numbers values(count);
  for (std::size_t i = 0; i < count; ++i) {
    double sum = draws[12 * i];
    for (std::size_t k = 1; k < 12; ++k) sum += draws[12 * i + k];
    values[i] = (sum - 6.0) * deviation + mean;
  }
  return values;
}

template <typename F>
Numbers each(Numbers values, F&& f) {
  for (double& value : values) value = f(value);
  return values;
}

Numbers whole(std::uint64_t seed, std::size_t count, double k) {
  return each(uniform(seed, count), [k](double u) { return std::floor(u * k); });
}

Numbers heavy(std::uint64_t seed, std::size_t count) {
  return each(uniform(seed, count), [](double u) {
    const double t = 2.0 * u - 1.0;
    return t / (1.0 - std::abs(t));
  });
}

Numbers replaced(Numbers values, std::uint64_t seed, double share, double by) {
  const Numbers draws = uniform(seed, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (draws[i] < share) values[i] = by;
  }
  return values;
}

Numbers category(std::uint64_t seed, std::size_t count, const Numbers& weights) {
  Numbers cumulative;
  double sum = 0;
  for (double weight : weights) cumulative.push_back(sum += weight);
  return each(uniform(seed, count), [&](double u) {
    const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), u) - cumulative.begin();
    return static_cast<double>(std::min<std::ptrdiff_t>(at, std::ssize(weights) - 1));
  });
}

Words words(const Numbers& indexes) {
  Words out;
  for (double index : indexes) out.push_back(fmt::format("c{:04}", static_cast<int>(index)));
  return out;
}

Words blanked(Words values, std::uint64_t seed, double share) {
  const Numbers draws = uniform(seed, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (draws[i] < share) values[i].clear();
  }
  return values;
}

}  // namespace

Numbers uniform(std::uint64_t seed, std::size_t count) {
  Numbers values(count);
  std::uint64_t state = seed;
  for (double& value : values) {
    state += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    value = static_cast<double>(z >> 11) * 0x1.0p-53;
  }
  return values;
}

std::map<std::string, std::pair<Numbers, Numbers>> numeric_pairs() {
  const double kNone = std::numeric_limits<double>::quiet_NaN();
  const double kInfinity = std::numeric_limits<double>::infinity();
  std::map<std::string, std::pair<Numbers, Numbers>> pairs;
  for (std::size_t n : {8, 50, 500, 1000, 1001, 5000, 20000}) {
    pairs[fmt::format("norm_same_{}", n)] = {normal(1, n), normal(2, n)};
    pairs[fmt::format("norm_shift05_{}", n)] = {normal(3, n), normal(4, n, 0.5)};
  }
  pairs["norm_shift01_20000"] = {normal(5, 20000), normal(6, 20000, 0.1)};
  pairs["norm_scale2_5000"] = {normal(7, 5000), normal(8, 5000, 0.0, 2.0)};
  pairs["unequal_n_5000_300"] = {normal(9, 5000), normal(10, 300, 0.3)};
  pairs["unequal_n_700_20000"] = {normal(11, 700), normal(12, 20000, 0.3)};
  pairs["heavy_5000"] = {heavy(13, 5000), each(heavy(14, 5000), [](double v) { return v * 1.5; })};
  pairs["pareto_900"] = {each(uniform(15, 900), [](double u) { return 1 / (1 - u); }),
                         each(uniform(16, 900), [](double u) { return 1 / (1 - u) + 0.5; })};
  pairs["discrete3_800"] = {whole(17, 800, 3),
                            each(whole(18, 800, 4), [](double v) { return std::min(v, 2.0); })};
  pairs["discrete2_800"] = {whole(19, 800, 2),
                            each(uniform(20, 800), [](double u) { return u < 0.4 ? 1.0 : 0.0; })};
  pairs["discrete5_3000"] = {
      whole(21, 3000, 5), each(uniform(22, 3000), [](double u) { return std::floor(u * u * 5); })};
  pairs["discrete20_3000"] = {whole(23, 3000, 20), whole(24, 3000, 20)};
  pairs["discrete21_3000"] = {whole(25, 3000, 21), whole(26, 3000, 22)};
  pairs["constant_500"] = {Numbers(500, 3.0), Numbers(500, 3.0)};
  pairs["constant_to_other_2000"] = {Numbers(2000, 3.0), Numbers(2000, 4.0)};
  const auto tenths = [](double v) { return std::floor(v * 10) / 10; };
  pairs["ties_rounded_2000"] = {each(normal(27, 2000), tenths),
                                each(normal(28, 2000, 0.2), tenths)};
  pairs["unit_x1000_2000"] = {normal(29, 2000, 5),
                              each(normal(30, 2000, 5), [](double v) { return v * 1000; })};
  pairs["nan10_to_40_2000"] = {replaced(normal(31, 2000), 32, .1, kNone),
                               replaced(normal(33, 2000), 34, .4, kNone)};
  pairs["inf_1pct_2000"] = {normal(35, 2000), replaced(normal(36, 2000), 37, .01, kInfinity)};
  Numbers outlier = normal(39, 1499);
  outlier.push_back(1e6);
  pairs["outlier_one_1500"] = {normal(38, 1500), outlier};
  pairs["frozen_2000"] = {normal(40, 2000), Numbers(2000, 0.25)};
  const Numbers coin = uniform(42, 3000), left = normal(43, 3000, -1.2, .8);
  Numbers bimodal = normal(44, 3000, 1.2, .8);
  for (std::size_t i = 0; i < bimodal.size(); ++i) {
    if (coin[i] < .5) bimodal[i] = left[i];
  }
  pairs["bimodal_3000"] = {normal(41, 3000, 0, 1.5), bimodal};
  return pairs;
}

std::map<std::string, std::pair<Words, Words>> categorical_pairs() {
  const Numbers three = {.5, .3, .2}, four = {.47, .29, .19, .05}, tenth(10, .1);
  Numbers swapped(10, .1);
  swapped[0] = .19;
  swapped[1] = .01;
  const auto draw = [](std::uint64_t seed, std::size_t n, const Numbers& weights) {
    return words(category(seed, n, weights));
  };
  const auto zipf = [](std::uint64_t seed, double scale) {
    return words(each(uniform(seed, 5000),
                      [scale](double u) { return std::min(std::floor(scale / (1 - u)), 200.0); }));
  };
  return {
      {"cat3_same_800", {draw(101, 800, three), draw(102, 800, three)}},
      {"cat3_shift_800", {draw(103, 800, three), draw(104, 800, {.4, .3, .3})}},
      {"cat2_800", {draw(105, 800, {.5, .5}), draw(106, 800, {.45, .55})}},
      {"cat2_5000", {draw(107, 5000, {.9, .1}), draw(108, 5000, {.87, .13})}},
      {"cat10_same_5000", {draw(109, 5000, tenth), draw(110, 5000, tenth)}},
      {"cat10_shift_5000", {draw(111, 5000, tenth), draw(112, 5000, swapped)}},
      {"unseen_5pct_5000", {draw(113, 5000, three), draw(114, 5000, four)}},
      {"unseen_5pct_800", {draw(115, 800, three), draw(116, 800, four)}},
      {"vanished_800", {draw(117, 800, three), draw(118, 800, {.6, .4})}},
      {"highcard500_5000", {words(whole(119, 5000, 500)), words(whole(120, 5000, 500))}},
      {"highcard2000_shift_8000", {words(whole(121, 8000, 2000)), words(whole(122, 8000, 1500))}},
      {"zipf200_5000", {zipf(123, 1), zipf(124, 1.3)}},
      {"missing5_to_30_3000",
       {blanked(draw(125, 3000, three), 126, .05), blanked(draw(127, 3000, three), 128, .3)}},
      {"tiny_6", {words({0, 0, 1, 1, 1, 2}), words({0, 1, 2, 2, 2, 2})}},
      {"constant_cat_500", {words(Numbers(500, 0)), words(Numbers(500, 0))}},
      {"unequal_5000_200", {draw(129, 5000, three), draw(130, 200, {.3, .3, .4})}},
  };
}

std::map<std::string, std::pair<Numbers, Numbers>> scikit_learn_pairs(const std::string& file) {
  std::map<std::string, std::pair<Numbers, Numbers>> pairs;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream cells(line);
    std::string pair, side, cell;
    std::getline(cells, pair, ',');
    std::getline(cells, side, ',');
    Numbers& values = side == "reference" ? pairs[pair].first : pairs[pair].second;
    while (std::getline(cells, cell, ',')) values.push_back(std::stod(cell));
  }
  return pairs;
}

}  // namespace slipway::monitor::golden
