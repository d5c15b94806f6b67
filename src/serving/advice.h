// How a model is best served, computed from how it is asked and what it costs.
//
// The method. A replica is one core that answers one call after the other; requests wait in one
// line for c of them. Arrivals are no Poisson stream and service times are not exponential, so the
// wait is that of M/M/c, corrected by Allen and Cunneen (A. O. Allen, "Probability, Statistics, and
// Queueing Theory", 2nd ed. 1990, section 5.3; the M/G/c and M/D/c approximations are its cases):
//
//   Wq = C(c, a) * S / (c * (1 - rho)) * (ca2 + cs2) / 2,   a = rate * S,   rho = a / c
//
// with S the mean time of a call, C Erlang's formula for the share that waits, ca2 and cs2 the
// squared coefficients of variation of times between arrivals and of service. A wait beyond zero is
// taken as exponential, so P(wait > t) = C exp(-t C / Wq), which gives percentiles. The latency at
// a percentile is that wait and the mean time of the call.
//
// Putting n requests of r rows together costs fixed + n r row instead of n (fixed + r row), and the
// first of them waits for the others: at most max_wait, and no longer than they need to come. Calls
// then arrive n times as seldom and, being sums of n gaps, n times as evenly: ca2 / n.
//
// What it leaves out: the network, the parsing of bodies, and what other endpoints do to the cores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace slipway::serving {

// How an endpoint is asked. All is positive.
struct Traffic {
  double rate = 0;  // requests a second, that are to be carried
  double gap_variation =
      1;  // squared coefficient of variation of the times between them; 1: Poisson
  double rows_per_request = 1;  // mean
};

// What a call costs on a core, in microseconds: fixed + rows * row.
struct CallCost {
  double fixed_us = 0, row_us = 0;
  double variation = 0.25;  // squared coefficient of variation of a call's time

  double call_us(double rows) const { return fixed_us + rows * row_us; }
};

// The line through measured costs of calls of some sizes, by least squares, none of it negative.
struct MeasuredCall {
  double rows = 0, us = 0;
};
CallCost fit_cost(const std::vector<MeasuredCall>& calls);

struct Wait {
  double waiting_share = 1;  // of calls that wait at all: Erlang's C
  double mean_us = 0;        // of all calls
  // So long or less at that share of calls.
  double percentile_us(double share) const;
};
// Allen and Cunneen, as above. Infinite when the servers can't keep up.
Wait queue_wait(double rate, double call_us, double servers, double arrival_variation,
                double service_variation);

struct AdviceTarget {
  double latency_ms = 100;   // at the percentile
  double percentile = 0.99;  // of requests
  double price_core_hour = 0;
  double load_max =
      0.85;  // of a replica: what is left carries what the model of the wait does not know
};

// One way to serve it.
struct ServingOption {
  std::string mode;           // "real-time" | "stream" | "batch"
  std::int64_t max_rows = 1;  // of one call
  double max_wait_ms = 0;
  std::int64_t replicas = 0;  // cores
  double requests_per_call = 1;
  double load = 0;           // of a replica
  double latency_ms = 0;     // at the target's percentile; batch: not judged
  double cores_busy = 0;     // of all
  double cost_per_1000 = 0;  // requests, with the replicas paid by the hour; batch: what is busy
  bool meets_target = false;
};

struct Advice {
  // Cheapest first, of those that meet the target; then others. What takes more than 1,024 cores is
  // left out, but for batch scoring.
  std::vector<ServingOption> options;
  std::string words;  // what the first is and why, for people
};

// Compares answering each request by itself, batches of several sizes, a stream and batch scoring.
// kInvalidArgument: a number that is not positive.
Result<Advice> advise(const Traffic& traffic, const CallCost& cost, const AdviceTarget& target);

}  // namespace slipway::serving
