// Kubeflow's experiments: what runs are kept in. Safe to use from several threads.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "store/db.h"

namespace slipway::kubeflow {

// "2f1c8b1e-....": ids as Kubeflow's clients know them.
std::string new_id(base::Random& random);

struct Experiment {
  std::string id, name, description;
  base::Timestamp created;
  std::optional<base::Timestamp> last_run;
  bool is_archived = false;
};

class Experiments {
 public:
  static constexpr std::string_view kDefault = "Default";

  Experiments(store::Db& db, const base::Clock& clock, base::Random& random)
      : db_(db), clock_(clock), random_(random) {}

  // kAlreadyExists: the name is taken. kInvalidArgument: it is empty.
  Result<Experiment> create(const std::string& name, const std::string& description);
  // Where runs are that name none; made when it is first asked for.
  Result<Experiment> default_one();
  Result<Experiment> find(const std::string& id);  // kNotFound
  Result<std::vector<Experiment>> all();
  Result<void> set_archived(const std::string& id, bool archived);
  // Its runs stay, without it. kFailedPrecondition: it is the default.
  Result<void> remove(const std::string& id);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::kubeflow
