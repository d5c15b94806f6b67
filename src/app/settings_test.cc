#include "app/settings.h"

#include <gtest/gtest.h>

#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::app {
namespace {

std::optional<std::string> no_environment(const std::string&) { return std::nullopt; }

TEST(Settings, FlagOverEnvironmentOverFileOverDefault) {
  store::testing::TempFolder folder;
  const std::string file = folder.path() / "s.yaml";
  ASSERT_TRUE(store::write_file(file, "port: 1\nio-threads: 3\ndata: /a\n"));
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SLIPWAY_PORT") return "2";
    if (name == "SLIPWAY_IO_THREADS") return "4";
    return std::nullopt;
  };
  const LoadedSettings loaded = load_settings({{"port", "3"}}, environment, file).value();
  EXPECT_EQ(loaded.settings.port, 3);
  EXPECT_EQ(loaded.settings.io_threads, 4);
  EXPECT_EQ(loaded.settings.data, "/a");
  EXPECT_EQ(loaded.settings.data_threads, 8);
  EXPECT_EQ(loaded.origins.at("port"), "flag");
  EXPECT_EQ(loaded.origins.at("io-threads"), "environment");
  EXPECT_EQ(loaded.origins.at("data"), "file");
  EXPECT_EQ(loaded.origins.at("data-threads"), "default");
}

TEST(Settings, WhatIsPrintedReadsBack) {
  store::testing::TempFolder folder;
  const std::string file = folder.path() / "s.yaml";
  const LoadedSettings loaded =
      load_settings({{"port", "77"}, {"data", "a b: #c"}}, no_environment, "").value();
  ASSERT_TRUE(store::write_file(file, print_config(loaded)));
  EXPECT_EQ(load_settings({}, no_environment, file).value().settings.data, "a b: #c");
  EXPECT_EQ(load_settings({}, no_environment, file).value().settings.port, 77);
}

TEST(Settings, RefusesWithNamePlaceAndRange) {
  store::testing::TempFolder folder;
  const std::string file = folder.path() / "s.yaml";
  const auto message = [&](const std::map<std::string, std::string>& flags,
                           const std::string& yaml) {
    EXPECT_TRUE(store::write_file(file, yaml));
    const auto loaded = load_settings(flags, no_environment, file);
    return loaded ? std::string("accepted") : loaded.error().message;
  };
  EXPECT_EQ(message({{"port", "70000"}}, ""),
            "setting port (flag): expected a whole number from 0 to 65535: got=70000");
  EXPECT_EQ(message({{"log-level", "loud"}}, ""),
            "setting log-level (flag): expected one of debug, info, warning, error: got=loud");
  EXPECT_NE(message({}, "port: 1\nprot: 2\n").find("name=prot"), std::string::npos);
  EXPECT_NE(message({}, "port: 1\nprot: 2\n").find("line=2"), std::string::npos);
  EXPECT_NE(message({}, "port: [1\n").find("line="), std::string::npos);
  EXPECT_NE(message({{"host", "0.0.0.0"}}, "").find("--no-auth"), std::string::npos);
  EXPECT_EQ(message({{"host", "0.0.0.0"}, {"no-auth", "true"}}, ""), "accepted");
}

}  // namespace
}  // namespace slipway::app
