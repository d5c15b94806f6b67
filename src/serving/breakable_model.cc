#include "serving/breakable_model.h"

#include <cstring>
#include <thread>

#include "base/hash.h"

namespace slipway::serving {
namespace {

// In [0, 1), of what the row's columns hold.
double draw(const ModelCall& call, std::size_t row) {
  std::uint64_t hash = 0;
  for (const InputView& input : call.inputs) {
    if (input.numbers != nullptr) {
      char bytes[sizeof(double)];
      std::memcpy(bytes, &input.numbers[row], sizeof bytes);
      hash = base::hash64({bytes, sizeof bytes}, hash);
    } else if (input.texts != nullptr) {
      hash = base::hash64(input.texts[row], hash);
    }
  }
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

class BreakableModel final : public Model {
 public:
  BreakableModel(std::shared_ptr<const Model> model, const ModelFaults& faults)
      : model_(std::move(model)), faults_(faults) {}

  const ModelShape& shape() const override { return model_->shape(); }
  std::string_view platform() const override { return model_->platform(); }
  Result<void> can_explain() const override { return model_->can_explain(); }
  Result<void> explain(const ModelCall& call, Explanation& explanation) const override {
    return model_->explain(call, explanation);
  }
  std::size_t memory_bytes() const override { return model_->memory_bytes(); }
  bool may_block() const override { return true; }
  std::size_t calls_at_once() const override { return model_->calls_at_once(); }

  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override {
    if (const std::int64_t late_ms = faults_.late_ms; late_ms > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(late_ms));
    if (const double share = faults_.failing_share; share > 0) {
      for (std::size_t row = 0; row < call.rows; ++row) {
        if (draw(call, row) < share)
          return base::error(Code::kInternal, "the model fails: it was made to");
      }
    }
    return model_->predict(call, outputs);
  }

 private:
  const std::shared_ptr<const Model> model_;
  const ModelFaults& faults_;
};

}  // namespace

std::shared_ptr<const Model> make_breakable(std::shared_ptr<const Model> model,
                                            const ModelFaults& faults) {
  return std::make_shared<const BreakableModel>(std::move(model), faults);
}

}  // namespace slipway::serving
