// Texts as words, and rows of words as numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/drift/linear_classifier.h"

namespace slipway::monitor {

// The words of two or more letters, digits or underscores, in small letters, as they come
// (scikit-learn's token pattern). Capitals are told of Latin, Greek and Cyrillic letters; bytes
// that are no UTF-8 part words.
std::vector<std::string> words_of(std::string_view text);

// How telling each word of texts is: 1 + ln(how often it comes) times the inverse document
// frequency, each text to length 1; no English stop words, and no words of more than half of the
// texts (TfidfVectorizer(sublinear_tf=True, max_df=0.5, stop_words="english")). Immutable.
class WordWeights {
 public:
  static WordWeights of(const std::vector<std::string_view>& texts);

  // In the order of the features: ascending.
  const std::vector<std::string>& words() const { return words_; }

  struct Row {
    std::vector<std::uint32_t> features;
    std::vector<double> values;
    SparseRow view() const { return {features, values}; }
  };
  // Words that the first texts didn't have are not looked at. scikit-learn has the words of rows
  // that it learns from in the order in which it met them first, and of others ascending: sums
  // differ in their last digits, and what is learned in more.
  enum class Order { kMet, kAscending };
  Row weigh(std::string_view text, Order order = Order::kAscending) const;

 private:
  std::vector<std::string> words_;
  std::vector<double> rarity_;
  std::vector<std::size_t> met_;  // which of all words each was, in the order they were met
};

}  // namespace slipway::monitor
