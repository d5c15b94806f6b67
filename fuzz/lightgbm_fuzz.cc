// Model files of LightGBM: what loads also scores, one row and many, to the same answers.
#include "serving/trees/ensemble.h"
#include "tree_models.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using slipway::serving::trees::Ensemble;
  slipway::fuzz::judge_trees(Ensemble::from_lightgbm(slipway::fuzz::text_of(data, size)));
  return 0;
}
