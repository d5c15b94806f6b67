// Messages of the Open Inference Protocol v2 as requests and answers of endpoints.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "api/grpc/inference.pb.h"
#include "api/predict/json_batch.h"
#include "api/predict/tensor_batch.h"
#include "base/result.h"
#include "serving/endpoints.h"

namespace slipway::api::grpc {

// Reads requests, using its memory again; one thread at a time. What read() gives is valid until
// the next call, as long as the message is.
class InferenceReader {
 public:
  // kInvalidArgument naming the input.
  Result<predict::ParsedRequest> read(const inference::ModelInferRequest& request,
                                      const predict::ModelInputs& model);

 private:
  Result<void> fill(const inference::ModelInferRequest& request, int at,
                    predict::SentTensor& tensor);

  std::deque<std::vector<std::byte>> bytes_;
  std::deque<std::vector<std::string_view>> texts_;
};

// The outputs in binary, as Triton gives them. kInvalidArgument: an output that isn't there.
Result<void> write_answer(const inference::ModelInferRequest& request,
                          const serving::Prediction& prediction,
                          const std::vector<predict::WantedOutput>& wanted,
                          inference::ModelInferResponse& response);

void write_metadata(const serving::EndpointShape& shape,
                    inference::ModelMetadataResponse& response);
void write_statistics(const serving::VersionStatistics& of, inference::ModelStatistics& out);

}  // namespace slipway::api::grpc
