// 32 rows in one register. Leaves' values are added without gathers, which many processors since
// 2015 have been made slow at for security.
#ifdef __x86_64__
#include <immintrin.h>

#include <array>

#include "serving/trees/kernel.h"

#define AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define TREES_SET AVX2
#define TREES_BYTES 32
#include "serving/trees/explain_kernel.h"

namespace slipway::serving::trees {
namespace {

AVX2 void find_leaves(const FlatSplit* splits, std::uint32_t count, const std::uint8_t* bins,
                      std::uint8_t* leaves) {
  for (std::size_t part = 0; part < kBlockRows; part += 32) {
    alignas(32) std::array<std::uint8_t, 256 * 32> reach;  // rows that come to a split: 255 each
    const auto place = [&](std::size_t split) {
      return reinterpret_cast<__m256i*>(reach.data() + split * 32);
    };
    *place(0) = __m256i{-1, -1, -1, -1};
    __m256i leaf{};
    for (std::uint32_t i = 0; i < count; ++i) {
      const FlatSplit& split = splits[i];
      const __m256i bin =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(bins + split.column + part));
      const __m256i last = _mm256_set1_epi32(static_cast<int>(split.last));
      const __m256i under = _mm256_cmpeq_epi8(_mm256_min_epu8(bin, last), bin);
      const __m256i here = _mm256_load_si256(place(i));
      const __m256i no = _mm256_andnot_si256(under, here);
      _mm256_store_si256(place(split.yes), _mm256_and_si256(under, here));
      _mm256_store_si256(place(split.no), no);
      leaf = _mm256_add_epi8(leaf,
                             _mm256_and_si256(no, _mm256_set1_epi32(static_cast<int>(split.skip))));
    }
    _mm256_store_si256(reinterpret_cast<__m256i*>(leaves + part), leaf);
  }
}

template <typename Sum>
AVX2 void add(const Layout& layout, std::size_t first, std::size_t last, const std::uint8_t* bins,
              Sum* sums) {
  for (std::size_t t = first; t < last; ++t) {
    const TreeLayout& tree = layout.trees[t];
    alignas(32) std::array<std::uint8_t, kBlockRows> small;
    std::array<std::uint32_t, kBlockRows> leaves;
    if (tree.is_flat) {
      find_leaves(layout.splits.data() + tree.first_split, tree.splits, bins, small.data());
    } else {
      walk_block(layout.nodes.data(), tree, bins, leaves.data());
    }
    for (std::uint32_t i = 0; i < tree.targets; ++i) {
      const Target& target = layout.targets[tree.first_target + i];
      const Sum* const values = layout.values<Sum>() + target.first_value;
      Sum* const to = sums + target.sum * kBlockRows;
      if (tree.is_flat) {
        for (std::size_t r = 0; r < kBlockRows; ++r) to[r] += values[small[r]];
      } else {
        for (std::size_t r = 0; r < kBlockRows; ++r) to[r] += values[leaves[r]];
      }
    }
  }
}

}  // namespace

const Kernel kAvx2Kernel = {kPortableKernel.quantize_floats, kPortableKernel.quantize_doubles,
                            add<float>, add<double>, explain};

}  // namespace slipway::serving::trees
#endif
