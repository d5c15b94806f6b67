// Traffic for an endpoint that nobody has asked yet, made of rows of a dataset: what its model was
// trained on.
#pragma once

#include <optional>
#include <string>

#include "base/timestamp.h"
#include "cli/client.h"
#include "cli/recording.h"
#include "cli/replay.h"

namespace slipway::cli {

// What traffic was made of, for the report.
struct Generated {
  std::string dataset;
  std::int64_t version = 0;  // of it, the newest
  std::size_t rows = 0;      // of it
  double per_day = 0;        // requests

  std::string words() const;  // "2016 rows of visits, version 1, drawn 144 times a day"
  JsonObject to_json() const;
};

struct GenerateOptions {
  std::string endpoint, dataset;
  std::string label, label_time;  // as RecordingFiles has them; no time: the dataset's arrival
  base::Timestamp from, until;    // event time of the requests
  std::optional<double>
      per_day;  // default: as many as the dataset has, kGeneratedPerDayMax at most
  std::uint64_t seed = 0;
};
constexpr double kGeneratedPerDayMax = 2000;

// Rows drawn with the seed, with from <= time < until in the column `event_time`, in its order. A
// row comes at the weekday and hour of its own (UTC), whole weeks later or earlier, and all its
// other times move with it: traffic has the week of `rows`.
// kInvalidArgument: no row has a time, or none of its week fits.
Result<types::Frame> drawn_rows(const types::Frame& rows, const std::string& event_time,
                                base::Timestamp from, base::Timestamp until, double per_day,
                                std::uint64_t seed);
// Requests a day that the rows are, by their times.
Result<double> rows_per_day(const types::Frame& rows, const std::string& event_time);

// Features that would be looked up are in the frame as they were known at the row's own time.
// kNotFound: no such dataset, or no version of it. kInvalidArgument: it lacks an input or a time.
Result<std::pair<Recording, Generated>> generate_traffic(Client& production,
                                                         const GenerateOptions& options,
                                                         const Tell& tell);

}  // namespace slipway::cli
