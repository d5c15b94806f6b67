// Decides what answers an endpoint's requests, and writes every change down before it takes effect:
// the release ledger.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "releases/ledger.h"
#include "releases/ports.h"
#include "store/db.h"

namespace slipway::releases {

struct DefinitionChange {
  std::string kind = "endpoint";
  std::string name;
  std::string change;  // created | updated | unchanged
};

// What became of an alias' move.
struct ProposalReceipt {
  std::string endpoint;
  bool accepted = false;
  std::string reason;  // why, or why not
  std::optional<base::Timestamp> takes_over_at;
};

struct RolledBack {
  Revision revision;
  double seconds = 0;  // from the call until the restored revision answers
};

struct EndpointStatus {
  EndpointRecord endpoint;
  std::optional<Revision> current;
  std::optional<std::int64_t> last_good;  // where a rollback would go

  std::string phase() const;  // empty | steady | proposed | canary | experiment
  JsonObject to_json() const;
};

// What somebody wants to find out by an experiment. What it is decided by is declared at its start
// and stands in the ledger.
struct ExperimentDraft {
  std::string model;          // a model URI
  std::int64_t percent = 50;  // of the requests, 1 to 99
  std::string metric;
  std::optional<bool> higher_is_better;  // nothing: as the metric says
  double confidence = 0.95;
  std::int64_t min_rows = 100;
  base::Duration check = base::Duration::hours(1);
  base::Duration duration = base::Duration::days(14);
  bool promote_winner = false;
};

struct ExperimentReport {
  Experiment experiment;
  ExperimentFacts facts;
  Verdict verdict;
  JsonObject to_json() const;
};

// What advance() did: one line per change.
struct RolloutStep {
  std::string endpoint;
  RolloutActionKind kind = RolloutActionKind::kWait;
  std::int64_t revision = 0;
  std::string reason;
};

// Safe to use from several threads. Nothing is locked while a model loads: a change that finds the
// endpoint changed by another meanwhile is refused with kConflict (a rollback tries again), so that
// a rollback never waits for a deploy. Everything given to the constructor must outlive it.
//
// A change is prepared in the data plane, then written (revision and event in one transaction),
// then activated. If preparing fails nothing has changed; a crash after writing is made good by
// reinstall().
class Releases {
 public:
  struct Ports {
    DataPlane& data_plane;
    ModelCatalog& catalog;
    VariantFacts& facts;
  };
  // `event_clock` says when things happen in the project, `wall_clock` when the server learned of
  // it; often the same. The tables must be migrated (tables.h).
  Releases(store::Db& db, const base::Clock& event_clock, const base::Clock& wall_clock,
           Ports ports, base::Metrics& metrics, std::string workspace = "default");

  // After a start: tells the data plane every endpoint's current revision. Gives how many.
  Result<std::size_t> reinstall();

  // What apply would change; changes nothing.
  Result<std::vector<DefinitionChange>> plan(const std::vector<EndpointDefinition>& definitions);
  // A new endpoint takes its model into service at once when it exists, else when its alias first
  // moves. A changed one gets a revision of kind threshold; a changed model is proposed. Endpoints
  // that aren't named stay.
  Result<std::vector<DefinitionChange>> apply(const std::vector<EndpointDefinition>& definitions,
                                              const std::string& actor);

  // Nothing answers there from now on. Its ledger stays, and goes on when an endpoint of that name
  // is declared again. kNotFound. kConflict: it was changed meanwhile.
  Result<void> remove(const std::string& endpoint, const std::string& actor);

  // Puts a model in charge of all requests now. kNotFound: no such endpoint or model; else what the
  // data plane says, and nothing has changed. Doesn't end a hold.
  Result<Revision> deploy(const std::string& endpoint, const std::string& model_uri,
                          const std::string& reason, const std::string& actor);

  // The alias of a model moved: endpoints that follow it get a proposal, which takes over after the
  // declared delay through the declared steps. An endpoint without a revision takes it at once, or,
  // when what keeps it from that may pass, with the next checks. Held endpoints and rejected
  // versions don't follow; one that cannot take it (the receipt says why) doesn't stop the others.
  // An error that may pass: some may not have heard; the same again is harmless to those that have.
  Result<std::vector<ProposalReceipt>> alias_moved(const std::string& model,
                                                   const std::string& alias, std::int64_t version,
                                                   const std::string& actor);
  Result<ProposalReceipt> propose(const std::string& endpoint, const std::string& model_uri,
                                  const std::string& reason, const std::string& actor);

  // Back to the last good revision (rollout_policy.h says which) and holds the endpoint.
  // kFailedPrecondition: there is none.
  Result<RolledBack> rollback(const std::string& endpoint, const std::string& reason,
                              const std::string& actor);
  // Stops following the alias, and a canary or proposal with it. kFailedPrecondition: is held, or
  // has no revision.
  Result<Revision> hold(const std::string& endpoint, const std::string& reason,
                        const std::string& actor);
  // Follows the alias again, and proposes what it means now. kFailedPrecondition: isn't held.
  Result<Revision> follow(const std::string& endpoint, const std::string& reason,
                          const std::string& actor);

  // What an alert asks for. `cause` names it: the same one again does nothing and gives the
  // revision it has led to. It was decided about revision `about`, and is only done while that is
  // the newest.
  struct Automatic {
    AutomaticChange change = AutomaticChange::kHold;
    std::string model;  // of a fallback: a model URI. It takes charge of everything and is held
    std::string cause;
    std::int64_t about = 0;
    std::string reason, actor;
  };
  // kFailedPrecondition: something goes before it (find_precedence), or the endpoint has changed
  // since; kNotFound: no such endpoint or model; else what the data plane says. Then nothing has
  // changed.
  Result<Revision> act(const std::string& endpoint, const Automatic& wanted);
  // Why act() would be refused now, or nothing.
  Result<std::optional<std::string>> find_precedence(const std::string& endpoint,
                                                     AutomaticChange change,
                                                     const std::string& model);

  // Gives a challenger part of the requests until the declared metric decides, the guard says no,
  // or its time is over; alias moves wait meanwhile, a deploy or rollback ends it.
  // kInvalidArgument: a number out of range, a metric that doesn't exist or doesn't say what is
  // better. kFailedPrecondition: no revision yet, or a canary or experiment is under way.
  Result<Revision> start_experiment(const std::string& endpoint, const ExperimentDraft& draft,
                                    const std::string& reason, const std::string& actor);
  // Ends it without a verdict: the live version answers everything. kFailedPrecondition: there is
  // none.
  Result<Revision> stop_experiment(const std::string& endpoint, const std::string& reason,
                                   const std::string& actor);
  // How it stands now. kFailedPrecondition: there is none.
  Result<ExperimentReport> experiment(const std::string& endpoint);

  Result<std::vector<EndpointStatus>> statuses();
  Result<EndpointStatus> status(const std::string& endpoint);
  // kNotFound when there is no such endpoint. Cheap.
  Result<void> require(const std::string& endpoint);
  // As it was declared last. kNotFound. Cheap.
  Result<EndpointDefinition> definition(const std::string& endpoint);
  // Newest first; kNotFound: no such endpoint.
  Result<std::vector<Revision>> revisions(const std::string& endpoint,
                                          std::optional<std::int64_t> before = {},
                                          std::size_t limit = 1000);
  Result<Revision> revision(const std::string& endpoint, std::int64_t number);

  // The earliest event time at which advance() may have something to do; may lie in the past.
  Result<std::optional<base::Timestamp>> next_due();
  // Takes over, grows, promotes and discards what is due by `now`. An endpoint whose release can't
  // be decided now is put off until the policy's next check and holds up no other; the first such
  // error comes back when the others are done.
  Result<std::vector<RolloutStep>> advance(base::Timestamp now);

 private:
  // A revision to write, and the endpoint's row after it.
  struct Change {
    Revision revision;
    EndpointRecord after;
  };

  Result<EndpointStatus> look(store::Reader& reader, const EndpointRecord& record);
  // To the variants that answer: those that score beside them as the record stands.
  Result<void> add_shadows(const EndpointRecord& record, std::vector<Variant>& variants);
  Revision draft(const EndpointRecord& record, RevisionKind kind, const std::string& reason,
                 const std::string& actor) const;
  Result<Revision> commit(const EndpointRecord& before, Change change);
  Result<void> save(const EndpointRecord& before, EndpointRecord after, store::EventDraft event);
  void activate(const Revision& revision);
  Result<std::vector<Revision>> history(const std::string& endpoint);
  Result<DefinitionChange> apply_one(const EndpointDefinition& definition,
                                     const std::string& actor);
  Result<Revision> deploy_model(const EndpointRecord& record, const ResolvedModel& model,
                                const std::string& reason, const std::string& actor);
  Result<ProposalReceipt> propose_model(const EndpointRecord& record, const ResolvedModel& model,
                                        const std::string& reason, const std::string& actor);
  Result<Revision> act_once(const std::string& endpoint, const Automatic& wanted);
  Result<std::optional<std::string>> precedence(const EndpointStatus& now, AutomaticChange change,
                                                const std::string& model);
  // What takes `now` back to its last good revision, holds it, or puts a model in charge and holds.
  Result<Change> plan_rollback(const EndpointStatus& now, const std::string& reason,
                               const std::string& actor);
  Change plan_hold(const EndpointStatus& now, const std::string& reason,
                   const std::string& actor) const;
  Result<Change> plan_fallback(const EndpointStatus& now, const ResolvedModel& model,
                               const std::string& reason, const std::string& actor);
  Result<Revision> rollback_once(const std::string& endpoint, const std::string& reason,
                                 const std::string& actor);
  Result<std::optional<RolloutStep>> take_first(const EndpointRecord& record);
  Result<void> refuse(const EndpointRecord& record, const ResolvedModel& model, const Error& why,
                      const std::string& actor, base::Timestamp now);
  Result<void> put_off(const EndpointRecord& record, const Error& why, base::Timestamp now);
  Result<std::optional<RolloutStep>> advance_one(const EndpointRecord& record, base::Timestamp now);
  Result<std::optional<RolloutStep>> advance_experiment(const EndpointRecord& record,
                                                        base::Timestamp now);
  Result<Revision> end_experiment(const EndpointRecord& record, RevisionKind kind,
                                  const std::string& reason, const std::string& actor,
                                  base::Timestamp now);

  store::Db& db_;
  const base::Clock& event_clock_;
  const base::Clock& wall_clock_;
  const Ports ports_;
  const std::string workspace_;
  const Ledger ledger_;
  base::Counter& revisions_written_;
  base::Counter& changes_refused_;
  base::Mutex activate_mutex_;
  std::map<std::string, std::int64_t> activated_
      GUARDED_BY(activate_mutex_);  // newest revision by endpoint
};

}  // namespace slipway::releases
