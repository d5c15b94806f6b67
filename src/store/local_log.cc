#include "store/local_log.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "store/row_batch.h"

namespace slipway::store {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE topics(
  workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL, next_number INTEGER NOT NULL,
  PRIMARY KEY(workspace, name));
CREATE TABLE topic_messages(
  workspace TEXT NOT NULL DEFAULT 'default', topic TEXT NOT NULL, number INTEGER NOT NULL,
  message_key BLOB, value BLOB, headers BLOB NOT NULL, message_time INTEGER NOT NULL,
  PRIMARY KEY(workspace, topic, number));
CREATE TABLE topic_groups(
  workspace TEXT NOT NULL DEFAULT 'default', topic TEXT NOT NULL, reader_group TEXT NOT NULL,
  next_number INTEGER NOT NULL,
  PRIMARY KEY(workspace, topic, reader_group))
)sql";

using Headers = std::vector<std::pair<std::string, std::string>>;

void pack_text(std::string& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += text;
}

// Name and value by turns, each behind its length.
std::string pack_headers(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    pack_text(out, name);
    pack_text(out, value);
  }
  return out;
}

Result<Headers> unpack_headers(std::string_view packed) {
  const auto next = [&]() -> Result<std::string> {
    std::uint32_t size = 0;
    if (packed.size() < sizeof size)
      return base::error(Code::kCorruption, "a message's headers are cut short");
    std::memcpy(&size, packed.data(), sizeof size);
    packed.remove_prefix(sizeof size);
    if (packed.size() < size)
      return base::error(Code::kCorruption, "a message's headers are cut short");
    std::string text(packed.substr(0, size));
    packed.remove_prefix(size);
    return text;
  };
  Headers headers;
  while (!packed.empty()) {
    std::string name = TRY(next());
    std::string value = TRY(next());
    headers.emplace_back(std::move(name), std::move(value));
  }
  return headers;
}

Param blob_or_null(const std::optional<std::string>& bytes) {
  return bytes ? Param(Bytes{*bytes}) : Param(nullptr);
}

constexpr std::string_view kTopics =
    "SELECT name, next_number, (SELECT MIN(number) FROM topic_messages m WHERE m.workspace = "
    "'default' AND m.topic = t.name) FROM topics t";

LocalLog::Topic topic_of(const Row& row) {
  return {row.string(0), row.is_null(2) ? row.int64(1) : row.int64(2), row.int64(1)};
}

}  // namespace

RoomMigrations LocalLog::migrations() { return {"topics", {{1, kFirst}}}; }

Result<std::int64_t> LocalLog::append(const std::string& topic, std::span<const Message> messages) {
  const std::int64_t now_ms = clock_.now().micros / 1000;
  const std::int64_t first = TRY(db_.write([&](Tx& tx) -> Result<std::int64_t> {
    const auto known = TRY(tx.find("SELECT next_number FROM topics WHERE name = ?", {topic},
                                   [](const Row& row) { return row.int64(0); }));
    const std::int64_t begin = known.value_or(0);
    std::int64_t number = begin;
    std::vector<std::string> headers;  // the batch has views of them
    headers.reserve(messages.size());
    RowBatch rows(
        "INSERT INTO topic_messages(topic, number, message_key, value, headers, message_time)");
    for (const Message& message : messages) {
      const std::int64_t ms = message.time.micros == 0 ? now_ms : message.time.micros / 1000;
      headers.push_back(pack_headers(message.headers));
      rows.add({topic, number++, blob_or_null(message.key), blob_or_null(message.value),
                Bytes{headers.back()}, base::Timestamp{ms * 1000}});
    }
    TRY(rows.send(tx));
    TRY(
        tx.send("INSERT INTO topics(name, next_number) VALUES(?, ?) ON CONFLICT(workspace, name) "
                "DO UPDATE SET next_number = excluded.next_number",
                {topic, number}));
    if (number > options_.messages_max) {
      TRY(
          tx.send("DELETE FROM topic_messages WHERE workspace = 'default' AND topic = ? AND "
                  "number < ?",
                  {topic, number - options_.messages_max}));
    }
    return begin;
  }));
  {
    base::MutexLock lock(mutex_);
    ++appends_;
  }
  appended_.notify_all();
  return first;
}

Result<std::vector<ReceivedMessage>> LocalLog::read(const std::string& topic, std::int64_t offset,
                                                    std::size_t limit, std::size_t bytes_max) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<ReceivedMessage>> {
    std::vector<ReceivedMessage> found;
    Result<void> intact;
    std::size_t bytes = 0;
    TRY(reader.query(
        "SELECT number, message_key, value, headers, message_time FROM topic_messages WHERE "
        "workspace = 'default' AND topic = ? AND number >= ? ORDER BY number LIMIT ?",
        {topic, offset, limit}, [&](const Row& row) {
          if (bytes > bytes_max) return;
          ReceivedMessage& received = found.emplace_back();
          received.offset = row.int64(0);
          received.message.key = row.maybe_string(1);
          received.message.value = row.maybe_string(2);
          Result<Headers> headers = unpack_headers(row.text(3));
          if (headers) {
            received.message.headers = std::move(*headers);
          } else {
            intact = std::move(headers).error();
          }
          received.message.time = row.time(4);
          bytes += bytes_of(received.message);
        }));
    TRY(std::move(intact));
    return found;
  });
}

Result<std::vector<LocalLog::Topic>> LocalLog::topics() {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<Topic>> {
    std::vector<Topic> found;
    TRY(reader.query(std::string(kTopics) + " ORDER BY name", {},
                     [&](const Row& row) { found.push_back(topic_of(row)); }));
    return found;
  });
}

Result<LocalLog::Topic> LocalLog::topic(const std::string& name) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(std::string(kTopics) + " WHERE t.workspace = 'default' AND t.name = ?",
                       {name}, topic_of);
  }));
  return found ? std::move(*found) : Topic{.name = name};
}

class LocalLog::Writer final : public MessageWriter {
 public:
  Writer(LocalLog& log, std::string topic) : log_(log), topic_(std::move(topic)) {}
  Result<void> write(std::span<const Message> messages) override {
    if (!messages.empty()) TRY(log_.append(topic_, messages));
    return {};
  }
  void cancel() override {}  // a write to the database ends by itself

 private:
  LocalLog& log_;
  const std::string topic_;
};

class LocalLog::Reader final : public MessageReader {
 public:
  Reader(LocalLog& log, std::string topic, std::string group)
      : log_(log), topic_(std::move(topic)), group_(std::move(group)) {}

  Result<void> open(StartAt start) {
    const auto stored = TRY(log_.db_.read([&](store::Reader& reader) {
      return reader.find(
          "SELECT next_number FROM topic_groups WHERE topic = ? AND reader_group = ?",
          {topic_, group_}, [](const Row& row) { return row.int64(0); });
    }));
    if (stored) {
      next_ = *stored;
    } else {
      const Topic topic = TRY(log_.topic(topic_));
      next_ = start == StartAt::kEarliest ? topic.first : topic.end;
      TRY(store());  // what comes while nobody reads is the group's
    }
    committed_ = next_;
    return {};
  }

  Result<std::vector<ReceivedMessage>> poll(const PollLimits& limits) override {
    using Clock = std::chrono::steady_clock;
    auto until = Clock::now() + limits.wait;
    std::vector<ReceivedMessage> found;
    std::size_t bytes = 0;
    for (;;) {
      std::uint64_t seen = 0;
      {
        base::MutexLock lock(log_.mutex_);
        seen = log_.appends_;
      }
      const bool first = found.empty();
      for (ReceivedMessage& each : TRY(log_.read(topic_, next_, limits.messages_max - found.size(),
                                                 limits.bytes_max - bytes))) {
        const std::size_t more = bytes_of(each.message);
        if (!found.empty() && more > limits.bytes_max - bytes) return found;
        bytes = std::min(limits.bytes_max, bytes + more);
        next_ = each.offset + 1;
        found.push_back(std::move(each));
      }
      if (found.size() >= limits.messages_max) return found;
      if (first && !found.empty()) until = Clock::now() + limits.fill;
      base::MutexLock lock(log_.mutex_);
      while (log_.appends_ == seen) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        if (left <= 0) return found;
        log_.appended_.wait_for_ms(log_.mutex_, left);
      }
    }
  }

  Result<bool> hold() override { return true; }

  Result<void> commit() override {
    if (committed_ == next_) return {};
    TRY(store());
    committed_ = next_;
    return {};
  }

  Result<std::vector<PartitionPosition>> positions() override {
    const Topic topic = TRY(log_.topic(topic_));
    return std::vector<PartitionPosition>{
        {.partition = 0, .next = std::max(committed_, topic.first), .end = topic.end}};
  }

 private:
  Result<void> store() {
    return log_.db_.write([&](Tx& tx) {
      return tx.send(
          "INSERT INTO topic_groups(topic, reader_group, next_number) VALUES(?, ?, ?) "
          "ON CONFLICT(workspace, topic, reader_group) DO UPDATE SET next_number = "
          "excluded.next_number",
          {topic_, group_, next_});
    });
  }

  LocalLog& log_;
  const std::string topic_, group_;
  std::int64_t next_ = 0, committed_ = 0;
};

Result<std::unique_ptr<MessageReader>> LocalLog::open_reader(const std::string& topic,
                                                             const std::string& group,
                                                             StartAt start) {
  auto reader = std::make_unique<Reader>(*this, topic, group);
  TRY(reader->open(start));
  return std::unique_ptr<MessageReader>(std::move(reader));
}

Result<std::unique_ptr<MessageWriter>> LocalLog::open_writer(const std::string& topic) {
  return std::unique_ptr<MessageWriter>(std::make_unique<Writer>(*this, topic));
}

}  // namespace slipway::store
