// What profiles are made of, in the monitor's words; app connects it.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "types/frame.h"

namespace slipway::monitor {

// What endpoints answered, in the order of its coming. Safe to use from several threads.
class ServedRows {
 public:
  virtual ~ServedRows() = default;

  virtual Result<std::vector<std::string>> endpoints() = 0;
  // Whether they are taken in by days, as in a rehearsal: then nobody asks for minutes.
  virtual bool come_in_days() const { return false; }
  // Rows of the request log, as RequestSource has them, a part after the other: those that came in
  // [from, to) by the wall clock; in a rehearsal those whose event time lies there.
  using EachPart = std::function<Result<void>(const types::Frame& part)>;
  virtual Result<void> each_part(const std::string& endpoint, base::Timestamp from,
                                 base::Timestamp to, const EachPart& each) = 0;

  // The slices that monitors of the endpoint declare: conditions, then the values of columns that
  // are in `part`, the commonest first. Only those that are in `known`, which leave it when they
  // are no longer declared; as long as that has fewer than `most`, others come into it. One that
  // can't be told of these rows is left out.
  struct Slice {
    std::string name;         // as alerts name it: "long-haul", "carrier=UA"
    std::vector<bool> picks;  // by row
  };
  virtual Result<std::vector<Slice>> slices(const std::string& endpoint, const types::Frame& part,
                                            std::set<std::string>& known, std::size_t most) = 0;
};

}  // namespace slipway::monitor
