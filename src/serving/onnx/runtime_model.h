// An ONNX graph that ONNX Runtime evaluates.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "serving/model.h"
#include "serving/onnx/interface.h"
#include "serving/onnx/proto.h"
#include "serving/onnx/runtime_library.h"

namespace slipway::serving::onnx {

class RuntimeModel final : public serving::Model {
 public:
  // Errors as of Runtime::load().
  static Result<std::shared_ptr<const serving::Model>> load(std::shared_ptr<const Library> library,
                                                            const std::filesystem::path& file,
                                                            const onnx::Model& model,
                                                            Interface interface,
                                                            std::size_t threads);
  ~RuntimeModel() override;

  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "onnxruntime_onnx"; }
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override;
  std::size_t memory_bytes() const override { return bytes_; }

 private:
  class Held;  // an OrtValue of ours

  explicit RuntimeModel(std::shared_ptr<const Library> library) : library_(std::move(library)) {}

  Result<void> run(const ModelCall& call, std::size_t first, std::size_t rows,
                   std::vector<Output>& outputs) const;
  Result<Held> make_input(const ModelCall& call, const GraphInput& input, std::size_t first,
                          std::size_t rows, std::vector<std::byte>& room) const;
  Result<void> take(OrtValue* value, std::size_t first, std::size_t rows, Output& output) const;
  Result<void> take_maps(OrtValue* value, std::size_t first, std::size_t rows,
                         Output& output) const;
  Result<std::vector<std::int64_t>> dims_of(OrtValue* value, ElementType& type) const;
  Result<std::vector<std::string>> texts_of(OrtValue* value, std::size_t count) const;

  const std::shared_ptr<const Library> library_;
  OrtSession* session_ = nullptr;
  Interface interface_;
  ModelShape shape_;
  std::vector<const char*> input_names_, output_names_;  // of interface_ and shape_
  bool one_row_ = false;
  std::size_t bytes_ = 0;
};

}  // namespace slipway::serving::onnx
