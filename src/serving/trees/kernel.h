// The two loops that take the time, in one version per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "serving/trees/layout.h"

namespace slipway::serving::trees {

// How many of `count` thresholds, ascending, the value reaches; at least one threshold. Without a
// branch, which nobody could foresee.
template <typename Number>
inline std::uint32_t rank_of(const Number* thresholds, std::uint32_t count, Number value) {
  std::uint32_t rank = 0;
  for (std::uint32_t left = count; left > 0;) {
    const std::uint32_t half = left > 1 ? left / 2 : 1;
    rank += half & -static_cast<std::uint32_t>(value >= thresholds[rank + half - 1]);
    left -= half;
  }
  return rank;
}

struct ExplainedBlock;  // explained.h

enum class InstructionSet { kPortable, kAvx2, kAvx512 };

// Stateless. `bins` is a block: 64 bytes per column, aligned to 64.
struct Kernel {
  // The bins of an ordered axis of `count` thresholds for 64 values, NaN where missing; `columns`
  // of them, written one behind the other.
  void (*quantize_floats)(const float* thresholds, std::uint32_t count, const float* values,
                          const Column* columns, std::uint32_t column_count, std::uint8_t* bins);
  void (*quantize_doubles)(const double* thresholds, std::uint32_t count, const double* values,
                           const Column* columns, std::uint32_t column_count, std::uint8_t* bins);
  // Adds what trees [first, last) give for a block to `sums`, 64 per sum, in the order of the
  // trees. Only for Aggregate::kSum.
  void (*add_floats)(const Layout& layout, std::size_t first, std::size_t last,
                     const std::uint8_t* bins, float* sums);
  void (*add_doubles)(const Layout& layout, std::size_t first, std::size_t last,
                      const std::uint8_t* bins, double* sums);
  // Adds what each feature has to do with what a tree gives for a block.
  void (*explain)(const Layout& layout, const TreeLayout& tree, ExplainedBlock& block);
};

// The most that this processor has.
InstructionSet best_instruction_set();
// That one, or kPortable where it is not built in.
const Kernel& kernel_of(InstructionSet set);

extern const Kernel kPortableKernel;
#ifdef __x86_64__
extern const Kernel kAvx2Kernel, kAvx512Kernel;
#endif

// Leaves that 64 rows of a block reach in a tree, by walking.
void walk_block(const WalkNode* nodes, const TreeLayout& tree, const std::uint8_t* bins,
                std::uint32_t* leaves);

}  // namespace slipway::serving::trees
