#include "pipelines/patient_db.h"

#include <chrono>
#include <thread>

#include "base/log.h"

namespace slipway::pipelines {
namespace {

constexpr auto kPause = std::chrono::milliseconds(200);

}  // namespace

Result<void> PatientDb::again(const std::function<Result<void>()>& call) {
  for (bool is_first = true;; is_first = false) {
    Result<void> done = call();
    if (done || done.error().code != Code::kUnavailable || gives_up_()) return done;
    if (is_first) base::log_warning("pipelines", "runs wait: {}", done.error().message);
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace slipway::pipelines
