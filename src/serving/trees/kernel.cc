#include "serving/trees/kernel.h"

#include <algorithm>
#include <array>
#include <cstring>

#define TREES_SET
#define TREES_BYTES 16
#include "serving/trees/explain_kernel.h"

namespace slipway::serving::trees {
namespace {

template <typename Number>
void quantize(const Number* thresholds, std::uint32_t count, const Number* values,
              const Column* columns, std::uint32_t column_count, std::uint8_t* bins) {
  std::array<std::uint32_t, kBlockRows> ranks;
  std::array<bool, kBlockRows> missing;
  for (std::size_t r = 0; r < kBlockRows; ++r) {
    ranks[r] = rank_of(thresholds, count, values[r]);
    missing[r] = values[r] != values[r];
  }
  for (std::uint32_t c = 0; c < column_count; ++c, bins += kBlockRows) {
    const Column column = columns[c];
    for (std::size_t r = 0; r < kBlockRows; ++r) {
      const std::uint32_t bin =
          ranks[r] <= column.start ? 0 : std::min<std::uint32_t>(ranks[r] - column.start, 255);
      bins[r] = static_cast<std::uint8_t>(missing[r] ? column.missing_bin : bin);
    }
  }
}

// Bytes of 16 rows in a register of any processor.
using Bytes = std::uint8_t __attribute__((vector_size(16)));

Bytes load(const void* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof(bytes));
  return bytes;
}

Bytes four_times(std::uint32_t quad) {
  using Quads = std::uint32_t __attribute__((vector_size(16)));
  return reinterpret_cast<Bytes>(Quads{quad, quad, quad, quad});
}

void find_leaves(const FlatSplit* splits, std::uint32_t count, const std::uint8_t* bins,
                 std::uint8_t* leaves) {
  for (std::size_t part = 0; part < kBlockRows; part += sizeof(Bytes)) {
    Bytes reach[256], leaf = {};  // rows that come to a split: 255 each
    reach[0] = ~Bytes{};
    for (std::uint32_t i = 0; i < count; ++i) {
      const FlatSplit& split = splits[i];
      const Bytes over =
          reinterpret_cast<Bytes>(load(bins + split.column + part) > four_times(split.last));
      const Bytes no = reach[i] & over;
      reach[split.yes] = reach[i] & ~over;
      reach[split.no] = no;
      leaf += no & four_times(split.skip);
    }
    std::memcpy(leaves + part, &leaf, sizeof(leaf));
  }
}

template <typename Sum>
void add(const Layout& layout, std::size_t first, std::size_t last, const std::uint8_t* bins,
         Sum* sums) {
  std::array<std::uint32_t, kBlockRows> leaves;
  for (std::size_t t = first; t < last; ++t) {
    const TreeLayout& tree = layout.trees[t];
    if (tree.is_flat) {
      std::array<std::uint8_t, kBlockRows> small;
      find_leaves(layout.splits.data() + tree.first_split, tree.splits, bins, small.data());
      for (std::size_t r = 0; r < kBlockRows; ++r) leaves[r] = small[r];
    } else {
      walk_block(layout.nodes.data(), tree, bins, leaves.data());
    }
    for (std::uint32_t i = 0; i < tree.targets; ++i) {
      const Target& target = layout.targets[tree.first_target + i];
      const Sum* const values = layout.values<Sum>() + target.first_value;
      Sum* const to = sums + target.sum * kBlockRows;
      for (std::size_t r = 0; r < kBlockRows; ++r) to[r] += values[leaves[r]];
    }
  }
}

}  // namespace

const Kernel kPortableKernel = {quantize<float>, quantize<double>, add<float>, add<double>,
                                explain};

void walk_block(const WalkNode* nodes, const TreeLayout& tree, const std::uint8_t* bins,
                std::uint32_t* leaves) {
  constexpr std::size_t kTogether = 8;
  for (std::size_t row = 0; row < kBlockRows; row += kTogether) {
    std::array<std::uint32_t, kTogether> at;
    at.fill(tree.root);
    const std::uint8_t* const own = bins + row;
    while (true) {
      std::uint32_t words = 255;
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kTogether; ++k) {
        const WalkNode node = nodes[at[k]];
        // A leaf's column is its number: any byte will do, as none is above 255.
        const std::uint32_t bin = own[std::size_t{node.column_and_last >> 8} * kBlockRows + k];
        at[k] = node.child + static_cast<std::uint32_t>(bin > (node.column_and_last & 255));
        words &= node.column_and_last;
      }
      if (words == 255) break;
    }
    for (std::size_t k = 0; k < kTogether; ++k) leaves[row + k] = nodes[at[k]].column_and_last >> 8;
  }
}

InstructionSet best_instruction_set() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return InstructionSet::kAvx512;
  if (__builtin_cpu_supports("avx2")) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kPortable;
}

const Kernel& kernel_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return kPortableKernel;
#ifdef __x86_64__
    case InstructionSet::kAvx2:
      return kAvx2Kernel;
    case InstructionSet::kAvx512:
      return kAvx512Kernel;
#else
    case InstructionSet::kAvx2:
    case InstructionSet::kAvx512:
      return kPortableKernel;
#endif
  }
  return kPortableKernel;
}

}  // namespace slipway::serving::trees
