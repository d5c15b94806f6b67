// The directions that rows vary along, and what is left of rows without the small ones.
#pragma once

#include <vector>

#include "monitor/multivariate/row_encoder.h"

namespace slipway::monitor {

// The fewest principal components that hold a share of the variance. Immutable.
class PrincipalComponents {
 public:
  // Of at least two rows. `share` of the variance is between 0 and 1; time grows with the cube of
  // the columns.
  static PrincipalComponents of(const RowMatrix& rows, double share);

  std::size_t count() const { return components_.size(); }

  // What the components don't tell of each row: the difference to its projection.
  RowMatrix residuals(const RowMatrix& rows) const;

 private:
  std::vector<double> mean_;
  std::vector<std::vector<double>> components_;
};

// Eigenvalues, descending, and their vectors, of a symmetric matrix of n x n numbers (cyclic Jacobi
// rotations).
struct Eigen {
  std::vector<double> values;
  std::vector<std::vector<double>> vectors;
};
Eigen symmetric_eigen(std::vector<double> matrix, std::size_t n);

}  // namespace slipway::monitor
