// Detectors of change in a stream of numbers, a value at a time, with the names, the parameters and
// the defaults of river (0.26), and two that hold their error however long they watch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "monitor/profile/bytes.h"

namespace slipway::monitor {

// One stream's. Not safe to use from several threads.
class Detector {
 public:
  virtual ~Detector() = default;

  // Takes the next value; true: a change shows with it. The next value begins anew, as in river.
  virtual bool update(double value) = 0;
  // All that update() depends on: read into a detector of the same method and parameters it goes on
  // as if nothing had been.
  virtual void write(ByteWriter& out) const = 0;
  // kCorruption.
  virtual Result<void> read(ByteReader& in) = 0;
};

struct DetectorParameter {
  std::string_view name;
  double otherwise = 0;  // NaN: must be given
  double min = 0, max = 0;
  std::vector<std::string_view> words = {};  // that stand for 0, 1, ...; none: it is a number
};

struct DetectorMethod {
  std::string_view name;
  std::string_view what;      // one line
  bool of_errors = false;     // takes 0 and 1: right and wrong
  bool holds_chance = false;  // `alpha` is the chance of ever alarming falsely
  std::vector<DetectorParameter> parameters;
};

// adwin, page_hinkley, kswin, ddm, eddm; rate_above and mean_outside.
const std::vector<DetectorMethod>& detector_methods();
// The value that a word stands for. kInvalidArgument: no such parameter, or none of its words.
Result<double> parse_detector_word(std::string_view method, std::string_view parameter,
                                   std::string_view word);
// Nothing: no such method.
const DetectorMethod* find_detector_method(std::string_view name);

using DetectorParameters = std::map<std::string, double, std::less<>>;
// What isn't given is as its method says. kInvalidArgument: no such method or parameter, one that
// is missing, outside of its range, or doesn't go with another.
Result<std::unique_ptr<Detector>> make_detector(std::string_view method,
                                                const DetectorParameters& parameters);

}  // namespace slipway::monitor
