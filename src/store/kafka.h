// Topics of Kafka, or of whatever speaks its protocol. librdkafka stays behind this header.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/message_log.h"

namespace slipway::store {

// Names and values of librdkafka's own properties: "security.protocol", "sasl.username"...
using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

// `name=value` lines, as Kafka's own tools read them; empty ones and those that begin with # are
// skipped. kInvalidArgument: with the line; also a property that delivery at least once rests on.
Result<KafkaProperties> parse_kafka_properties(std::string_view text);

struct KafkaOptions {
  std::string brokers;         // host:port, with commas
  KafkaProperties properties;  // checked by parse_kafka_properties()
  // A message that the brokers have not taken by then is an error of write().
  std::chrono::milliseconds write_limit{30'000};
};

// Connects to nobody yet. Readers are members of a consumer group: several share the partitions,
// also those of other processes. Writers are idempotent producers that wait for all replicas; keys
// go to the partitions that Java's clients choose.
std::unique_ptr<MessageLog> open_kafka(KafkaOptions options);

}  // namespace slipway::store
