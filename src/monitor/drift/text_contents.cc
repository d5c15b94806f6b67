#include "monitor/drift/text_contents.h"

#include <algorithm>
#include <numeric>

#include "monitor/drift/linear_classifier.h"
#include "monitor/drift/numpy_draws.h"
#include "monitor/drift/words.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr std::size_t kWords = 10;
constexpr int kRandomDraws = 1000;

// The words with the largest weights above 0, of weights times `sign`.
std::vector<std::string> strongest(const std::vector<std::string>& words,
                                   const std::vector<double>& weights, double sign) {
  std::vector<std::size_t> order(words.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return sign * weights[i] <= 0; });
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sign * weights[a] > sign * weights[b];
  });
  std::vector<std::string> found;
  for (std::size_t i = 0; i < std::min(order.size(), kWords); ++i) found.push_back(words[order[i]]);
  return found;
}

}  // namespace

std::optional<TextContents> tell_texts_apart(const TextPair& pair) {
  std::vector<std::string_view> texts = pair.reference;
  texts.insert(texts.end(), pair.current.begin(), pair.current.end());
  const auto is_current = [&](std::uint32_t i) { return i >= pair.reference.size(); };
  const Halves halves = halves_of(texts.size());

  std::vector<std::string_view> learned;
  std::vector<bool> labels;
  for (const std::uint32_t i : halves.learned) {
    learned.push_back(texts[i]);
    labels.push_back(is_current(i));
  }
  TextContents contents;
  for (const std::uint32_t i : halves.asked) contents.labels.push_back(is_current(i) ? 1 : 0);
  const auto has_both = [](auto begin, auto end) {
    return begin != end && std::any_of(begin, end, [&](auto label) { return label != *begin; });
  };
  if (!has_both(labels.begin(), labels.end()) ||
      !has_both(contents.labels.begin(), contents.labels.end())) {
    return std::nullopt;
  }
  const WordWeights weights = WordWeights::of(learned);
  if (weights.words().empty()) return std::nullopt;
  std::vector<WordWeights::Row> weighed;
  for (const std::string_view text : learned)
    weighed.push_back(weights.weigh(text, WordWeights::Order::kMet));
  std::vector<SparseRow> rows;
  for (const WordWeights::Row& row : weighed) rows.push_back(row.view());
  const auto classifier = LinearClassifier::fit(rows, labels, weights.words().size(),
                                                {.loss = LinearClassifier::Loss::kModifiedHuber,
                                                 .penalty = LinearClassifier::Penalty::kL1,
                                                 .epochs_max = 50,
                                                 .intercept_decay = 0.01});
  if (!classifier) return std::nullopt;
  std::vector<double> chances;
  for (const std::uint32_t i : halves.asked) {
    chances.push_back(classifier->chance(weights.weigh(texts[i]).view()));
  }
  contents.auc = types::auc(chances, contents.labels);
  contents.current_words = strongest(weights.words(), classifier->weights(), 1);
  contents.reference_words = strongest(weights.words(), classifier->weights(), -1);
  return contents;
}

double TextContents::random_auc(double share) const {
  NumpyDraws draws(42);
  std::vector<std::int64_t> seeds;
  for (int i = 0; i < kRandomDraws; ++i) seeds.push_back(draws.integer(0, 10 * kRandomDraws));
  return random_auc_quantile(labels, seeds, share);
}

}  // namespace slipway::monitor
