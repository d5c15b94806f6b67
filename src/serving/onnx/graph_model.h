// ONNX graphs as models, evaluated here: what scikit-learn's pipelines become, without a runtime.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serving/model.h"
#include "serving/onnx/interface.h"
#include "serving/onnx/program.h"
#include "serving/onnx/proto.h"

namespace slipway::serving::onnx {

class GraphModel final : public serving::Model {
 public:
  // kInvalidArgument: an operator that is not known
  // here, or a use of one, named: ONNX Runtime may run it. kCorruption: no graph.
  // kResourceExhausted: larger than any model of this kind.
  static Result<std::shared_ptr<const serving::Model>> load(const onnx::Model& model,
                                                            Interface interface);

  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "slipway_onnx"; }
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override;
  std::size_t memory_bytes() const override { return program_.bytes + sizeof(*this); }

 private:
  // One value of a row: where it is read, and the register for it.
  struct Load {
    std::size_t input, element;
    Register to;
  };
  // An output: its columns in registers.
  struct Store {
    ElementType type;
    std::vector<Register> from;
  };

  GraphModel() = default;

  Interface interface_;
  ModelShape shape_;
  Program program_;
  std::size_t block_rows_ = 1;
  std::vector<Load> loads_;
  std::vector<Store> stores_;
};

}  // namespace slipway::serving::onnx
