// A reference, summarised once, and how far a window's inputs have moved from it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/drift/rules.h"
#include "monitor/multivariate/associations.h"
#include "monitor/multivariate/embeddings.h"
#include "monitor/multivariate/multivariate.h"
#include "types/frame.h"

namespace slipway::monitor {

// How one input of a window compares with the reference. NaN: could not be computed.
//
// psi and jensen_shannon use the deciles of the reference as bins, with open ends, or one bin per
// value when the reference has at most 20 (heavy tails and single outliers don't blind them, unlike
// bins of equal width). ks, ks_p and wasserstein (divided by the reference's standard deviation)
// are for numbers only and exact; l_infinity and chi_square_p for categories; texts have none of
// these, but the words that tell the sides apart. Missing values enter
// none of these; they have a rate of their own.
struct FeatureDrift {
  std::string feature;
  bool categorical = false, text = false;
  double psi = 0, jensen_shannon = 0;
  double ks = 0, ks_p = 0, wasserstein = 0;
  double l_infinity = 0, chi_square_p = 0;
  double missing_rate = 0, reference_missing_rate = 0;
  double unseen_rate = 0;  // share of rows whose category the reference doesn't have
  // What the monitor's method says (drift/methods.h), and whether it calls it drift.
  std::string method;
  double score = 0, threshold = 0;
  bool drifted = false;
  std::vector<std::string> current_words, reference_words;  // of texts that drifted
  std::string unit;  // a sentence: the numbers look like another unit (drift/units.h); empty: no

  JsonObject to_json() const;
  static Result<FeatureDrift> from_json(const JsonObject& object);
};

// The reference's features, sorted or counted. Immutable after building, so threads may share it.
class DriftProfile {
 public:
  // Of every column but timestamps, to be compared by `rules`. A method that doesn't take a
  // column's type leaves it to "slipway". Columns of texts are categories, unless a method of texts
  // is named for them.
  static DriftProfile of(const types::Frame& reference, DriftRules rules = {});

  // One entry per feature that both have, in the profile's order. `rows` picks the window's rows.
  std::vector<FeatureDrift> compare(const types::Frame& window,
                                    const std::vector<std::size_t>& rows) const;

  // The inputs together, where the rules ask for it, else nullptr.
  const MultivariateProfile* multivariate() const { return multivariate_.get(); }

  // The embeddings that the rules declare, of these rows of a window. Errors as
  // compare_embeddings(); kNotFound: a side lacks a component.
  std::vector<std::pair<std::string, Result<EmbeddingDrift>>> compare_embeddings(
      const types::Frame& window, const std::vector<std::size_t>& rows) const;

  // Which inputs no more go together as they did; nothing: the rules don't ask.
  std::optional<std::vector<AssociationChange>> association_changes(
      const types::Frame& window, const std::vector<std::size_t>& rows) const;

  std::size_t rows() const { return rows_; }
  bool has(std::string_view feature) const;
  std::set<std::string> names() const;  // of all features

  struct Feature {
    std::string name;
    bool categorical = false, text = false;
    double missing_rate = 0;
    double inflation = 1;                      // drift/dependence.h
    std::vector<double> sorted;                // numbers
    double deviation = 0;                      // of the numbers
    std::vector<double> edges, counts;         // bins of the numbers
    std::map<std::string, double> categories;  // counts of the categories
    std::vector<std::string> texts;            // of those that are looked at
  };

 private:
  std::size_t rows_ = 0;
  DriftRules rules_;
  std::vector<Feature> features_;
  std::shared_ptr<const MultivariateProfile> multivariate_;
  types::Frame components_;  // of the embeddings, of the rows that are looked at
  types::Frame associated_;  // inputs whose pairs are looked at, of those rows
};

// Bins for numbers: one per value up to 20 different ones, else deciles. Edges are open at both
// ends.
std::vector<double> profile_edges(const std::vector<double>& sorted_reference);

}  // namespace slipway::monitor
