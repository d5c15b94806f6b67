// What texts are about, before and now: how well words tell the sides apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::monitor {

// Texts of both sides, without the missing ones. What they point at must outlive the pair.
struct TextPair {
  std::vector<std::string_view> reference, current;
};

// What a classifier of words found: it learns on half of the texts, and is asked about the others.
struct TextContents {
  double auc = 0;              // of telling current texts from reference ones
  std::vector<double> labels;  // of the texts that were asked about: 1 is current
  // The words that speak most for a side, the strongest first.
  std::vector<std::string> current_words, reference_words;

  // The AUC that chances drawn at random stay below in this share of draws: Evidently's percentile.
  double random_auc(double share) const;
};

// Evidently's domain classifier: weighed words, a sparse linear classifier, and its seeds. Nothing
// when there is nothing to learn from: one side only among the texts of a half, or no word that
// some texts have and most don't.
std::optional<TextContents> tell_texts_apart(const TextPair& pair);

}  // namespace slipway::monitor
