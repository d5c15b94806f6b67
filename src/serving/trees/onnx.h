// Tree ensembles out of ONNX graphs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/onnx/proto.h"
#include "serving/trees/ensemble.h"

namespace slipway::serving::trees {

// A tree operator, ready to evaluate. A classifier answers a score per class, and the position of
// the class when it is asked for `classes`; labels are in one of the lists.
struct OnnxTrees {
  std::optional<Ensemble> ensemble;  // always there
  bool is_classifier = false;
  std::vector<std::int64_t> integer_labels;
  std::vector<std::string> text_labels;
};

// `node` is a TreeEnsembleClassifier, TreeEnsembleRegressor or TreeEnsemble that reads `features`
// features; `doubles`: as doubles, otherwise as floats or integers. Answers are ONNX Runtime's.
// kCorruption: attributes that are no trees. kInvalidArgument: what it asks for is not known.
Result<OnnxTrees> read_onnx_trees(const onnx::Node& node, std::size_t features, bool doubles);

// A model of nothing but such an operator, and what exporters put behind it (ZipMap, Cast).
// kInvalidArgument: there is more in it, named. kCorruption: no ONNX.
Result<OnnxTrees> read_onnx_trees(std::string_view bytes);

}  // namespace slipway::serving::trees
