// What streams need of others, in their own words; app connects them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "store/message_log.h"

namespace slipway::streams {

// One message to be scored. Views, valid during the call.
struct Question {
  std::string_view value;  // a JSON object: the row
  std::string_view id;     // of the prediction
  std::string_view route_key;
  base::Timestamp event_time;
};

struct Answer {
  std::string value;  // a JSON object: the outputs by name
  std::string variant;
  std::int64_t model_version = 0, revision = 0;
};

// Scores messages with an endpoint. Safe to use from several threads.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // A result each, in order. An error among them: this message can never be scored, whatever
  // happens to the others. An error of the call: none was answered, and trying again later may help
  // (no model yet, it is being loaded, it has too much to do).
  virtual Result<std::vector<Result<Answer>>> score(const std::string& endpoint,
                                                    std::span<const Question> questions) = 0;
};

// Takes messages as rows of a source of features. Safe to use from several threads.
class FeatureRows {
 public:
  virtual ~FeatureRows() = default;
  // Before the first message of a partition: `end` is the offset its next message will have. What
  // was taken of offsets beyond it was of another topic, which had the same name.
  virtual Result<void> begin(const std::string& source, const std::string& topic,
                             std::int32_t partition, std::int64_t end) = 0;
  // A result each, in order. A message that was taken counts once, however often it is given:
  // durable and seen by reads on return. An error among them: this one can never be a row. An error
  // of the call: trying again later may help.
  virtual Result<std::vector<Result<void>>> add(
      const std::string& source, const std::string& topic,
      std::span<const store::ReceivedMessage> messages) = 0;
};

// Where topics are. Safe to use from several threads.
class Logs {
 public:
  virtual ~Logs() = default;
  virtual store::MessageLog& log(const store::TopicAddress& address) = 0;
};

}  // namespace slipway::streams
