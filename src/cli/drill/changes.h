// What faults do to a recording, in parts: which rows they touch, and how rows go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/drill/faults.h"
#include "cli/recording.h"

namespace slipway::cli {

using Rows = std::vector<std::size_t>;

// The same number in [0, 1) for a row and a salt, whatever else is drawn.
double draw(const Dose& dose, std::string_view salt, std::size_t row);
bool is_hit(const Dose& dose, std::string_view salt, std::size_t row, base::Timestamp time);
// The requests that a fault touches; all from the start on.
Rows hit_requests(const Recording& recording, const Dose& dose, std::string_view salt);
Rows all_after(const Recording& recording, base::Timestamp start);
// The request is never sent.
void drop(Recording& recording, std::size_t row);

// Whether all its outcomes are 0 or 1.
bool is_binary(const Recording& recording);
// How wrong an answer is: log loss where outcomes are 0 and 1, else the square of the error.
double loss_of(double answer, double outcome, bool is_yes_or_no);
std::string most_frequent(const types::Column& texts);
double median(const types::Column& numbers);

// Under which alarms are false. `looked_up` as faults_of() has it.
void add_controls(const Recording& recording, const std::vector<LookedUp>& looked_up,
                  std::vector<Fault>& faults);
Fault control(std::string name, std::string what,
              std::function<void(Recording&, const Dose&)> apply);
// Whether rows that come twice count twice in a feature of the source.
bool counts_twice(std::string_view source, const std::vector<LookedUp>& looked_up);
// What the source learns from the start on comes twice.
void push_twice(Recording::Source& source, const Dose& dose);

}  // namespace slipway::cli
