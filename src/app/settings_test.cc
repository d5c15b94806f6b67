#include "app/settings.h"

#include <gtest/gtest.h>

#include <set>

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
  EXPECT_EQ(loaded.settings.data_threads, 64);
  EXPECT_EQ(loaded.origins.at("port"), "flag");
  EXPECT_EQ(loaded.origins.at("io-threads"), "environment");
  EXPECT_EQ(loaded.origins.at("data"), "file");
  EXPECT_EQ(loaded.origins.at("data-threads"), "default");
}

// They are for all programs here, which may know other words.
TEST(Settings, VariablesOfOpenTelemetryStopNoServer) {
  std::map<std::string, std::string> variables = {
      {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
      {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
      {"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"},
      {"OTEL_EXPORTER_OTLP_INSECURE", "perhaps"},
      {"OTEL_METRIC_EXPORT_INTERVAL", "1m"},
      {"OTEL_SERVICE_NAME", ""}};
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  const LoadedSettings loaded = load_settings({}, environment, "").value();
  EXPECT_EQ(loaded.settings.otlp_metrics_protocol, "http/protobuf");
  EXPECT_EQ(loaded.settings.otlp_metrics_compression, "gzip");
  EXPECT_EQ(loaded.settings.otlp_metrics_interval_ms, 60'000);
  ASSERT_EQ(loaded.notes.size(), 3u) << "of the two about compression the first one counts";
  EXPECT_NE(loaded.notes[0].find("OTEL_EXPORTER_OTLP_PROTOCOL is passed over"), std::string::npos);
  EXPECT_NE(loaded.notes[0].find("http/json"), std::string::npos);
  EXPECT_FALSE(load_settings({{"otlp-metrics-protocol", "http/json"}}, environment, ""));
  variables["SLIPWAY_OTLP_METRICS_PROTOCOL"] = "http/json";
  EXPECT_FALSE(load_settings({}, environment, "")) << "our own are strict";
}

TEST(Settings, OnlyWhatHoldsASecretIsForgotten) {
  const std::map<std::string, std::string> variables = {
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"},
      {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://u:sesame@collector:4318/v1/metrics"},
      {"OTEL_EXPORTER_OTLP_HEADERS", "authorization=x"},
      {"SLIPWAY_PORT", "1"}};
  std::set<std::string> forgotten;
  forget_secrets(
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      [&](const std::string& name) { forgotten.insert(name); });
  EXPECT_EQ(forgotten, (std::set<std::string>{"OTEL_EXPORTER_OTLP_HEADERS",
                                              "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}));
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

TEST(Settings, PasswordsOfRedisAreNotShown) {
  const auto load = [](const std::string& given) {
    return load_settings({{"online-store", given}}, no_environment, "");
  };
  EXPECT_EQ(load("rocksdb").value().settings.online_store, "rocksdb");
  for (const char* given : {"redis://:pa?sesame@h:6379", "redis://u:a/sesame@h/2"}) {
    const LoadedSettings loaded = load(given).value();
    EXPECT_EQ(loaded.settings.online_store, given);
    EXPECT_EQ(print_config(loaded).find("sesame"), std::string::npos);
    EXPECT_NE(print_config(loaded).find(":***@h:6379/"), std::string::npos);
  }
  for (const char* wrong : {"redis://:sesame@h:port", "rediss://:sesame@h", "http://:sesame@h"})
    EXPECT_EQ(load(wrong).error().message.find("sesame"), std::string::npos) << wrong;
}

TEST(Settings, PasswordsOfDatabasesAreNotShown) {
  const std::string given = "postgresql+psycopg2://u:sesame@h/d";
  const LoadedSettings loaded = load_settings({{"database", given}}, no_environment, "").value();
  EXPECT_EQ(loaded.settings.database, "postgresql://u:sesame@h/d");
  EXPECT_NE(print_config(loaded).find("postgresql://u:***@h/d"), std::string::npos);
  EXPECT_EQ(print_config(loaded).find("sesame"), std::string::npos);
  const LoadedSettings as_mlflow =
      load_settings({{"backend-store-uri", given}}, no_environment, "").value();
  EXPECT_EQ(as_mlflow.settings.database, "postgresql://u:sesame@h/d");
  EXPECT_EQ(print_config(as_mlflow).find("sesame"), std::string::npos);
  for (const std::string& note : as_mlflow.notes)
    EXPECT_EQ(note.find("sesame"), std::string::npos) << note;
  const auto wrong = load_settings({{"database", "mysql://u:sesame@h/d"}}, no_environment, "");
  EXPECT_NE(wrong.error().message.find("expected postgresql://"), std::string::npos);
  EXPECT_EQ(wrong.error().message.find("sesame"), std::string::npos);
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
  // The next leader would not find what was left on another machine, and run it again.
  EXPECT_EQ(message({{"leave-steps", "true"}}, ""), "accepted");
  EXPECT_NE(message({{"leave-steps", "true"}, {"database", "postgresql://h/d"}}, "")
                .find("setting leave-steps: with database"),
            std::string::npos);
}

TEST(Settings, MlflowsNamesMeanTheSameAndOursWin) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "MLFLOW_PORT") return "7";
    if (name == "MLFLOW_HOST") return "127.0.0.2";
    if (name == "SLIPWAY_HOST") return "127.0.0.3";
    if (name == "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE") return "Yes";
    if (name == "MLFLOW_WORKERS") return "4";
    return std::nullopt;
  };
  const LoadedSettings loaded = load_settings({}, environment, "").value();
  EXPECT_EQ(loaded.settings.port, 7);
  EXPECT_EQ(loaded.settings.host, "127.0.0.3");
  EXPECT_TRUE(loaded.settings.disable_security_middleware);
  ASSERT_EQ(loaded.notes.size(), 1U);
  EXPECT_EQ(loaded.notes[0], "--workers: ignored: one process already uses every core");
}

TEST(Settings, ASecretIsNeverPrinted) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "MLFLOW_AUTH_ADMIN_PASSWORD" ? std::optional<std::string>("s3cret")
                                                : std::nullopt;
  };
  const LoadedSettings loaded = load_settings({}, environment, "").value();
  EXPECT_EQ(loaded.settings.admin_password, "s3cret");
  EXPECT_EQ(print_config(loaded).find("s3cret"), std::string::npos);
}

TEST(MlflowOptions, AUnitFileStartsOrIsToldWhyNot) {
  store::testing::TempFolder folder;
  const std::string at = folder.path();
  ASSERT_TRUE(store::write_file(at + "/mlflow.db", "SQLite format 3\0 and so on"));
  ASSERT_TRUE(store::make_folders(at + "/mlruns/0"));
  ASSERT_TRUE(store::write_file(at + "/mlruns/0/meta.yaml", "name: Default\n"));
  ASSERT_TRUE(store::write_file(at + "/done.db", "SQLite format 3\0 and so on"));
  ASSERT_TRUE(store::make_folders(at + "/done.db.slipway"));
  ASSERT_TRUE(store::write_file(at + "/done.db.slipway/slipway.db", "ours"));

  using Flags = std::map<std::string, std::string>;
  const struct {
    const char* name;
    Flags flags;
    std::string data;   // where everything is kept
    std::string error;  // a part of the refusal; empty: starts
  } cases[] = {
      {"new database", {{"backend-store-uri", "sqlite:///" + at + "/n.db"}}, at + "/n.db.slipway"},
      {"new folder", {{"backend-store-uri", at + "/new"}}, at + "/new"},
      {"file URI", {{"backend-store-uri", "file://" + at + "/new"}}, at + "/new"},
      {"imported",
       {{"backend-store-uri", "sqlite:///" + at + "/done.db"}},
       at + "/done.db.slipway"},
      {"ours wins", {{"backend-store-uri", at + "/new"}, {"data", "/d"}}, "/d"},
      {"existing database",
       {{"backend-store-uri", "sqlite:///" + at + "/mlflow.db"}},
       "",
       "slipway import mlflow sqlite:///" + at + "/mlflow.db"},
      {"existing folder",
       {{"backend-store-uri", at + "/mlruns"}},
       "",
       "slipway import mlflow " + at + "/mlruns"},
      {"registry of MLflow's",
       {{"registry-store-uri", "sqlite:///" + at + "/mlflow.db"}},
       "",
       "import"},
      {"in memory", {{"backend-store-uri", "sqlite:///"}}, "", "kept nowhere"},
      {"other engine", {{"backend-store-uri", "mysql://h/d"}}, "", "expected a folder, sqlite"},
      {"TLS", {{"gunicorn-opts", "--certfile c.pem"}}, "", "does not speak"},
      {"timeouts", {{"gunicorn-opts", "--timeout 120"}, {"workers", "8"}}, "./slipway-data"},
      {"isolation", {{"enable-workspaces", "true"}}, "", "isolation"},
      {"another app", {{"app-name", "mine"}}, "", "expected basic-auth"},
      {"login", {{"app-name", "basic-auth"}, {"host", "0.0.0.0"}}, "./slipway-data"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto loaded = load_settings(c.flags, no_environment, "");
    if (!c.error.empty()) {
      ASSERT_FALSE(loaded);
      EXPECT_NE(loaded.error().message.find(c.error), std::string::npos) << loaded.error().message;
      continue;
    }
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->settings.data, c.data);
  }
}

}  // namespace
}  // namespace slipway::app
