// ONNX files as models, whoever runs them.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "serving/model.h"
#include "serving/onnx/proto.h"

namespace slipway::serving::onnx {

class Runtime;

// Evaluated here where all operators are known, else by `runtime` (null: refused). `signature`
// (null: none) says what the model reads, as of interface_of(). kCorruption: no ONNX.
// kFailedPrecondition: it needs ONNX Runtime, which operator does, and what to do.
// kInvalidArgument: nobody can run it, and why.
Result<std::shared_ptr<const serving::Model>> load_onnx(const std::filesystem::path& file,
                                                        const ModelShape* signature,
                                                        Runtime* runtime);

// Puts the values that tensors have in other files of `folder` where they belong. kCorruption: a
// file that isn't there, is too short, or is not in the folder.
Result<void> read_external_data(Model& model, const std::filesystem::path& folder);

}  // namespace slipway::serving::onnx
