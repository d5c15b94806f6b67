// How a compiled ensemble lies in memory; README.md has the picture. Only ensemble.cc makes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "serving/trees/forest.h"

namespace slipway::serving::trees {

// Rows that are scored side by side: one bit each of a machine word.
inline constexpr std::size_t kBlockRows = 64;
// Trees with more leaves than a byte can number are walked, row by row.
inline constexpr std::size_t kFlatLeavesMax = 256;

// What is asked of one feature in one way. Ordered: thresholds, ascending; a value's rank is how
// many of them it reaches. Members: keys, ascending, and for each of them (and for other values,
// and for missing ones) a row of bits, one per column.
struct Axis {
  std::uint32_t feature = 0;
  bool is_members = false;
  Missing missing = Missing::kNan;
  Key key = Key::kExact;
  std::uint32_t count = 0;         // of thresholds or keys
  std::uint64_t first = 0;         // the first of them
  std::uint64_t first_word = 0;    // members: where the bits begin
  std::uint32_t words = 0;         // members: of 64 bits in a row of bits
  std::uint32_t first_column = 0;  // its columns stand together
  std::uint32_t columns = 0;
};

// A byte per row, its bin: all a split looks at. It goes to "yes" when bin <= last. Of an ordered
// axis a column has 255 thresholds, and missing values in one end.
struct Column {
  std::uint32_t start = 0;        // the rank that is bin 0
  std::uint32_t missing_bin = 0;  // 0: to "yes" everywhere; 255: to "no"
};

// A split of a tree that is evaluated whole, for 64 rows at once. Splits stand level by level.
struct FlatSplit {
  std::uint32_t column = 0;  // byte offset of its bins in a block
  std::uint32_t last = 0;    // four times the same byte
  std::uint32_t skip = 0;    // leaves under "yes", four times the same byte: "no" adds them
  std::uint8_t yes = 0;      // splits below; kNoSplit for a leaf
  std::uint8_t no = 0;
  std::uint16_t unused = 0;
};
inline constexpr std::uint8_t kNoSplit = 255;

// A node of a tree that is walked. Children stand beside each other, "yes" first. A leaf is its own
// child and its last bin is 255, so that a walk stays there; its column is its number.
struct WalkNode {
  std::uint32_t child = 0;
  std::uint32_t column_and_last = 0;  // column << 8 | last
};
inline constexpr std::uint32_t kColumnsMax = 1u << 24;

// Leaves are numbered from "yes" to "no". What they add to one sum stands in that order.
struct Target {
  std::uint32_t sum = 0;
  std::uint64_t first_value = 0;
};

struct TreeLayout {
  std::uint32_t root = 0;  // of its WalkNodes
  std::uint32_t first_split = 0;
  std::uint32_t splits = 0;  // FlatSplits
  std::uint32_t leaves = 0;
  std::uint32_t depth = 0;
  std::uint32_t asked = 0;  // different features on the way to a leaf, at most
  bool is_flat = false;
  std::uint32_t first_target = 0;
  std::uint32_t targets = 0;
};

struct Layout {
  std::vector<Axis> axes;
  std::vector<Column> columns;  // of members: not used
  std::vector<float> float_thresholds;
  std::vector<double> double_thresholds;
  std::vector<double> keys;
  std::vector<std::uint64_t> member_bits;
  std::vector<FlatSplit> splits;
  std::vector<WalkNode> nodes;
  std::vector<double> shares;  // by node: of what came to its parent; empty: the file doesn't say
  std::vector<std::uint32_t> column_features;
  std::vector<TreeLayout> trees;
  std::vector<Target> targets;
  std::vector<float> float_values;
  std::vector<double> double_values;
  std::size_t leaves_max = 0;  // of any tree
  Aggregate aggregate = Aggregate::kSum;

  template <typename Sum>
  const Sum* values() const {
    if constexpr (std::is_same_v<Sum, float>) {
      return float_values.data();
    } else {
      return double_values.data();
    }
  }
  template <typename Number>
  const Number* thresholds() const {
    if constexpr (std::is_same_v<Number, float>) {
      return float_thresholds.data();
    } else {
      return double_thresholds.data();
    }
  }
};

}  // namespace slipway::serving::trees
