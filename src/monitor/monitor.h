// Watches endpoints: judges windows of event time when their labels are complete enough, opens and
// resolves alerts, and asks for what they call for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "monitor/alert_log.h"
#include "monitor/alert_policy.h"
#include "monitor/budget/budget_report.h"
#include "monitor/budget/past_windows.h"
#include "monitor/comparison.h"
#include "monitor/definition.h"
#include "monitor/drift/column_source.h"
#include "monitor/drift_profile.h"
#include "monitor/labels.h"
#include "monitor/ports.h"
#include "monitor/watched_parts.h"
#include "monitor/windows.h"
#include "store/db.h"

namespace slipway::monitor {

struct DefinitionChange {
  std::string kind = "monitor";
  std::string name;
  std::string change;  // created | updated | unchanged
};

struct WindowFilter {
  std::optional<WindowKind> kind;
  std::string variant;                      // empty: all
  std::optional<base::Timestamp> from, to;  // windows that start in [from, to)
  std::size_t limit = 10'000;
};

struct StoredWindow {
  WindowKind kind = WindowKind::kDay;
  Window window;
  VariantResult result;
  std::optional<base::Timestamp> judged_at;  // unset: over, but its labels are still coming

  JsonObject to_json() const;
};

// What one call of advance() did.
struct AdvanceReport {
  std::int64_t windows = 0;
  std::vector<std::int64_t> opened;  // alert ids
  std::vector<std::int64_t> resolved;
  std::vector<std::string> started;  // run ids
};

// Of a window's rows that more than counting is done with: where there are more, a sample.
struct SampleLimits {
  std::int64_t slice_rows = 200'000;      // that slices are looked for in
  std::int64_t attribution_rows = 1'000;  // taken apart, and as many of the reference
  // Up to so many requests a window is searched for duplicates without an alert that asks for it:
  // that takes all inputs of all of them.
  std::int64_t duplicate_rows = 200'000;
};

// Safe to use from several threads; advance() and apply() take turns. Everything given to open()
// must outlive it. Nothing but the clock it is given and the times handed in decides what happens
// when, so that a replayed year and a lived one come out the same; a reopened Monitor goes on where
// the closed one stopped.
class Monitor {
 public:
  struct Ports {
    RequestSource& requests;
    ReferenceSource& reference;
    Actions& actions;
    FeatureSource& features;
    DatasetSource& datasets;
    Conditions* conditions = nullptr;           // null: declared slices are columns only
    AttributionSource* attributions = nullptr;  // null: nobody knows what models go by
  };
  // `clock` is the event clock. The tables must be migrated (tables.h).
  static Result<std::unique_ptr<Monitor>> open(store::Db& db, const base::Clock& clock, Ports ports,
                                               base::Metrics& metrics,
                                               std::string workspace = "default",
                                               SampleLimits limits = {});

  // What apply would change; changes nothing. kInvalidArgument: monitors of one endpoint that
  // differ in what its model is asked for.
  Result<std::vector<DefinitionChange>> plan(const std::vector<MonitorDefinition>& definitions);
  // A new monitor starts with the windows that contain now. Monitors that aren't named stay.
  Result<std::vector<DefinitionChange>> apply(const std::vector<MonitorDefinition>& definitions,
                                              const std::string& actor);
  // Judges no more windows, and resolves its alerts; those judged stay. kNotFound.
  Result<void> remove(const std::string& name, const std::string& actor);
  std::vector<MonitorDefinition> definitions();
  // kNotFound.
  Result<MonitorDefinition> definition(const std::string& name);

  base::Timestamp now() const { return clock_.now(); }  // of the event clock

  // As plan and apply of monitors; what isn't named goes.
  Result<std::vector<DefinitionChange>> plan_maintenance(
      const std::vector<MaintenanceWindow>& windows);
  Result<std::vector<DefinitionChange>> apply_maintenance(
      const std::vector<MaintenanceWindow>& windows, const std::string& actor);
  std::vector<MaintenanceWindow> maintenance();

  // As plan and apply of monitors; nothing: it is as AlarmBudget says.
  std::vector<DefinitionChange> plan_alarm_budget(const std::optional<AlarmBudget>& budget);
  Result<std::vector<DefinitionChange>> apply_alarm_budget(const std::optional<AlarmBudget>& budget,
                                                           const std::string& actor);
  // The chance with which a rule without a threshold may fire in a window although nothing is the
  // matter. One that is only thought of is one more to share the budget.
  double allowed_chance(const AlertRule& rule, bool is_declared = true);
  // With which a detector may ever page falsely until it pages; nothing: it has no part, or its
  // own.
  std::optional<double> allowed_chance(const DetectorRule& rule);
  // As of now.
  Result<BudgetReport> budget_report();
  // What was said of the newest windows by a rule without a threshold, oldest first. kNotFound.
  Result<std::vector<Band>> alert_bands(const std::string& monitor, const std::string& alert);

  // From `draft`, whose id and creation are given here. kInvalidArgument: no matcher, no comment,
  // or an end that isn't after its start and now.
  Result<Silence> add_silence(Silence draft);
  // Ends it now, or before it begins. kNotFound; kFailedPrecondition: it is over.
  Result<Silence> expire_silence(std::int64_t id, const std::string& actor);
  // Those that end after `after`, newest first.
  Result<std::vector<Silence>> silences(base::Timestamp after);
  // Somebody has seen it. kNotFound; kFailedPrecondition: it is resolved.
  Result<AlertRecord> acknowledge(std::int64_t alert, const std::string& actor,
                                  const std::string& comment);

  // See LabelStore::add; a label that isn't of the endpoint's problem is kInvalidArgument with its
  // row and the reason (without a monitor any number or class is one). Whether callers may say when
  // a label arrived (a rehearsal) or the clock does (then one that says so is kInvalidArgument).
  enum class Arrival { kStamped, kGiven };
  Result<LabelReceipt> add_labels(const std::string& endpoint,
                                  const std::vector<LabelDraft>& drafts, Arrival arrival);
  LabelStore& labels() { return labels_; }

  // The earliest time at which there may be something to do; may lie in the past. Nothing: no
  // monitors.
  Result<std::optional<base::Timestamp>> next_due();
  // Judges every window that is due by `now`, in the order they came due, with the labels known at
  // `now`; hands over and follows up actions. An error leaves the window to be judged by the next
  // call.
  Result<AdvanceReport> advance(base::Timestamp now);
  // Hands over what was decided and, after a crash, is not yet started, and writes down how runs
  // ended: advance() does that too, but only when a window is due.
  Result<void> tend(base::Timestamp now);

  // Oldest first; kNotFound: no such monitor.
  Result<std::vector<StoredWindow>> windows(const std::string& monitor, const WindowFilter& filter);
  // Newest first. What makes them quiet is as of now.
  Result<std::vector<AlertRecord>> alerts(const AlertFilter& filter);
  // Those that are open, told and not quiet, as whoever is told hears of them.
  Result<std::vector<AlertRecord>> told_alerts();
  // The worst word of the endpoint's monitors; "unknown" when there is none.
  Result<Health> health(const std::string& endpoint);
  // Live requests in each of the newest `days` judged days, oldest first.
  Result<std::vector<std::int64_t>> requests_per_day(const std::string& endpoint, std::size_t days);
  // How a live variant did with event times in [since, until), labels as known at `until`.
  // Requests over `slow_over_ms` are counted as slow.
  Result<VariantSummary> summarize(const std::string& endpoint, const std::string& variant,
                                   base::Timestamp since, base::Timestamp until,
                                   double slow_over_ms);
  // What a drift report compares: logged_inputs.h, of the endpoint that the monitor watches; must
  // not outlive it. kNotFound: no such monitor.
  Result<std::unique_ptr<ColumnSource>> inputs(const std::string& monitor, base::Timestamp from,
                                               base::Timestamp to, std::int64_t rows_max);
  // Those of the window that was judged last. kFailedPrecondition: none was.
  Result<std::unique_ptr<ColumnSource>> newest_inputs(const std::string& monitor,
                                                      std::int64_t rows_max);
  // The rows the monitor measures drift from. kFailedPrecondition: it declares no reference.
  Result<std::unique_ptr<ColumnSource>> reference_inputs(const std::string& monitor);
  // By what its variants can be compared; unset: what suits its problem best. kInvalidArgument
  // listing the measures there are.
  Result<Measure> measure(const std::string& endpoint, const std::optional<std::string>& name);
  // Two variants side by side over the same time: comparison.h. kInvalidArgument: a variant twice.
  Result<Comparison> compare(const std::string& endpoint, const std::string& a,
                             const std::string& b, Measure measure, double alpha,
                             base::Timestamp since, base::Timestamp until);

 private:
  friend class Detections;  // whose detections ask for actions as alerts on windows do, in turn

  // One kind of window of one monitor, and how far it has come: each is looked at when it is over,
  // and judged once its labels came, which may be many windows later.
  struct Cursor {
    std::shared_ptr<const MonitorDefinition> definition;
    WindowKind kind = WindowKind::kDay;
    Window window;   // the next to judge
    Window at_hand;  // the next to look at: that one, or a later one
    struct Waiting {
      std::int64_t rows = 0;
      std::vector<std::string> missing;       // request ids without a label
      std::vector<base::Timestamp> arrivals;  // of the labels there are
    };
    std::optional<Waiting> waiting;  // of `window`, once it was looked at and its labels counted

    bool waits_for_labels() const { return window.start < at_hand.start; }
    bool is_judged_next() const { return waiting && complete_at() <= at_hand.end; }
    base::Timestamp complete_at() const;  // of `window`, by the labels there are
    base::Timestamp due() const;
  };
  struct Decided;
  struct Planned;
  struct WindowRead;

  Monitor(store::Db& db, const base::Clock& clock, Ports ports, base::Metrics& metrics,
          std::string workspace, SampleLimits limits);
  Result<void> load();
  // Of the monitors that watch it; nothing when none does.
  std::shared_ptr<const MonitorDefinition> watching(const std::string& endpoint);
  Result<void> fill_routes(store::Tx& tx) REQUIRES(mutex_);
  // Of rules that are gone, and of those among `forgotten`, which begin anew.
  Result<void> resolve_orphans(store::Tx& tx, const MonitorDefinition& definition,
                               const std::set<std::string>& forgotten, base::Timestamp now);
  // What was learned while parts of it were declared otherwise.
  Result<void> forget(store::Tx& tx, const MonitorDefinition& before, const MonitorDefinition& now,
                      const std::map<WindowKind, base::Timestamp>& next_starts);
  // The next window to judge starts at `start`, the next to look at at `at_hand`.
  static Result<Cursor> cursor_at(std::shared_ptr<const MonitorDefinition> definition,
                                  WindowKind kind, base::Timestamp start, base::Timestamp at_hand);
  Result<void> look_for_labels() REQUIRES(advance_mutex_);
  // Of all but `without`; null: none.
  Cursor* earliest(const std::set<const Cursor*>& without = {}) REQUIRES(advance_mutex_);
  Result<void> step(Cursor& cursor, base::Timestamp now, AdvanceReport& report)
      REQUIRES(advance_mutex_);
  Result<void> look(Cursor& cursor, base::Timestamp now, AdvanceReport& report)
      REQUIRES(advance_mutex_);
  Result<WindowRead> read_rows(const MonitorDefinition& definition, const Window& window)
      REQUIRES(advance_mutex_);
  Result<VariantResult> first_look(const Cursor& cursor, const WindowRead& read,
                                   const WindowRows& rows, const Estimates& estimates)
      REQUIRES(advance_mutex_);
  Result<void> look_for_duplicates(const MonitorDefinition& definition, const Window& window,
                                   VariantResult& live);
  // How long no label has come.
  Result<void> look_at_labels(const MonitorDefinition& definition, const Window& window,
                              VariantResult& live);
  // How old the oldest features are that are looked up for it.
  Result<void> look_at_features(const MonitorDefinition& definition, const Window& window,
                                VariantResult& live);
  // What is known of live traffic in the first or last window of a kind that begins in [since,
  // before), judged or not. Nothing: there is none.
  struct LiveWindow {
    Window window;
    std::string result;
  };
  enum class Edge { kOldest, kNewest };
  Result<std::optional<LiveWindow>> live_window(const std::string& monitor, WindowKind kind,
                                                Edge edge, base::Timestamp since,
                                                base::Timestamp before);
  // How old the dataset is that is furthest behind, of those that the monitor watches.
  Result<void> look_at_datasets(const Cursor& cursor, const Window& window, VariantResult& live);
  // What was seen of the next window to judge when it was over, and can't be seen any more.
  Result<void> remember_first_look(const Cursor& cursor, VariantResult& live);
  // Which requests of the next window to judge have a label.
  Result<void> count_labels(Cursor& cursor) REQUIRES(advance_mutex_);
  // When the endpoint was asked last before a window of this kind, as the one before it says;
  // nothing: never.
  Result<std::optional<base::Timestamp>> last_asked(const std::string& monitor, WindowKind kind,
                                                    base::Timestamp start);
  Result<void> judge(Cursor& cursor, base::Timestamp now, AdvanceReport& report)
      REQUIRES(advance_mutex_);
  // Which alerts are judged: those on what is known when a window is over then, the others with its
  // labels.
  enum class Stage { kOver, kLabelled };
  Result<void> plan_rules(const Cursor& cursor, Stage stage, const VariantResult& live,
                          base::Timestamp now, Planned& planned) REQUIRES(advance_mutex_);
  static const Window& window_of(const Cursor& cursor, Stage stage) {
    return stage == Stage::kOver ? cursor.at_hand : cursor.window;
  }
  std::size_t budgeted_rules() REQUIRES(mutex_);
  // Of the judged windows of the live variant that start before `before`.
  PastWindows past_windows(const std::string& monitor, WindowKind kind, base::Timestamp before,
                           std::optional<Calendar> calendar = std::nullopt);
  // From which windows on these parts of the monitor are as they are declared now.
  Result<base::Timestamp> watching_since(const std::string& monitor, WindowKind kind,
                                         const WatchedParts& parts);
  // Of the windows before, oldest first: the newest; of hours those about that time of the day, and
  // the newest.
  Result<std::vector<Band>> bands(const std::string& monitor, const AlertRule& rule,
                                  base::Timestamp before);
  Result<UnusualVerdict> watch(const MonitorDefinition& definition, const AlertRule& rule,
                               const Window& window, const VariantResult& live);
  Result<void> store_band(store::Tx& tx, const MonitorDefinition& definition, const AlertRule& rule,
                          const Band& band);
  Result<void> record(Cursor& cursor, Stage stage, base::Timestamp now, const Planned& planned,
                      AdvanceReport& report) REQUIRES(advance_mutex_);
  // Estimates of a window that was looked at before, by variant; nothing when it wasn't.
  Result<std::optional<std::map<std::string, Estimates>>> stored_estimates(
      const std::string& monitor, WindowKind kind, base::Timestamp start);
  Result<void> store_first_look(store::Tx& tx, const Cursor& cursor, const Planned& planned);
  Result<std::vector<StoredWindow>> judged_windows(const std::string& monitor,
                                                   const WindowFilter& filter);
  // Of windows that wait for their labels, as they were when they were over: the newest.
  Result<std::vector<StoredWindow>> first_looks(const std::string& monitor,
                                                const WindowFilter& filter);
  // Of those that were looked at and aren't judged yet, with the labels that came since.
  Result<std::vector<StoredWindow>> waiting_windows(const std::string& monitor,
                                                    const WindowFilter& filter);
  // By model version.
  Result<std::map<std::int64_t, std::string>> stored_estimators(const std::string& monitor);
  Result<Estimators> estimators(const std::string& monitor);
  Result<ClassEstimators> class_estimators(const std::string& monitor);
  // Of these versions.
  Result<LossEstimators> loss_estimators(const std::string& monitor,
                                         const std::set<std::int64_t>& versions)
      REQUIRES(advance_mutex_);
  // Of a window's rows, with the inputs that the estimators of their versions go by.
  Result<std::map<std::string, Estimates>> estimate_from_inputs(const MonitorDefinition& definition,
                                                                const Window& window,
                                                                const WindowRows& rows)
      REQUIRES(advance_mutex_);
  // Of labelled rows, as many as they learn from, with all inputs.
  Result<std::map<std::int64_t, std::string>> learn_losses(const Cursor& cursor,
                                                           const WindowRows& rows,
                                                           const Labels& labels)
      REQUIRES(advance_mutex_);
  // What a window's rows are expected to have done, by variant.
  Result<std::map<std::string, Estimates>> estimate(const MonitorDefinition& definition,
                                                    const Window& window, const WindowRows& rows)
      REQUIRES(advance_mutex_);
  // Lets versions that can't be estimated yet learn from a window's labelled rows; the texts of
  // their estimators.
  Result<std::map<std::int64_t, std::string>> learn(const Cursor& cursor, const WindowRows& rows,
                                                    const Labels& labels) REQUIRES(advance_mutex_);
  // What a decision about an action is about, beside the action.
  struct Asked {
    const VariantResult& live;
    base::Timestamp now;
    const std::optional<Quiet>& quiet;
    const AlertRecord* open = nullptr;  // the alert, if it is open already
    std::int64_t fired = 1;             // windows or detections in a row, this one included
    bool already_starting = false;      // something else of this window
  };
  Result<Decided> decide(const MonitorDefinition& definition, const ActionRule& action,
                         const Asked& asked) REQUIRES(advance_mutex_);
  Result<std::optional<AlertRecord>> open_alert(const std::string& monitor,
                                                const std::string& alert);
  // What is told of an alert that opens, with what it asks for.
  static JsonObject opened_news(const AlertRecord& alert, const std::vector<Decided>& decisions);
  Result<void> record_decisions(store::Tx& tx, const MonitorDefinition& definition,
                                const std::string& alert, std::int64_t alert_id,
                                const std::vector<Decided>& decisions, base::Timestamp now);
  Result<std::shared_ptr<const DriftProfile>> profile(const MonitorDefinition& definition,
                                                      std::string& note) REQUIRES(advance_mutex_);
  // Where the model does worst, how it does in declared slices, and what it goes by.
  Result<void> take_apart(const Cursor& cursor, const WindowRows& rows, const Labels& labels,
                          base::Timestamp now, VariantResult& live) REQUIRES(advance_mutex_);
  Result<SliceReport> look_for_slices(const Cursor& cursor, const WindowRows& rows,
                                      const Labels& labels, base::Timestamp now);
  // Ids of the requests whose answers are taken apart; none: nobody can.
  std::unordered_set<std::string> rows_to_attribute(const MonitorDefinition& definition,
                                                    const WindowRows& rows,
                                                    const VariantResult& live);
  void attribute(const Cursor& cursor, const WindowRows& rows,
                 const std::unordered_set<std::string>& answered, VariantResult& live)
      REQUIRES(advance_mutex_);
  // By variant, of windows before this one.
  Result<std::map<std::string, PredictionBaseline>> baselines(const Cursor& cursor,
                                                              const Window& window);
  Result<void> hand_over(base::Timestamp now, AdvanceReport& report);
  Result<void> follow_up(base::Timestamp now);
  Result<void> settle(const ActionRecord& action, base::Timestamp now);
  // Open alerts that nobody was told of yet.
  Result<std::vector<AlertRecord>> untold_alerts();
  // Tells of those that are quiet no more.
  Result<void> end_silences(base::Timestamp now);

  store::Db& db_;
  const base::Clock& clock_;
  const Ports ports_;
  const std::string workspace_;
  const SampleLimits limits_;
  LabelStore labels_;
  base::Counter& windows_judged_;
  base::Counter& alerts_opened_;
  base::Counter& actions_started_;
  base::Counter& actions_skipped_;

  base::Mutex advance_mutex_;  // before mutex_
  std::vector<Cursor> cursors_ GUARDED_BY(advance_mutex_);
  std::map<std::string, std::shared_ptr<const DriftProfile>> profiles_ GUARDED_BY(advance_mutex_);
  // By monitor, then by version.
  std::map<std::string, std::map<std::int64_t, Attributions>> reference_attributions_
      GUARDED_BY(advance_mutex_);
  // Those that have learned, by monitor and version: they need their time for it.
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<const LossEstimator>>
      loss_estimators_ GUARDED_BY(advance_mutex_);
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<const MonitorDefinition>> definitions_ GUARDED_BY(mutex_);
  std::vector<MaintenanceWindow> maintenance_ GUARDED_BY(mutex_);
  std::optional<AlarmBudget> alarm_budget_ GUARDED_BY(mutex_);  // that was declared
  std::set<std::string> newly_labelled_ GUARDED_BY(mutex_);     // endpoints
};

}  // namespace slipway::monitor
