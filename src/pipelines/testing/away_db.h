// A database that is away when a test says so.
#pragma once

#include <atomic>

#include "store/db.h"

namespace slipway::pipelines {

class AwayDb final : public store::Db {
 public:
  explicit AwayDb(store::Db& db) : db_(db) {}

  std::atomic<bool> is_away{false};
  std::atomic<int> refused{0};  // calls

  Result<void> migrate(const std::vector<store::RoomMigrations>& rooms) override {
    return db_.migrate(rooms);
  }
  Result<std::string> scrub() override { return db_.scrub(); }

 protected:
  Result<void> run_write(const std::function<Result<void>(store::Tx&)>& body,
                         store::Durable durable) override {
    TRY(check());
    return db_.write(body, durable);
  }
  Result<void> run_joint_write(store::JointWrite& joint, store::JointItem& item) override {
    TRY(check());
    return db_.write_jointly(joint, item);
  }
  Result<void> run_read(const std::function<Result<void>(store::Reader&)>& body) override {
    TRY(check());
    return db_.read(body);
  }

 private:
  Result<void> check() {
    if (!is_away) return {};
    ++refused;
    return base::error(Code::kUnavailable, "the database is away");
  }

  store::Db& db_;
};

}  // namespace slipway::pipelines
