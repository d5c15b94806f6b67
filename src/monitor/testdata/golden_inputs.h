// The inputs of drift_golden.json, rebuilt bit for bit: splitmix64, then IEEE additions,
// multiplications and divisions only.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace slipway::monitor::golden {

using Numbers = std::vector<double>;
using Words = std::vector<std::string>;  // "" is a missing value

// u(seed, i) in [0, 1): the top 53 bits of splitmix64.
Numbers uniform(std::uint64_t seed, std::size_t count);

std::map<std::string, std::pair<Numbers, Numbers>> numeric_pairs();
std::map<std::string, std::pair<Words, Words>> categorical_pairs();

// Halves of scikit-learn's bundled data sets, from a file of lines "pair,side,value,value,...".
std::map<std::string, std::pair<Numbers, Numbers>> scikit_learn_pairs(const std::string& file);

}  // namespace slipway::monitor::golden
