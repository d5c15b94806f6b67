#include "kubeflow/experiments.h"

#include <fmt/format.h>

namespace slipway::kubeflow {
namespace {

constexpr std::string_view kColumns = "id, name, description, created_at, last_run_at, archived";

Experiment read(const store::Row& row) {
  Experiment experiment{.id = row.string(0),
                        .name = row.string(1),
                        .description = row.string(2),
                        .created = row.time(3)};
  if (!row.is_null(4)) experiment.last_run = row.time(4);
  experiment.is_archived = row.int64(5) != 0;
  return experiment;
}

}  // namespace

std::string new_id(base::Random& random) {
  const std::string hex = random.hex(16);
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

Result<Experiment> Experiments::create(const std::string& name, const std::string& description) {
  if (name.empty())
    return base::error(Code::kInvalidArgument, "an experiment needs a display_name");
  const std::string id = new_id(random_);
  const base::Timestamp now = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("INSERT INTO kubeflow_experiments(id, name, description, created_at) "
                       "VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
                       {id, name, description, now})) == 0)
      return base::error(Code::kAlreadyExists, "an experiment of that name is there: name={}",
                         name);
    return tx.append_event({.kind = "kubeflow.experiment.created",
                            .subject = "kubeflow/experiments/" + id,
                            .payload = {{"name", name}}});
  }));
  return find(id);
}

Result<Experiment> Experiments::default_one() {
  const auto look = [&]() -> Result<std::optional<Experiment>> {
    return db_.read([&](store::Reader& reader) {
      return reader.find(
          fmt::format("SELECT {} FROM kubeflow_experiments WHERE name = ?", kColumns), {kDefault},
          read);
    });
  };
  if (auto found = TRY(look())) return std::move(*found);
  auto made = create(std::string(kDefault), "");
  if (made || made.error().code != Code::kAlreadyExists) return made;
  return TRY(look()).value();  // somebody else was first
}

Result<Experiment> Experiments::find(const std::string& id) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(fmt::format("SELECT {} FROM kubeflow_experiments WHERE id = ?", kColumns),
                       {id}, read);
  }));
  if (!found) return base::error(Code::kNotFound, "Experiment {} not found.", id);
  return std::move(*found);
}

Result<std::vector<Experiment>> Experiments::all() {
  std::vector<Experiment> experiments;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(fmt::format("SELECT {} FROM kubeflow_experiments", kColumns), {},
                        [&](const store::Row& row) { experiments.push_back(read(row)); });
  }));
  return experiments;
}

Result<void> Experiments::set_archived(const std::string& id, bool archived) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("UPDATE kubeflow_experiments SET archived = ? WHERE id = ?",
                       {archived, id})) == 0)
      return base::error(Code::kNotFound, "Experiment {} not found.", id);
    return {};
  });
}

Result<void> Experiments::remove(const std::string& id) {
  const Experiment experiment = TRY(find(id));
  if (experiment.name == kDefault)
    return base::error(Code::kFailedPrecondition, "the default experiment can't be deleted");
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM kubeflow_experiments WHERE id = ?", {id}));
    return tx.append_event({.kind = "kubeflow.experiment.deleted",
                            .subject = "kubeflow/experiments/" + id,
                            .payload = {{"name", experiment.name}}});
  });
}

}  // namespace slipway::kubeflow
