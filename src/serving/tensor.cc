#include "serving/tensor.h"

#include <iterator>

namespace slipway::serving {
namespace {

struct Known {
  std::string_view name;
  std::size_t bytes;
};
// In the order of the enumerators.
constexpr Known kKnown[] = {{"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
                            {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
                            {"FP32", 4}, {"FP64", 8},  {"BYTES", 0}};

}  // namespace

std::string_view datatype_name(DataType type) {
  return kKnown[static_cast<std::size_t>(type)].name;
}

bool parse_datatype(std::string_view name, DataType& type) {
  for (std::size_t i = 0; i < std::size(kKnown); ++i) {
    if (kKnown[i].name != name) continue;
    type = static_cast<DataType>(i);
    return true;
  }
  return false;
}

std::size_t datatype_bytes(DataType type) { return kKnown[static_cast<std::size_t>(type)].bytes; }

}  // namespace slipway::serving
