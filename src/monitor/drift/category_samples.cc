#include "monitor/drift/category_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "monitor/drift/dependence.h"

namespace slipway::monitor {
namespace {

// Words by code, in the order they were first met.
class Words {
 public:
  std::uint32_t code_of(std::string_view word) {
    const auto [found, is_new] =
        codes_.try_emplace(word, static_cast<std::uint32_t>(words_.size()));
    if (is_new) words_.push_back(word);
    return found->second;
  }
  const std::vector<std::string_view>& words() const { return words_; }

 private:
  std::unordered_map<std::string_view, std::uint32_t> codes_;
  std::vector<std::string_view> words_;
};

std::vector<std::uint32_t> codes_of(const types::Column& column, Words& words) {
  std::vector<std::uint32_t> codes;
  codes.reserve(column.size());
  std::string_view last;
  std::uint32_t last_code = 0;
  bool any = false;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!column.is_valid(row)) continue;
    // Runs of one word are common, and cost no look-up.
    if (!any || column.strings[row] != last) {
      last = column.strings[row];
      last_code = words.code_of(last);
      any = true;
    }
    codes.push_back(last_code);
  }
  return codes;
}

}  // namespace

CategorySamples CategorySamples::of(const types::Column& reference, const types::Column& current) {
  Words words;
  const std::vector<std::uint32_t> before = codes_of(reference, words),
                                   now = codes_of(current, words);
  const std::size_t size = words.words().size();
  std::vector<double> p(size, 0.0), q(size, 0.0);
  for (const std::uint32_t code : before) p[code] += 1;
  for (const std::uint32_t code : now) q[code] += 1;
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return words.words()[a] < words.words()[b]; });
  CategorySamples samples;
  for (const std::size_t i : order) {
    samples.names.emplace_back(words.words()[i]);
    samples.pair.reference.push_back(p[i]);
    samples.pair.current.push_back(q[i]);
    samples.current_categories += q[i] > 0;
  }
  samples.pair.reference_inflation = inflation_of(before, size);
  samples.pair.current_inflation = inflation_of(now, size);
  return samples;
}

CategorySamples CategorySamples::of(const NumberSample& reference, const NumberSample& current) {
  const NumberPair pair{.reference = reference.sorted,
                        .current = current.sorted,
                        .reference_inflation = reference.inflation,
                        .current_inflation = current.inflation};
  CategorySamples samples;
  samples.pair = by_value(pair);
  for (const double value : values_of(pair)) samples.names.push_back(fmt::format("{:.17g}", value));
  samples.current_categories = distinct_values(current.sorted, current.sorted.size());
  return samples;
}

}  // namespace slipway::monitor
