// The database to threads that can't go on without it.
#pragma once

#include <functional>

#include "store/db.h"

namespace slipway::pipelines {

// Makes a call again while the database is away (kUnavailable), until it is back or `gives_up` says
// yes. A write of which it isn't known whether it happened is made again, too: what is written
// through it must be the same twice. As safe as the database that it is given, which must outlive
// it.
class PatientDb final : public store::Db {
 public:
  PatientDb(store::Db& db, std::function<bool()> gives_up)
      : db_(db), gives_up_(std::move(gives_up)) {}

  Result<bool> lead() override { return db_.lead(); }
  Result<void> migrate(const std::vector<store::RoomMigrations>& rooms) override {
    return db_.migrate(rooms);
  }
  Result<std::string> scrub() override { return db_.scrub(); }

 protected:
  Result<void> run_write(const std::function<Result<void>(store::Tx&)>& body,
                         store::Durable durable) override {
    return again([&] { return db_.write(body, durable); });
  }
  Result<void> run_joint_write(store::JointWrite& joint, store::JointItem& item) override {
    return again([&] { return db_.write_jointly(joint, item); });
  }
  Result<void> run_read(const std::function<Result<void>(store::Reader&)>& body) override {
    return again([&] { return db_.read(body); });
  }

 private:
  Result<void> again(const std::function<Result<void>()>& call);

  store::Db& db_;
  const std::function<bool()> gives_up_;
};

}  // namespace slipway::pipelines
