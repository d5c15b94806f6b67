#include "pipelines/resources.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <thread>

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::int64_t kQuantityMax = std::int64_t{1} << 60;

struct Suffix {
  std::string_view text;
  long double factor;
};
// resource.Quantity of Kubernetes, down to the thousandth.
constexpr std::array<Suffix, 14> kSuffixes = {{{"", 1},
                                               {"m", 1e-3L},
                                               {"k", 1e3L},
                                               {"M", 1e6L},
                                               {"G", 1e9L},
                                               {"T", 1e12L},
                                               {"P", 1e15L},
                                               {"E", 1e18L},
                                               {"Ki", 0x1p10L},
                                               {"Mi", 0x1p20L},
                                               {"Gi", 0x1p30L},
                                               {"Ti", 0x1p40L},
                                               {"Pi", 0x1p50L},
                                               {"Ei", 0x1p60L}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The exponent of "e9" or "E-3"; nothing: it is none of up to two digits.
std::optional<int> exponent_of(std::string_view text) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  text.remove_prefix(1);
  const bool is_negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > 2 || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  int exponent = 0;
  for (const char digit : text) exponent = exponent * 10 + (digit - '0');
  return is_negative ? -exponent : exponent;
}

// The first number of a file; nothing: there is none ("max").
std::optional<std::int64_t> number_in(const char* file) {
  std::ifstream in(file);
  std::int64_t number = 0;
  if (in >> number) return number;
  return std::nullopt;
}

}  // namespace

Result<std::int64_t> parse_quantity(std::string_view text, Unit unit) {
  constexpr int kDigitsMax = 18;  // that 64 bits hold
  long double value = 0, divisor = 1;
  std::size_t at = 0;
  int digits = 0;
  bool is_fraction = false;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !is_fraction)); ++at) {
    if (text[at] == '.') {
      is_fraction = true;
      continue;
    }
    if (++digits > kDigitsMax) break;
    value = value * 10 + (text[at] - '0');
    if (is_fraction) divisor *= 10;
  }
  const std::string_view rest = text.substr(at);
  const auto suffix = std::find_if(kSuffixes.begin(), kSuffixes.end(),
                                   [&](const Suffix& each) { return each.text == rest; });
  const auto exponent = exponent_of(rest);
  if (digits == 0 || digits > kDigitsMax || (suffix == kSuffixes.end() && !exponent)) {
    return base::error(Code::kInvalidArgument,
                       "no quantity: got={} (write it like 2, 0.5, 500m, 4Gi or 1e9)", text);
  }
  // Multiplied first: what is whole stays exact.
  if (rest == "m") {
    divisor *= 1000;
  } else if (suffix != kSuffixes.end()) {
    value *= suffix->factor;
  } else if (*exponent < 0) {
    divisor *= std::pow(10.0L, -*exponent);
  } else {
    value *= std::pow(10.0L, *exponent);
  }
  if (unit == Unit::kThousandths) value *= 1000;
  value = std::ceil(value / divisor);
  if (value < 1) return base::error(Code::kInvalidArgument, "it must be above 0: got={}", text);
  if (value > static_cast<long double>(kQuantityMax))
    return base::error(Code::kInvalidArgument, "the quantity is too large: got={}", text);
  return static_cast<std::int64_t>(value);
}

std::string cpu_text(std::int64_t cpu_millis) {
  return fmt::format("{}", static_cast<double>(cpu_millis) / 1000);
}

std::string memory_text(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  // Three digits, and none of 1000 to 1023 less.
  return value < 999.5 ? fmt::format("{:.3g} {}", value, kUnits[unit])
                       : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

Result<Resources> read_resources(const YamlNode& node) {
  Resources resources;
  YamlMap map = TRY(node.map("resources"));
  for (const auto& [key, unit, field] :
       {std::tuple("cpu", Unit::kThousandths, &Resources::cpu_millis),
        {"memory", Unit::kWhole, &Resources::memory_bytes}}) {
    const auto value = map.find(key);
    if (!value) continue;
    const auto quantity = parse_quantity(TRY(value->text()), unit);
    if (!quantity) return value->error("{}: {}", key, quantity.error().message);
    resources.*field = *quantity;
  }
  TRY(map.finish());
  return resources;
}

std::string lack_of(const Resources& needed, const Resources& capacity) {
  if (needed.cpu_millis > capacity.cpu_millis) {
    return fmt::format("it needs {} cores, and steps may have {} (setting pipeline-cpus-max)",
                       cpu_text(needed.cpu_millis), cpu_text(capacity.cpu_millis));
  }
  if (needed.memory_bytes > capacity.memory_bytes) {
    return fmt::format(
        "it needs {} of memory, and steps may have {} (setting "
        "pipeline-memory-bytes-max)",
        memory_text(needed.memory_bytes), memory_text(capacity.memory_bytes));
  }
  return {};
}

Resources machine_resources() {
  Resources machine;
  machine.cpu_millis = 1000 * std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  machine.memory_bytes = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  // Of a container: of control groups version 2, then 1.
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto limit = number_in(file); limit && *limit > 0)
      machine.memory_bytes = std::min(machine.memory_bytes, *limit);
  }
  std::ifstream cpu("/sys/fs/cgroup/cpu.max");  // "150000 100000": microseconds in a period
  std::int64_t quota = 0, period = 0;
  if (cpu >> quota >> period && quota > 0 && period > 0)
    machine.cpu_millis =
        std::min(machine.cpu_millis, std::max<std::int64_t>(1, quota * 1000 / period));
  return machine;
}

}  // namespace slipway::pipelines
