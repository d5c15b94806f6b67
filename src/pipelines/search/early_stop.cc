#include "pipelines/search/early_stop.h"

#include <cmath>

#include "base/log.h"

namespace slipway::pipelines {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kBetweenLooks = std::chrono::milliseconds(200);

}  // namespace

EarlyStop::EarlyStop(TrialRuns& tracked, RunTable& table, const Search& search, std::string run,
                     const StepRecord& trial)
    : tracked_(tracked),
      table_(table),
      search_(search),
      run_(std::move(run)),
      trial_(trial),
      metric_(search.stop_early->metric.empty() ? search.metric.text : search.stop_early->metric),
      rungs_(rungs(*search.stop_early)) {}

bool EarlyStop::stops() {
  if (stopped_) return true;
  if (next_rung_ == rungs_.size() || SteadyClock::now() < next_look_) return false;
  const Result<void> looked = look(Decide::kYes);
  next_look_ = SteadyClock::now() + kBetweenLooks;
  if (!looked && !has_warned_) {
    base::log_warning("pipelines", "a trial's reports can't be read, so it goes on: trial={} {}",
                      trial_.name, looked.error().message);
    has_warned_ = true;
  }
  return stopped_.has_value();
}

void EarlyStop::finish() {
  if (const Result<void> looked = look(Decide::kNo); !looked)
    base::log_warning("pipelines", "a trial's reports can't be read: trial={} {}", trial_.name,
                      looked.error().message);
}

Result<void> EarlyStop::look(Decide decide) {
  const std::vector<Report> reports = TRY(tracked_.reports(trial_.tracked_run, metric_));
  for (; next_rung_ < rungs_.size() && !stopped_; ++next_rung_) {
    const std::int64_t rung = rungs_[next_rung_];
    const Report* const report = report_at(reports, rung);
    if (report == nullptr) return {};
    std::vector<double> values;
    if (std::isfinite(report->value)) {
      values = TRY(table_.leave_at_rung(
          {.run = run_, .search = *trial_.parent, .trial = trial_.item}, rung, report->value));
    }
    if (decide == Decide::kNo ||
        goes_on(*search_.stop_early, search_.maximizes, values, report->value))
      continue;
    stopped_ = {.last = reports.back(),
                .reason = fmt::format("stopped early: {}={} at step {} is not among the best of {}",
                                      metric_, report->value, report->step, values.size())};
  }
  return {};
}

}  // namespace slipway::pipelines
