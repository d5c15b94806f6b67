// A block of rows while its answers are taken apart; README.md says how, explain.cc does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slipway::serving::trees {

// Deeper trees, and paths that ask more features, are not taken apart.
inline constexpr std::size_t kExplainedDepthMax = 512, kExplainedFeaturesMax = 128;

// Points and weights of Gauss and Legendre between 0 and 1: exact for polynomials of a degree below
// twice their number.
struct Quadrature {
  std::vector<double> points, weights;
};

struct ExplainedBlock {
  // What the way to a node asked of one feature: which rows hold it (all bits or none), and which
  // share of the training did.
  struct Asked {
    double share = 1;
    const std::int64_t* holds = nullptr;
  };

  const std::uint8_t* bins = nullptr;
  std::size_t rows = 0;  // rounded up to eight
  const Quadrature* quadrature = nullptr;
  // By level, then by point, a number a row: what the nodes above multiply a leaf's value by; and
  // the sum of such values below.
  double* products = nullptr;
  double* sums = nullptr;
  double* factors = nullptr;      // by level, four a point
  std::int64_t* holds = nullptr;  // by level: rows that hold all that was asked of the feature
  Asked* asked = nullptr;         // by feature
  const float* floats = nullptr;  // of the leaves; or
  const double* doubles = nullptr;
  double* contributions = nullptr;  // by feature, a number a row
};

}  // namespace slipway::serving::trees
