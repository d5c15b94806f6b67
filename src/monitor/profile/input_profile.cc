#include "monitor/profile/input_profile.h"

#include <cmath>

namespace slipway::monitor {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kFrequentShown = 20;
constexpr double kShares[] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};

}  // namespace

void InputProfile::add(const types::Column& column, const std::vector<std::size_t>& rows) {
  rows_ += rows.size();
  if (column.type == types::ColumnType::kString) {
    for (const std::size_t row : rows) {
      if (!column.is_valid(row)) {
        ++missing_;
        continue;
      }
      const std::string& text = column.strings[row];
      distinct_.add_hash(HllSketch::hash_of(text));
      frequent_.add(text);
    }
    return;
  }
  std::vector<double> numbers;
  numbers.reserve(rows.size());
  const bool is_double = column.type == types::ColumnType::kDouble;
  for (const std::size_t row : rows) {
    const double value = is_double ? column.doubles[row] : static_cast<double>(column.ints[row]);
    if (std::isfinite(value) && column.is_valid(row)) {
      numbers.push_back(value);
    } else {
      ++(std::isinf(value) && column.is_valid(row) ? infinite_ : missing_);
    }
  }
  for (const double value : numbers) distinct_.add_hash(HllSketch::hash_of(value));
  moments_.add(numbers);
  quantiles_.add(numbers);
}

void InputProfile::merge(const InputProfile& other) {
  rows_ += other.rows_;
  missing_ += other.missing_;
  infinite_ += other.infinite_;
  moments_.merge(other.moments_);
  quantiles_.merge(other.quantiles_);
  distinct_.merge(other.distinct_);
  frequent_.merge(other.frequent_);
}

JsonObject InputProfile::to_json() const {
  const double different = distinct_.estimate(), slack = 2 * HllSketch::kRelativeError * different;
  JsonObject object{{"rows", rows_}, {"missing", missing_}, {"infinite", infinite_}};
  object["distinct"] = {{"estimate", base::number_or_null(std::round(different))},
                        {"low", base::number_or_null(std::max(0.0, std::floor(different - slack)))},
                        {"high", base::number_or_null(std::ceil(different + slack))}};
  if (moments_.count() > 0) {
    JsonObject found;
    const std::vector<double> values = quantiles_.quantiles(kShares);
    for (std::size_t i = 0; i < values.size(); ++i)
      found[fmt::format("{:g}", kShares[i])] = values[i];
    object["numbers"] = {{"count", moments_.count()},
                         {"mean", base::number_or_null(moments_.mean())},
                         {"deviation", base::number_or_null(moments_.deviation())},
                         {"skewness", base::number_or_null(moments_.skewness())},
                         {"kurtosis", base::number_or_null(moments_.kurtosis())},
                         {"min", quantiles_.min()},
                         {"max", quantiles_.max()},
                         {"quantiles", std::move(found)},
                         {"rank_error", quantiles_.rank_error()}};
  }
  if (frequent_.total() > 0) {
    JsonArray items;
    for (const FrequentItems::Item& item : frequent_.top(kFrequentShown)) {
      items.push_back(JsonObject{
          {"text", item.text}, {"count_min", item.count_min}, {"count_max", item.count_max}});
    }
    object["texts"] = {{"count", frequent_.total()},
                       {"count_error", frequent_.error()},
                       {"frequent", std::move(items)}};
  }
  return object;
}

std::string InputProfile::to_bytes() const {
  ByteWriter out;
  out.byte(kVersion);
  for (const std::uint64_t count : {rows_, missing_, infinite_}) out.varint(count);
  moments_.write(out);
  quantiles_.write(out);
  distinct_.write(out);
  frequent_.write(out);
  return out.take();
}

Result<InputProfile> InputProfile::from_bytes(std::string_view bytes) {
  ByteReader in(bytes);
  if (TRY(in.byte()) != kVersion)
    return base::error(Code::kCorruption, "a stored profile has a version that isn't known");
  InputProfile profile;
  for (std::uint64_t* count : {&profile.rows_, &profile.missing_, &profile.infinite_})
    *count = TRY(in.varint());
  profile.moments_ = TRY(RunningMoments::read(in));
  profile.quantiles_ = TRY(KllSketch::read(in));
  profile.distinct_ = TRY(HllSketch::read(in));
  profile.frequent_ = TRY(FrequentItems::read(in));
  if (in.left() > 0 || profile.moments_.count() != profile.quantiles_.count())
    return ByteReader::broken();
  return profile;
}

}  // namespace slipway::monitor
