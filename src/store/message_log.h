// Messages in topics: what streams read and write. One seam; Kafka (kafka.h) and the embedded log
// in the database (local_log.h) stand behind it and pass the same tests.
//
// A topic is a few partitions; in each, messages are numbered in the order they came (`offset`). A
// group of readers remembers per partition which offset it goes on from. What was read and not
// committed is read again by whoever reads next: at least once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::store {

struct Message {
  std::optional<std::string> key;
  std::optional<std::string> value;  // nothing: a tombstone
  base::Timestamp time;              // written: zero is now. To the millisecond
  std::vector<std::pair<std::string, std::string>> headers;
};
// Of its key, its value and its headers.
std::size_t bytes_of(const Message& message);

struct ReceivedMessage {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  Message message;
};

struct PartitionPosition {
  std::int32_t partition = 0;
  std::int64_t next = 0;  // what the group goes on from
  std::int64_t end = 0;   // what the next message that comes will have
  std::int64_t lag() const { return end > next ? end - next : 0; }
};

constexpr std::size_t kBatchBytesMax = 16 << 20;  // in memory at once, about

struct PollLimits {
  std::size_t messages_max = 500;
  // Of all messages together; the first one is given however many it has.
  std::size_t bytes_max = kBatchBytesMax;
  std::chrono::milliseconds wait{200};  // for the first one
  std::chrono::milliseconds fill{0};    // for more, after the first
};

// Reads a topic as a member of a group. One thread at a time. Errors are kUnavailable when trying
// again later may help.
class MessageReader {
 public:
  virtual ~MessageReader() = default;  // leaves the group

  // The next messages, those of a partition in order; none when nothing came in time.
  virtual Result<std::vector<ReceivedMessage>> poll(const PollLimits& limits) = 0;
  // Stays a member without reading on: to be called at least once a minute by who is not done with
  // what poll() gave, or wants nothing now. False: all that was not committed may be another
  // member's by now, and will be given again; nothing of it is to be committed.
  virtual Result<bool> hold() = 0;
  // Everything that poll() gave is done with; durable on return. After an error it may be given
  // again.
  virtual Result<void> commit() = 0;
  // Of the partitions that this member has now.
  virtual Result<std::vector<PartitionPosition>> positions() = 0;
};

// Writes to a topic. One thread at a time, but for cancel().
class MessageWriter {
 public:
  virtual ~MessageWriter() = default;

  // Durable on every replica in sync on return; messages of one key in order. After an error any of
  // them may be there. kInvalidArgument: one that the topic never takes (too large).
  virtual Result<void> write(std::span<const Message> messages) = 0;
  // From now on write() gives up soon, with kUnavailable.
  virtual void cancel() = 0;
};

enum class StartAt { kEarliest, kLatest };

// Safe to use from several threads; outlives what it opens.
class MessageLog {
 public:
  virtual ~MessageLog() = default;
  // `start`: where a group begins that has no place yet. At the end it gets one before it reads, so
  // what comes later is its own. A topic that isn't there yet is no error: nothing comes.
  virtual Result<std::unique_ptr<MessageReader>> open_reader(const std::string& topic,
                                                             const std::string& group,
                                                             StartAt start) = 0;
  virtual Result<std::unique_ptr<MessageWriter>> open_writer(const std::string& topic) = 0;
};

// Where a topic is.
struct TopicAddress {
  std::string brokers;  // host:port, with commas; empty: the embedded log
  std::string topic;
  bool operator==(const TopicAddress&) const = default;
};
// "kafka://broker-1:9092,broker-2:9092/topic", "log:/topic". kInvalidArgument.
Result<TopicAddress> parse_topic_address(std::string_view url);

}  // namespace slipway::store
