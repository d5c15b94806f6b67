// A tree ensemble as a model file describes it, whatever the format: what readers make and what
// Ensemble compiles. Plain values; nothing here is checked to be a tree before that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace slipway::serving::trees {

// Names of the categories of a column, in the order of their codes; empty for a numeric column.
using Categories = std::vector<std::string>;

enum class Missing : std::uint8_t {
  kNan,        // NaN is missing
  kNanOrZero,  // so is what is as good as zero: at most 1e-35 from it
  kNanIsZero,  // nothing is missing, NaN counts as zero
};

// What a value must be to be looked for in a set.
enum class Key : std::uint8_t {
  kExact,      // itself
  kCode,       // its whole part, from 0 to below 2^24; all else is in no set
  kSignedCode  // its whole part when that is a positive int32 or zero; all else is in no set
};

struct Node {
  enum class Kind : std::uint8_t { kLeaf, kLess, kMember };
  Kind kind = Kind::kLeaf;
  Missing missing = Missing::kNan;
  Key key = Key::kExact;
  bool missing_yes = false;  // where a missing value goes
  std::uint32_t feature = 0;
  double threshold = 0;   // kLess: yes when value < threshold; NaN: for every value
  std::uint32_t set = 0;  // kMember: yes when the value is in this one of the forest's sets
  std::uint32_t yes = 0;  // kLeaf: its first weight
  std::uint32_t no = 0;   // kLeaf: one behind its last
  double cover = 0;       // how much of what trained the tree came here; see Forest::has_covers
};

// What a leaf adds to one of the sums.
struct Weight {
  std::uint32_t sum = 0;
  double value = 0;
};

struct Tree {
  std::vector<Node> nodes;  // the root first
  std::vector<Weight> weights;
};

// How the sums become the answers.
enum class Link : std::uint8_t {
  kIdentity,
  kLogistic,  // of `slope` times the sum
  kExponential,
  kSoftmax,
  kSoftmaxZero,  // ONNX's: what is zero stays zero and has no part in it
  kProbit,
  kSignedSquare,  // keeps the sign
  kLogOnePlusExp,
  kHinge,    // 1 above zero, otherwise 0
  kLargest,  // one answer: the position of the largest sum
};

enum class Aggregate : std::uint8_t { kSum, kMin, kMax };

inline constexpr std::uint32_t kLargestSum = ~std::uint32_t{0};

struct Forest {
  std::vector<std::string> feature_names;
  std::vector<Categories> categories;  // by feature
  std::vector<Tree> trees;
  std::vector<std::vector<double>> sets;
  bool has_covers = false;  // the file says how much of the training came to each node
  std::size_t sums = 1;
  std::vector<double> base;  // by sum
  bool base_first = true;    // sums start from it; otherwise it is added to the sum of the trees
  bool doubles_compared = false;  // features are compared as doubles; otherwise as floats
  bool doubles_summed = false;
  Aggregate aggregate = Aggregate::kSum;
  double divisor = 1;  // of the sum of the trees
  Link link = Link::kIdentity;
  double slope = 1;
  // Classifiers of ONNX. With one_score the first sum becomes the scores of two classes. A decisive
  // sum chooses the second class above `class_above`, the first otherwise; kLargestSum: the
  // largest.
  bool one_score = false;
  std::uint32_t decisive_sum = kLargestSum;
  double class_above = 0;
};

}  // namespace slipway::serving::trees
