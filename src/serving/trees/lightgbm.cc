// LightGBM's text files, as save_model writes them: a header of key=value lines, a block of such
// lines per tree, and what we don't need behind "end of trees".
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "base/json.h"
#include "serving/trees/ensemble.h"

namespace slipway::serving::trees {
namespace {

constexpr std::size_t kFeaturesMax = 1'000'000, kClassesMax = 10'000;

Error not_a_model(std::string_view what) {
  return base::error(Code::kCorruption, "not a LightGBM model: {}", what);
}

// The key=value lines of a header or a tree.
using Block = std::map<std::string_view, std::string_view>;

Result<std::string_view> text_of(const Block& block, std::string_view key) {
  const auto found = block.find(key);
  if (found == block.end()) return not_a_model(fmt::format("{} is missing", key));
  return found->second;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return words;
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

template <typename Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  // Out of range: too small or too large for a double, which from_chars leaves alone.
  return ec == std::errc() && end == text.data() + text.size();
}

template <typename Number>
Result<std::vector<Number>> numbers_of(const Block& block, std::string_view key) {
  std::vector<Number> numbers;
  for (const std::string_view word : words_of(TRY(text_of(block, key)))) {
    Number number{};
    if (!parse(word, number))
      return not_a_model(fmt::format("{} holds no number: {}", key, word.substr(0, 40)));
    numbers.push_back(number);
  }
  return numbers;
}

// As many as there must be.
template <typename Number>
Result<std::vector<Number>> numbers_of(const Block& block, std::string_view key,
                                       std::size_t count) {
  std::vector<Number> numbers = TRY(numbers_of<Number>(block, key));
  if (numbers.size() != count)
    return not_a_model(fmt::format("{} has {} values, expected {}", key, numbers.size(), count));
  return numbers;
}

Result<std::size_t> count_of(const Block& block, std::string_view key, std::size_t least,
                             std::size_t most) {
  const std::string_view text = TRY(text_of(block, key));
  std::size_t count = 0;
  if (!parse(text, count) || count < least || count > most)
    return not_a_model(fmt::format("{} is out of range: {}", key, text.substr(0, 40)));
  return count;
}

// "binary sigmoid:1": how sums become answers.
Result<void> read_objective(std::string_view text, Forest& forest) {
  struct Known {
    std::string_view name;
    Link link;
  };
  static constexpr Known kObjectives[] = {{"regression", Link::kIdentity},
                                          {"regression_l1", Link::kIdentity},
                                          {"huber", Link::kIdentity},
                                          {"fair", Link::kIdentity},
                                          {"quantile", Link::kIdentity},
                                          {"mape", Link::kIdentity},
                                          {"lambdarank", Link::kIdentity},
                                          {"rank_xendcg", Link::kIdentity},
                                          {"custom", Link::kIdentity},
                                          {"poisson", Link::kExponential},
                                          {"gamma", Link::kExponential},
                                          {"tweedie", Link::kExponential},
                                          {"binary", Link::kLogistic},
                                          {"cross_entropy", Link::kLogistic},
                                          {"cross_entropy_lambda", Link::kLogOnePlusExp},
                                          {"multiclass", Link::kSoftmax},
                                          {"multiclassova", Link::kLogistic}};
  const std::vector<std::string_view> words = words_of(text);
  if (words.empty()) return {};  // a custom one: sums are the answers
  const Known* found = nullptr;
  for (const Known& known : kObjectives) {
    if (known.name == words[0]) found = &known;
  }
  if (found == nullptr)
    return base::error(Code::kInvalidArgument, "LightGBM objective is not supported: objective={}",
                       words[0]);
  forest.link = found->link;
  for (const std::string_view word : std::span(words).subspan(1)) {
    if (word == "sqrt") forest.link = Link::kSignedSquare;
    if (!word.starts_with("sigmoid:")) continue;
    if (!parse(word.substr(8), forest.slope))
      return not_a_model(fmt::format("the objective's parameter is no number: {}", word));
  }
  return {};
}

// By split: its set's position in the forest.
Result<std::vector<std::uint32_t>> read_sets(const Block& block, Forest& forest) {
  std::vector<std::uint32_t> sets;
  const std::size_t count =
      TRY(count_of(block, "num_cat", 0, std::numeric_limits<std::int32_t>::max()));
  if (count == 0) return sets;
  const auto bounds = TRY(numbers_of<std::size_t>(block, "cat_boundaries", count + 1));
  const auto words = TRY(numbers_of<std::uint32_t>(block, "cat_threshold"));
  for (std::size_t s = 0; s < count; ++s) {
    if (bounds[s + 1] < bounds[s] || bounds[s + 1] > words.size())
      return not_a_model("cat_boundaries are out of order");
    sets.push_back(static_cast<std::uint32_t>(forest.sets.size()));
    std::vector<double>& set = forest.sets.emplace_back();
    for (std::size_t w = bounds[s]; w < bounds[s + 1]; ++w) {
      for (std::size_t bit = 0; bit < 32; ++bit) {
        if ((words[w] >> bit & 1) != 0)
          set.push_back(static_cast<double>((w - bounds[s]) * 32 + bit));
      }
    }
  }
  return sets;
}

Result<Tree> read_tree(const Block& block, std::uint32_t sum, Forest& forest) {
  const std::size_t leaves = TRY(count_of(block, "num_leaves", 1, kColumnsMax / 2)),
                    splits = leaves - 1;
  if (const auto linear = block.find("is_linear"); linear != block.end() && linear->second != "0")
    return base::error(Code::kInvalidArgument, "LightGBM's linear trees are not supported");
  const auto values = TRY(numbers_of<double>(block, "leaf_value", leaves));
  Tree tree;
  tree.nodes.resize(splits + leaves);
  for (std::size_t i = 0; i < leaves; ++i) {
    tree.nodes[splits + i].yes = static_cast<std::uint32_t>(i);
    tree.nodes[splits + i].no = static_cast<std::uint32_t>(i + 1);
    tree.weights.push_back({.sum = sum, .value = values[i]});
  }
  if (splits == 0) return tree;
  const auto has = [&](std::string_view key) {
    return block.contains(key) && !block.at(key).empty();
  };
  const bool has_covers = has("leaf_count") && has("internal_count");
  forest.has_covers = forest.has_covers && has_covers;
  if (has_covers) {
    const auto inner = TRY(numbers_of<double>(block, "internal_count", splits)),
               outer = TRY(numbers_of<double>(block, "leaf_count", leaves));
    for (std::size_t i = 0; i < splits; ++i) tree.nodes[i].cover = inner[i];
    for (std::size_t i = 0; i < leaves; ++i) tree.nodes[splits + i].cover = outer[i];
  }
  const auto features = TRY(numbers_of<std::uint32_t>(block, "split_feature", splits));
  const auto thresholds = TRY(numbers_of<double>(block, "threshold", splits));
  const auto types = TRY(numbers_of<std::uint32_t>(block, "decision_type", splits));
  const auto left = TRY(numbers_of<std::int32_t>(block, "left_child", splits));
  const auto right = TRY(numbers_of<std::int32_t>(block, "right_child", splits));
  const std::vector<std::uint32_t> sets = TRY(read_sets(block, forest));
  for (std::size_t i = 0; i < splits; ++i) {
    Node& node = tree.nodes[i];
    node.feature = features[i];
    // Negative children are leaves, counted from -1. Compiling checks that all is in place.
    const auto place = [&](std::int32_t child) {
      return child >= 0 && static_cast<std::size_t>(child) >= splits
                 ? ~std::uint32_t{0}
                 : static_cast<std::uint32_t>(child >= 0
                                                  ? static_cast<std::size_t>(child)
                                                  : splits + static_cast<std::size_t>(~child));
    };
    node.yes = place(left[i]);
    node.no = place(right[i]);
    if ((types[i] & 1) != 0) {
      if (!(thresholds[i] >= 0 && thresholds[i] < static_cast<double>(sets.size())))
        return not_a_model("a categorical split without categories");
      node.kind = Node::Kind::kMember;
      node.key = Key::kSignedCode;
      node.set = sets[static_cast<std::size_t>(thresholds[i])];
      continue;  // missing values go right
    }
    static constexpr Missing kMissing[] = {Missing::kNanIsZero, Missing::kNanOrZero, Missing::kNan};
    if ((types[i] >> 2 & 3) > 2)
      return not_a_model(fmt::format("decision_type is out of range: {}", types[i]));
    node.kind = Node::Kind::kLess;
    node.missing = kMissing[types[i] >> 2 & 3];
    node.missing_yes = (types[i] & 2) != 0;
    // At most the threshold is less than the next double, of which there is none behind infinity.
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    node.threshold = std::isnan(thresholds[i])    ? -kInfinity
                     : thresholds[i] == kInfinity ? std::nan("")
                                                  : std::nextafter(thresholds[i], kInfinity);
  }
  return tree;
}

// Names of categories as pandas had them, for the categorical features in their order.
Result<void> read_categories(std::string_view line, std::string_view infos, Forest& forest) {
  Result<Json> parsed = base::parse_json(line);
  if (!parsed) return not_a_model("pandas_categorical is no JSON");
  if (!parsed->is_array()) return {};
  const JsonArray& all = parsed->get_array();
  std::vector<std::size_t> categorical;
  const std::vector<std::string_view> words = words_of(infos);
  for (std::size_t f = 0; f < words.size() && f < forest.categories.size(); ++f) {
    if (words[f] != "none" && words[f][0] != '[') categorical.push_back(f);
  }
  if (categorical.size() != all.size()) return {};  // numbers were made categories by hand
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (!all[c].is_array()) return not_a_model("pandas_categorical is no list of lists");
    for (const Json& name : all[c].get_array())
      forest.categories[categorical[c]].push_back(
          name.is_string() ? std::string(std::string_view(name.get_string()))
                           : base::to_text(name));
  }
  return {};
}

Result<Forest> read_forest(std::string_view text) {
  Forest forest;
  forest.doubles_compared = forest.doubles_summed = forest.has_covers = true;
  const auto next_line = [&] {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  if (next_line() != "tree") return not_a_model("the first line is not \"tree\"");
  // Lines until `stop` is a line's beginning.
  std::string_view stopped;
  const auto read_block = [&](Block& block) {
    block.clear();
    while (!text.empty()) {
      const std::string_view line = next_line();
      if (line.starts_with("Tree=") || line == "end of trees") {
        stopped = line;
        return true;
      }
      const std::size_t equals = std::min(line.find('='), line.size());
      block[line.substr(0, equals)] = line.substr(std::min(equals + 1, line.size()));
    }
    return false;
  };
  Block block;
  if (!read_block(block)) return not_a_model("it ends before \"end of trees\"");
  const std::size_t features = TRY(count_of(block, "max_feature_idx", 0, kFeaturesMax - 1)) + 1;
  forest.sums = TRY(count_of(block, "num_tree_per_iteration", 1, kClassesMax));
  const bool is_average = block.contains("average_output");
  if (block.contains("objective")) TRY(read_objective(block["objective"], forest));
  for (const std::string_view name : words_of(TRY(text_of(block, "feature_names"))))
    forest.feature_names.emplace_back(name);
  if (forest.feature_names.size() != features)
    return not_a_model("feature_names are not as many as max_feature_idx says");
  forest.categories.resize(features);
  forest.base.assign(forest.sums, 0.0);
  const std::string_view infos = block["feature_infos"];
  while (stopped != "end of trees") {
    const std::size_t number = forest.trees.size();
    if (!read_block(block)) return not_a_model("it ends before \"end of trees\"");
    Result<Tree> tree = read_tree(block, static_cast<std::uint32_t>(number % forest.sums), forest);
    if (!tree) return std::move(tree).error().with_context(fmt::format("tree {}", number));
    forest.trees.push_back(std::move(tree).value());
  }
  if (is_average && !forest.trees.empty())
    forest.divisor = static_cast<double>(forest.trees.size() / forest.sums);
  constexpr std::string_view kCategories = "pandas_categorical:";
  while (!text.empty()) {
    const std::string_view line = next_line();
    if (line.starts_with(kCategories))
      TRY(read_categories(line.substr(kCategories.size()), infos, forest));
  }
  return forest;
}

}  // namespace

Result<Ensemble> Ensemble::from_lightgbm(std::string_view text) {
  Result<Ensemble> ensemble = compile(TRY(read_forest(text)));
  if (!ensemble && ensemble.error().code == Code::kCorruption)
    return not_a_model(ensemble.error().message);
  return ensemble;
}

}  // namespace slipway::serving::trees
