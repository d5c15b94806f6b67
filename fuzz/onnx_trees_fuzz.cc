// ONNX files of tree operators: what loads also scores, one row and many, to the same answers.
#include "serving/trees/onnx.h"
#include "tree_models.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using slipway::Result;
  using slipway::serving::trees::Ensemble;
  auto trees = slipway::serving::trees::read_onnx_trees(slipway::fuzz::text_of(data, size));
  slipway::fuzz::judge_trees(trees ? Result<Ensemble>(std::move(*trees->ensemble))
                                   : Result<Ensemble>(trees.error()));
  return 0;
}
