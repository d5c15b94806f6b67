// Quantities as Kubernetes writes them.
#include "pipelines/resources.h"

#include <gtest/gtest.h>

namespace slipway::pipelines {
namespace {

TEST(Resources, QuantitiesAreReadAsKubernetesReadsThem) {
  const struct {
    std::string_view text;
    Unit unit;
    std::int64_t value;  // 0: refused
  } kCases[] = {
      {"2", Unit::kThousandths, 2000},
      {"0.5", Unit::kThousandths, 500},
      {".5", Unit::kThousandths, 500},
      {"500m", Unit::kThousandths, 500},
      {"0.1", Unit::kThousandths, 100},
      {"0.3", Unit::kThousandths, 300},
      {"1m", Unit::kThousandths, 1},
      {"0.0001", Unit::kThousandths, 1},  // rounded up
      {"4Gi", Unit::kWhole, 4ll << 30},
      {"1.5Gi", Unit::kWhole, 3ll << 29},
      {"4G", Unit::kWhole, 4'000'000'000},
      {"100k", Unit::kWhole, 100'000},
      {"64Mi", Unit::kWhole, 64ll << 20},
      {"1e9", Unit::kWhole, 1'000'000'000},
      {"1E3", Unit::kWhole, 1000},
      {"12e-1", Unit::kWhole, 2},
      {"1500m", Unit::kWhole, 2},
      {"1Ei", Unit::kWhole, 1ll << 60},
      {"2Ei", Unit::kWhole, 0},
      {"0", Unit::kWhole, 0},
      {"", Unit::kWhole, 0},
      {".", Unit::kWhole, 0},
      {"Gi", Unit::kWhole, 0},
      {"-1", Unit::kWhole, 0},
      {"4GB", Unit::kWhole, 0},
      {"4 Gi", Unit::kWhole, 0},
      {"4K", Unit::kWhole, 0},
      {"1e", Unit::kWhole, 0},
      {"1e999", Unit::kWhole, 0},
      {"1.2.3", Unit::kWhole, 0},
      {"1234567890123456789", Unit::kWhole, 0},
  };
  for (const auto& each : kCases) {
    const auto value = parse_quantity(each.text, each.unit);
    EXPECT_EQ(value ? *value : 0, each.value) << each.text;
  }
}

TEST(Resources, AreSaidInWords) {
  EXPECT_EQ(cpu_text(2000), "2");
  EXPECT_EQ(cpu_text(500), "0.5");
  EXPECT_EQ(memory_text(900), "900 bytes");
  EXPECT_EQ(memory_text(1000ll << 20), "1000 MiB");
  EXPECT_EQ(memory_text(4ll << 30), "4 GiB");
  EXPECT_EQ(memory_text((4ll << 30) + (200 << 20)), "4.2 GiB");
}

TEST(Resources, AMachineHasSome) {
  EXPECT_GE(machine_resources().cpu_millis, 1);
  EXPECT_GE(machine_resources().memory_bytes, 1 << 20);
}

}  // namespace
}  // namespace slipway::pipelines
