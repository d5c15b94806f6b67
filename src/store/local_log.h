// The embedded log of messages: topics of one partition as rows of the database.
// docs/formats/topics.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/db.h"
#include "store/message_log.h"

namespace slipway::store {

// Safe to use from several threads. A group must have one reader at a time, and only one server
// must read: it is told of new messages by its own writers.
class LocalLog final : public MessageLog {
 public:
  struct Options {
    // A topic keeps so many; the oldest go when more come, read or not.
    std::int64_t messages_max = 1'000'000;
  };
  LocalLog(Db& db, const base::Clock& clock, Options options)
      : db_(db), clock_(clock), options_(options) {}

  static RoomMigrations migrations();

  Result<std::unique_ptr<MessageReader>> open_reader(const std::string& topic,
                                                     const std::string& group,
                                                     StartAt start) override;
  Result<std::unique_ptr<MessageWriter>> open_writer(const std::string& topic) override;

  // Gives the offset of the first of them.
  Result<std::int64_t> append(const std::string& topic, std::span<const Message> messages);
  // From `offset` on, or from the oldest there is; nothing of a topic that nobody wrote to. No more
  // come after `bytes_max`.
  Result<std::vector<ReceivedMessage>> read(const std::string& topic, std::int64_t offset,
                                            std::size_t limit,
                                            std::size_t bytes_max = kBatchBytesMax);
  struct Topic {
    std::string name;
    std::int64_t first = 0, end = 0;  // offsets: of the oldest, and of what comes next
  };
  Result<std::vector<Topic>> topics();
  Result<Topic> topic(const std::string& name);  // empty when nobody wrote to it

 private:
  class Reader;
  class Writer;

  Db& db_;
  const base::Clock& clock_;
  const Options options_;
  base::Mutex mutex_;
  base::CondVar appended_;
  std::uint64_t appends_ GUARDED_BY(mutex_) = 0;
};

}  // namespace slipway::store
