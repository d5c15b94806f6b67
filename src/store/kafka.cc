#include "store/kafka.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>

#include "base/log.h"
#include "base/text.h"

namespace slipway::store {
namespace {

constexpr int kErrorTextBytes = 512;
constexpr int kAskMs = 2000;  // a question to a broker, where the answer is not urgent

// What at-least-once delivery and our memory rest on; nobody else sets them.
constexpr std::string_view kOurs[] = {"bootstrap.servers",
                                      "metadata.broker.list",
                                      "group.id",
                                      "enable.auto.commit",
                                      "enable.auto.offset.store",
                                      "auto.offset.reset",
                                      "enable.partition.eof",
                                      "partition.assignment.strategy",
                                      "group.instance.id",
                                      "enable.idempotence",
                                      "acks",
                                      "request.required.acks",
                                      "message.timeout.ms",
                                      "delivery.timeout.ms",
                                      "transactional.id"};

struct DestroyClient {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;

struct DestroyConfiguration {
  void operator()(rd_kafka_conf_t* configuration) const { rd_kafka_conf_destroy(configuration); }
};
using Configuration = std::unique_ptr<rd_kafka_conf_t, DestroyConfiguration>;

struct DestroyPartitions {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyPartitions>;

Partitions new_partitions(std::size_t size) {
  return Partitions(rd_kafka_topic_partition_list_new(static_cast<int>(size)));
}

Error kafka_error(rd_kafka_resp_err_t code, std::string_view what) {
  const bool never =
      code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
      code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
  return base::error(never ? Code::kInvalidArgument : Code::kUnavailable, "kafka: {}: {}", what,
                     rd_kafka_err2str(code));
}

Result<void> set(rd_kafka_conf_t* configuration, const std::string& name,
                 const std::string& value) {
  char text[kErrorTextBytes];
  if (rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), text, sizeof text) !=
      RD_KAFKA_CONF_OK)
    return base::error(Code::kInvalidArgument, "kafka: {}", text);
  return {};
}

// librdkafka tells of every lost connection; who waits for an answer learns of it there.
void pass_on(const rd_kafka_t*, int level, const char* facility, const char* text) {
  constexpr int kSyslogError = 3;
  if (level < kSyslogError) {
    base::log_warning("kafka", "{}: {}", facility, text);
  } else {
    base::log_debug("kafka", "{}: {}", facility, text);
  }
}

// One of librdkafka's properties that only the other kind of client knows is no mistake.
Result<Configuration> configure(const KafkaOptions& options, const KafkaProperties& ours) {
  Configuration configuration(rd_kafka_conf_new());
  for (const auto& [name, value] : options.properties) TRY(set(configuration.get(), name, value));
  TRY(set(configuration.get(), "bootstrap.servers", options.brokers));
  TRY(set(configuration.get(), "client.id", "slipway"));
  for (const auto& [name, value] : ours) TRY(set(configuration.get(), name, value));
  rd_kafka_conf_set_log_cb(configuration.get(), pass_on);
  return configuration;
}

Result<Client> make_client(rd_kafka_type_t type, Configuration configuration) {
  char text[kErrorTextBytes];
  rd_kafka_t* client = rd_kafka_new(type, configuration.get(), text, sizeof text);
  if (client == nullptr) return base::error(Code::kInvalidArgument, "kafka: {}", text);
  static_cast<void>(configuration.release());  // the client's now
  return Client(client);
}

Message copy_of(const rd_kafka_message_t& received) {
  Message message;
  if (received.payload != nullptr)
    message.value.emplace(static_cast<const char*>(received.payload), received.len);
  if (received.key != nullptr)
    message.key.emplace(static_cast<const char*>(received.key), received.key_len);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t ms = rd_kafka_message_timestamp(&received, &type);
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && ms > 0) message.time = {ms * 1000};
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&received, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      message.headers.emplace_back(name, value == nullptr
                                             ? std::string()
                                             : std::string(static_cast<const char*>(value), size));
    }
  }
  return message;
}

class Reader final : public MessageReader {
 public:
  static Result<std::unique_ptr<MessageReader>> open(const KafkaOptions& options,
                                                     const std::string& topic,
                                                     const std::string& group, StartAt start) {
    std::unique_ptr<Reader> reader(new Reader(topic, start));
    Configuration configuration = TRY(configure(
        options,
        {{"group.id", group},
         {"enable.auto.commit", "false"},
         {"enable.auto.offset.store", "false"},
         // Eager: whoever loses a partition loses all, so nothing that is still in hand is skipped.
         {"partition.assignment.strategy", "range,roundrobin"},
         {"auto.offset.reset", start == StartAt::kEarliest ? "earliest" : "latest"},
         {"topic.metadata.refresh.interval.ms", "10000"},  // topics and partitions that come later
         {"queued.max.messages.kbytes", "16384"}}));
    rd_kafka_conf_set_opaque(configuration.get(), reader.get());
    rd_kafka_conf_set_rebalance_cb(configuration.get(), &Reader::rebalance);
    reader->client_ = TRY(make_client(RD_KAFKA_CONSUMER, std::move(configuration)));
    rd_kafka_poll_set_consumer(reader->client_.get());
    const Partitions topics = new_partitions(1);
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(reader->client_.get(), topics.get());
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(code, "subscribe");
    return std::unique_ptr<MessageReader>(std::move(reader));
  }

  ~Reader() override {
    if (client_) rd_kafka_consumer_close(client_.get());
  }

  Result<std::vector<ReceivedMessage>> poll(const PollLimits& limits) override {
    using Clock = std::chrono::steady_clock;
    pause(false);
    in_hand_.clear();
    auto until = Clock::now() + limits.wait;
    std::size_t bytes = 0;
    while (in_hand_.size() < limits.messages_max) {
      if (!ahead_.empty()) {
        bytes += bytes_of(ahead_.front().message);
        if (!in_hand_.empty() && bytes > limits.bytes_max) break;
        take(std::move(ahead_.front()));
        ahead_.pop_front();
      } else {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        const Result<bool> came = receive(static_cast<int>(std::max<std::int64_t>(0, left)));
        if (!came) {
          if (in_hand_.empty()) return came.error();
          break;  // told again, when nothing is in hand
        }
        if (ahead_.empty()) {
          if (left <= 0) break;
          continue;
        }
        if (in_hand_.empty()) until = Clock::now() + limits.fill;
      }
    }
    lost_ = false;
    return std::move(in_hand_);
  }

  Result<bool> hold() override {
    pause(true);
    // A message that slips in is kept for the next poll(): one a call, else they could be many.
    TRY(receive(0));
    return !lost_;
  }

  Result<void> commit() override {
    const Partitions list = new_partitions(given_.size());
    for (const auto& [partition, next] : given_)
      rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), partition)->offset = next;
    if (list->cnt == 0) return {};
    TRY(commit(*list));
    given_.clear();
    return {};
  }

  Result<std::vector<PartitionPosition>> positions() override {
    const Partitions assigned = assignment();
    std::vector<PartitionPosition> found;
    for (int i = 0; i < assigned->cnt; ++i) {
      const std::int32_t partition = assigned->elems[i].partition;
      std::int64_t low = RD_KAFKA_OFFSET_INVALID, high = RD_KAFKA_OFFSET_INVALID;
      // What the last fetch has told costs nothing; a paused partition is not fetched.
      rd_kafka_get_watermark_offsets(client_.get(), topic_.c_str(), partition, &low, &high);
      if (high < 0 || paused_) {
        if (const auto code = rd_kafka_query_watermark_offsets(client_.get(), topic_.c_str(),
                                                               partition, &low, &high, kAskMs);
            code != RD_KAFKA_RESP_ERR_NO_ERROR)
          return kafka_error(code, "offsets");
      }
      if (!committed_.contains(partition)) TRY(ask_committed(partition));
      const std::int64_t next = committed_[partition];
      found.push_back({.partition = partition, .next = next >= 0 ? next : low, .end = high});
    }
    return found;
  }

 private:
  Reader(std::string topic, StartAt start) : topic_(std::move(topic)), start_(start) {}

  // On the thread that polls, inside rd_kafka_consumer_poll().
  static void rebalance(rd_kafka_t* client, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    Reader& self = *static_cast<Reader*>(opaque);
    // Whatever was not committed is given again, to us or to another member.
    self.in_hand_.clear();
    self.ahead_.clear();
    self.given_.clear();
    self.committed_.clear();
    self.lost_ = true;
    self.to_begin_.reset();
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      if (self.start_ == StartAt::kEarliest) {
        self.assign(*partitions);
      } else {
        self.to_begin_.reset(rd_kafka_topic_partition_list_copy(partitions));
        self.assign(*new_partitions(0));
      }
      return;
    }
    // A partition that comes back would still be paused.
    if (self.paused_) rd_kafka_resume_partitions(client, partitions);
    self.paused_ = false;
    rd_kafka_assign(client, nullptr);
  }

  void assign(const rd_kafka_topic_partition_list_t& partitions) {
    rd_kafka_assign(client_.get(), &partitions);
    paused_ = false;
  }

  // A group that begins at the end has its place stored before it reads, so that what comes while
  // nobody reads is its own.
  Result<void> begin() {
    if (const auto code = rd_kafka_committed(client_.get(), to_begin_.get(), kAskMs);
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(code, "committed offsets");
    std::map<std::int32_t, std::int64_t> places;
    const Partitions news = new_partitions(0);
    for (int i = 0; i < to_begin_->cnt; ++i) {
      rd_kafka_topic_partition_t& each = to_begin_->elems[i];
      if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_error(each.err, "committed offsets");
      if (each.offset < 0) {
        std::int64_t low = 0;
        if (const auto code = rd_kafka_query_watermark_offsets(
                client_.get(), topic_.c_str(), each.partition, &low, &each.offset, kAskMs);
            code != RD_KAFKA_RESP_ERR_NO_ERROR)
          return kafka_error(code, "offsets");
        rd_kafka_topic_partition_list_add(news.get(), topic_.c_str(), each.partition)->offset =
            each.offset;
      }
      places[each.partition] = each.offset;
    }
    if (news->cnt > 0) TRY(commit(*news));
    assign(*to_begin_);
    committed_ = std::move(places);
    to_begin_.reset();
    return {};
  }

  Result<void> commit(rd_kafka_topic_partition_list_t& list) {
    if (const auto code = rd_kafka_commit(client_.get(), &list, 0);
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(code, "commit");
    for (int i = 0; i < list.cnt; ++i) {
      if (list.elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(list.elems[i].err, "commit");
      committed_[list.elems[i].partition] = list.elems[i].offset;
    }
    return {};
  }

  // One message more in `ahead_`: true. False: none came in time.
  Result<bool> receive(int wait_ms) {
    const std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)> received(
        rd_kafka_consumer_poll(client_.get(), wait_ms), &rd_kafka_message_destroy);
    if (to_begin_ != nullptr) TRY(begin());
    if (received == nullptr) return false;
    if (received->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(received->err, fmt::format("topic {}", topic_));
    ahead_.push_back({.partition = received->partition,
                      .offset = received->offset,
                      .message = copy_of(*received)});
    return true;
  }

  void take(ReceivedMessage message) {
    given_[message.partition] = message.offset + 1;
    in_hand_.push_back(std::move(message));
  }

  Partitions assignment() const {
    rd_kafka_topic_partition_list_t* list = nullptr;
    if (rd_kafka_assignment(client_.get(), &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return new_partitions(0);
    return Partitions(list);
  }

  void pause(bool paused) {
    if (paused_ == paused) return;
    paused_ = paused;
    const Partitions assigned = assignment();
    if (paused) {
      rd_kafka_pause_partitions(client_.get(), assigned.get());
    } else {
      rd_kafka_resume_partitions(client_.get(), assigned.get());
    }
  }

  Result<void> ask_committed(std::int32_t partition) {
    const Partitions list = new_partitions(1);
    rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), partition);
    if (const auto code = rd_kafka_committed(client_.get(), list.get(), kAskMs);
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(code, "committed offsets");
    committed_[partition] = list->elems[0].offset;  // negative: none
    return {};
  }

  const std::string topic_;
  const StartAt start_;
  Client client_;
  bool paused_ = false;                         // what is assigned
  bool lost_ = false;                           // since the end of the last poll()
  Partitions to_begin_;                         // ours, once begin() has succeeded; null: none
  std::vector<ReceivedMessage> in_hand_;        // what the running poll() has so far
  std::deque<ReceivedMessage> ahead_;           // received, and not given yet
  std::map<std::int32_t, std::int64_t> given_;  // by partition, what to commit
  std::map<std::int32_t, std::int64_t> committed_;
};

class Writer final : public MessageWriter {
 public:
  Writer(KafkaOptions options, std::string topic)
      : options_(std::move(options)), topic_(std::move(topic)) {}

  Result<void> open() {
    Configuration configuration = TRY(
        configure(options_, {{"enable.idempotence", "true"},
                             {"acks", "all"},
                             {"message.timeout.ms", std::to_string(options_.write_limit.count())},
                             {"partitioner", "murmur2_random"},
                             {"linger.ms", "1"}}));
    rd_kafka_conf_set_dr_msg_cb(configuration.get(), &Writer::delivered);
    client_ = TRY(make_client(RD_KAFKA_PRODUCER, std::move(configuration)));
    return {};
  }

  ~Writer() override { purge(); }

  Result<void> write(std::span<const Message> messages) override {
    if (client_ == nullptr) TRY(open());
    Outstanding outstanding;
    Result<void> queued;
    for (const Message& message : messages) {
      queued = queue(message, outstanding);
      if (!queued) break;
    }
    while (outstanding.count > 0) {
      rd_kafka_poll(client_.get(), 100);
      if (cancelled_) purge();
    }
    // An idempotent producer that has met an error it can't order around is of no more use.
    if (char text[kErrorTextBytes];
        rd_kafka_fatal_error(client_.get(), text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      client_.reset();
      return base::error(Code::kUnavailable, "kafka: {}", text);
    }
    TRY(std::move(queued));
    if (outstanding.failed != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(outstanding.failed, fmt::format("topic {}", topic_));
    return {};
  }

  void cancel() override { cancelled_ = true; }

 private:
  struct Outstanding {
    std::size_t count = 0;
    rd_kafka_resp_err_t failed = RD_KAFKA_RESP_ERR_NO_ERROR;  // the first
  };

  static void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    auto& outstanding = *static_cast<Outstanding*>(message->_private);
    --outstanding.count;
    if (outstanding.failed == RD_KAFKA_RESP_ERR_NO_ERROR) outstanding.failed = message->err;
  }

  Result<void> queue(const Message& message, Outstanding& outstanding) {
    for (;;) {
      rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size());
      for (const auto& [name, value] : message.headers) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
      }
      const auto bytes = [](const std::optional<std::string>& text) {
        return text ? const_cast<char*>(text->data()) : nullptr;
      };
      const auto size = [](const std::optional<std::string>& text) {
        return text ? text->size() : 0;
      };
      const auto code = rd_kafka_producev(
          client_.get(), RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_KEY(bytes(message.key), size(message.key)),
          RD_KAFKA_V_VALUE(bytes(message.value), size(message.value)),
          RD_KAFKA_V_TIMESTAMP(message.time.micros / 1000), RD_KAFKA_V_HEADERS(headers),
          RD_KAFKA_V_OPAQUE(&outstanding), RD_KAFKA_V_END);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++outstanding.count;
        return {};
      }
      rd_kafka_headers_destroy(headers);  // still ours
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || cancelled_)
        return kafka_error(code, fmt::format("topic {}", topic_));
      rd_kafka_poll(client_.get(), 100);
    }
  }

  void purge() {
    if (client_ == nullptr) return;
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  }

  const KafkaOptions options_;
  const std::string topic_;
  Client client_;
  std::atomic<bool> cancelled_{false};
};

class Kafka final : public MessageLog {
 public:
  explicit Kafka(KafkaOptions options) : options_(std::move(options)) {}

  Result<std::unique_ptr<MessageReader>> open_reader(const std::string& topic,
                                                     const std::string& group,
                                                     StartAt start) override {
    return Reader::open(options_, topic, group, start);
  }
  Result<std::unique_ptr<MessageWriter>> open_writer(const std::string& topic) override {
    auto writer = std::make_unique<Writer>(options_, topic);
    TRY(writer->open());
    return std::unique_ptr<MessageWriter>(std::move(writer));
  }

 private:
  const KafkaOptions options_;
};

}  // namespace

Result<KafkaProperties> parse_kafka_properties(std::string_view text) {
  KafkaProperties properties;
  const Configuration trial(rd_kafka_conf_new());
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view entry = base::trimmed(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (entry.empty() || entry.front() == '#') continue;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos)
      return base::error(Code::kInvalidArgument, "line {}: expected NAME=VALUE", line);
    const std::string name(base::trimmed(entry.substr(0, equals)));
    if (std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs)) {
      return base::error(Code::kInvalidArgument,
                         "line {}: the server sets this itself: property={}", line, name);
    }
    const std::string value(base::trimmed(entry.substr(equals + 1)));
    if (Result<void> known = set(trial.get(), name, value); !known)
      return std::move(known).error().with_context(fmt::format("line {}", line));
    properties.emplace_back(name, value);
  }
  return properties;
}

std::unique_ptr<MessageLog> open_kafka(KafkaOptions options) {
  return std::make_unique<Kafka>(std::move(options));
}

}  // namespace slipway::store
