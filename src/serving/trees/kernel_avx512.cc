// 64 rows in one register: a split is one comparison and two mask operations.
#ifdef __x86_64__
#ifndef __clang__
// gcc 12 warns of its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <array>

#include "serving/trees/kernel.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2")))
#define TREES_SET AVX512
#define TREES_BYTES 64
#include "serving/trees/explain_kernel.h"

namespace slipway::serving::trees {
namespace {

// Bins of 16 rows out of their ranks.
AVX512 inline void store_bins(__m512i ranks, __mmask16 missing, const Column* columns,
                              std::uint32_t column_count, std::uint8_t* bins) {
  for (std::uint32_t c = 0; c < column_count; ++c, bins += kBlockRows) {
    const __m512i start = _mm512_set1_epi32(static_cast<int>(columns[c].start));
    __m512i bin = _mm512_sub_epi32(_mm512_max_epu32(ranks, start), start);
    bin = _mm512_mask_set1_epi32(bin, missing, static_cast<int>(columns[c].missing_bin));
    _mm_store_si128(reinterpret_cast<__m128i*>(bins), _mm512_cvtusepi32_epi8(bin));
  }
}

AVX512 void quantize_floats(const float* thresholds, std::uint32_t count, const float* values,
                            const Column* columns, std::uint32_t column_count, std::uint8_t* bins) {
  constexpr std::size_t kParts = kBlockRows / 16;
  __m512 value[kParts];
  __m512i rank[kParts];
  for (std::size_t p = 0; p < kParts; ++p) {
    value[p] = _mm512_loadu_ps(values + p * 16);
    rank[p] = _mm512_setzero_si512();
  }
  for (std::uint32_t left = count; left > 0;) {
    const std::uint32_t half = left > 1 ? left / 2 : 1;
    const __m512i step = _mm512_set1_epi32(static_cast<int>(half));
    const float* const probe = thresholds + half - 1;
#pragma GCC unroll 4
    for (std::size_t p = 0; p < kParts; ++p) {
      const __mmask16 reached = _mm512_cmp_ps_mask(
          value[p], _mm512_i32gather_ps(rank[p], probe, sizeof(float)), _CMP_GE_OQ);
      rank[p] = _mm512_mask_add_epi32(rank[p], reached, rank[p], step);
    }
    left -= half;
  }
  for (std::size_t p = 0; p < kParts; ++p)
    store_bins(rank[p], _mm512_cmp_ps_mask(value[p], value[p], _CMP_UNORD_Q), columns, column_count,
               bins + p * 16);
}

AVX512 void quantize_doubles(const double* thresholds, std::uint32_t count, const double* values,
                             const Column* columns, std::uint32_t column_count,
                             std::uint8_t* bins) {
  constexpr std::size_t kParts = kBlockRows / 8;
  __m512d value[kParts];
  __m256i rank[kParts];
  for (std::size_t p = 0; p < kParts; ++p) {
    value[p] = _mm512_loadu_pd(values + p * 8);
    rank[p] = _mm256_setzero_si256();
  }
  for (std::uint32_t left = count; left > 0;) {
    const std::uint32_t half = left > 1 ? left / 2 : 1;
    const __m256i step = _mm256_set1_epi32(static_cast<int>(half));
    const double* const probe = thresholds + half - 1;
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kParts; ++p) {
      const __mmask8 reached = _mm512_cmp_pd_mask(
          value[p], _mm512_i32gather_pd(rank[p], probe, sizeof(double)), _CMP_GE_OQ);
      rank[p] = _mm256_mask_add_epi32(rank[p], reached, rank[p], step);
    }
    left -= half;
  }
  for (std::size_t p = 0; p < kParts; p += 2) {
    const __mmask16 missing =
        _mm512_kunpackb(_mm512_cmp_pd_mask(value[p + 1], value[p + 1], _CMP_UNORD_Q),
                        _mm512_cmp_pd_mask(value[p], value[p], _CMP_UNORD_Q));
    store_bins(_mm512_inserti64x4(_mm512_castsi256_si512(rank[p]), rank[p + 1], 1), missing,
               columns, column_count, bins + p * 8);
  }
}

AVX512 inline __m512i find_leaves(const FlatSplit* splits, std::uint32_t count,
                                  const std::uint8_t* bins) {
  std::array<std::uint64_t, 256> reach;  // rows that come to a split
  reach[0] = ~std::uint64_t{0};
  __m512i leaf = _mm512_setzero_si512();
  for (std::uint32_t i = 0; i < count; ++i) {
    const FlatSplit& split = splits[i];
    const __m512i bin = _mm512_load_si512(bins + split.column);
    const std::uint64_t over =
        _mm512_cmpgt_epu8_mask(bin, _mm512_set1_epi32(static_cast<int>(split.last)));
    const std::uint64_t no = reach[i] & over;
    reach[split.yes] = reach[i] & ~over;
    reach[split.no] = no;
    leaf = _mm512_mask_add_epi8(leaf, no, leaf, _mm512_set1_epi32(static_cast<int>(split.skip)));
  }
  return leaf;
}

template <int part>
AVX512 inline void add_part(__m512i leaf, const float* values, float* sums) {
  const __m512i at = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(leaf, part));
  float* const to = sums + part * 16;
  _mm512_storeu_ps(
      to, _mm512_add_ps(_mm512_loadu_ps(to), _mm512_i32gather_ps(at, values, sizeof(float))));
}

template <int part>
AVX512 inline void add_part(__m512i leaf, const double* values, double* sums) {
  const __m256i at = _mm256_cvtepu8_epi32(_mm512_extracti32x4_epi32(leaf, part));
  const __m256i after =
      _mm256_cvtepu8_epi32(_mm_srli_si128(_mm512_extracti32x4_epi32(leaf, part), 8));
  double* const to = sums + part * 16;
  _mm512_storeu_pd(
      to, _mm512_add_pd(_mm512_loadu_pd(to), _mm512_i32gather_pd(at, values, sizeof(double))));
  _mm512_storeu_pd(to + 8, _mm512_add_pd(_mm512_loadu_pd(to + 8),
                                         _mm512_i32gather_pd(after, values, sizeof(double))));
}

template <typename Sum>
AVX512 void add(const Layout& layout, std::size_t first, std::size_t last, const std::uint8_t* bins,
                Sum* sums) {
  for (std::size_t t = first; t < last; ++t) {
    const TreeLayout& tree = layout.trees[t];
    const Target* const targets = layout.targets.data() + tree.first_target;
    if (tree.is_flat) {
      const __m512i leaf = find_leaves(layout.splits.data() + tree.first_split, tree.splits, bins);
      for (std::uint32_t i = 0; i < tree.targets; ++i) {
        const Sum* const values = layout.values<Sum>() + targets[i].first_value;
        Sum* const to = sums + targets[i].sum * kBlockRows;
        add_part<0>(leaf, values, to);
        add_part<1>(leaf, values, to);
        add_part<2>(leaf, values, to);
        add_part<3>(leaf, values, to);
      }
      continue;
    }
    std::array<std::uint32_t, kBlockRows> leaves;
    walk_block(layout.nodes.data(), tree, bins, leaves.data());
    for (std::uint32_t i = 0; i < tree.targets; ++i) {
      const Sum* const values = layout.values<Sum>() + targets[i].first_value;
      Sum* const to = sums + targets[i].sum * kBlockRows;
      for (std::size_t r = 0; r < kBlockRows; ++r) to[r] += values[leaves[r]];
    }
  }
}

}  // namespace

const Kernel kAvx512Kernel = {quantize_floats, quantize_doubles, add<float>, add<double>, explain};

}  // namespace slipway::serving::trees
#endif
