// Messages of a stream as rows of an endpoint: each value is a JSON object whose members are the
// model's inputs; each answer is an object of the outputs.
#pragma once

#include "serving/endpoints.h"
#include "streams/ports.h"

namespace slipway::api::predict {

// Safe to use from several threads. `endpoints` must outlive it.
//
// Messages with the same members and of the same variant are scored as one batch. Where a batch is
// refused, its halves are scored, down to the message that is to blame. Members that nobody reads
// are ignored.
class StreamScorer final : public streams::Scorer {
 public:
  explicit StreamScorer(serving::Endpoints& endpoints) : endpoints_(endpoints) {}

  Result<std::vector<Result<streams::Answer>>> score(
      const std::string& endpoint, std::span<const streams::Question> questions) override;

 private:
  struct Row;
  Result<void> score_rows(const std::string& endpoint, const std::string& variant,
                          std::span<Row* const> rows);

  serving::Endpoints& endpoints_;
};

}  // namespace slipway::api::predict
