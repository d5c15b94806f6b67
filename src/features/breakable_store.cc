#include "features/breakable_store.h"

namespace slipway::features {
namespace {

class BreakableStore final : public OnlineStore {
 public:
  BreakableStore(std::unique_ptr<OnlineStore> store, const std::atomic<bool>& is_gone)
      : store_(std::move(store)), is_gone_(is_gone) {}

  std::string_view name() const override { return store_->name(); }
  bool may_wait() const override { return store_->may_wait(); }
  Size size() const override { return store_->size(); }

  Result<bool> attach() override {
    TRY(check());
    return store_->attach();
  }
  Result<void> write(const Batch& batch) override {
    TRY(check());
    return store_->write(batch);
  }
  Result<void> read(std::span<const Place> places, const Each& each) const override {
    TRY(check());
    return store_->read(places, each);
  }
  Result<std::optional<std::string>> note(const std::string& name) const override {
    TRY(check());
    return store_->note(name);
  }
  Result<std::vector<Table>> tables() const override {
    TRY(check());
    return store_->tables();
  }
  Result<void> drop(Table table) override {
    TRY(check());
    return store_->drop(table);
  }
  Result<void> settle(Table table, std::string_view block) override {
    TRY(check());
    return store_->settle(table, block);
  }
  Result<std::string> scrub() override {
    TRY(check());
    return store_->scrub();
  }

 private:
  Result<void> check() const {
    if (!is_gone_) return {};
    return base::error(Code::kUnavailable,
                       "the online store ({}) does not answer: it was taken away", store_->name());
  }

  const std::unique_ptr<OnlineStore> store_;
  const std::atomic<bool>& is_gone_;
};

}  // namespace

std::unique_ptr<OnlineStore> make_breakable(std::unique_ptr<OnlineStore> store,
                                            const std::atomic<bool>& is_gone) {
  return std::make_unique<BreakableStore>(std::move(store), is_gone);
}

}  // namespace slipway::features
