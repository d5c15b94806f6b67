#include "dvc/yaml_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "store/file_system.h"

namespace slipway::dvc {
namespace {

// What DVC 3.67.1 (ruamel.yaml) writes of these values: awkward texts, and others put together at
// random.
TEST(YamlText, IsWhatDvcWrites) {
  const char* const other = std::getenv("SLIPWAY_YAML_CASES");
  const std::filesystem::path file =
      other != nullptr ? other : SLIPWAY_DVC_TESTDATA "/yaml_text.json";
  const Json cases = MUST(base::parse_json(MUST(store::read_file(file))));
  ASSERT_GT(cases.get_array().size(), 100u);
  for (const Json& one : cases.get_array()) {
    const JsonObject& value = one.get_object().at("value").get_object();
    EXPECT_EQ(yaml_text(value), std::string_view(one.get_object().at("yaml").get_string()))
        << base::to_text(value);
  }
}

TEST(YamlText, NumbersAreAsPythonPrintsThem) {
  const std::pair<double, const char*> cases[] = {{0, "0.0"},
                                                  {-0.5, "-0.5"},
                                                  {1, "1.0"},
                                                  {0.1, "0.1"},
                                                  {0.0001, "0.0001"},
                                                  {0.00001, "1e-05"},
                                                  {1e15, "1000000000000000.0"},
                                                  {1e16, "1e+16"},
                                                  {1.5e300, "1.5e+300"},
                                                  {123456.789, "123456.789"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(python_number(value), text);
}

}  // namespace
}  // namespace slipway::dvc
