// Messages of a topic as rows of a source: each is a JSON object with the source's columns.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/feature_store.h"

namespace slipway::features {

// A view, valid during the call.
struct RowMessage {
  std::string_view value;
  types::Timestamp time;  // the row's event time when the message doesn't say it
  std::int64_t offset = 0;
};

// Adds messages of one partition of `stream`, in the order of their offsets, each once however
// often it is given (FeatureStore::push). Members that are no columns are ignored. A message that
// lacks the dataset's only key, a text, has its place there: TOPIC-PARTITION-OFFSET. A result each,
// in order: kInvalidArgument says why a message can never be a row; the others are added
// nevertheless. An error of the call is one of push() that is no message's fault; what was added
// before it stays.
Result<std::vector<Result<void>>> push_messages(FeatureStore& features, const std::string& source,
                                                const std::string& stream, std::int64_t partition,
                                                std::span<const RowMessage> messages);

}  // namespace slipway::features
