#include "api/mlflow_source/file_source.h"
#include "api/mlflow_source/local_folder.h"
#include "api/mlflow_source/rest_source.h"
#include "api/mlflow_source/source.h"
#include "api/mlflow_source/sql_source.h"
#include "tracking/artifacts.h"

namespace slipway::api::mlflow_source {
namespace {

namespace fs = std::filesystem;

Result<std::unique_ptr<Source>> open_sqlite(const fs::path& file, SourceOptions options) {
  std::error_code ec;
  const fs::path whole = fs::weakly_canonical(fs::absolute(file), ec);
  return open_sql(TRY(store::open_foreign_sqlite(file)),
                  "sqlite:///" + (ec ? file : whole).string(), std::move(options));
}

}  // namespace

// The URL without name and password.
std::string without_user(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.rfind('@', url.find('?'));
  if (scheme == std::string::npos || at == std::string::npos) return url;
  return url.substr(0, scheme + 3) + url.substr(at + 1);
}

bool is_remote(const std::string& uri) {
  return !uri.empty() && !local_path(uri) && !tracking::proxied_path(uri);
}

Result<std::unique_ptr<Source>> open_source(const std::string& source, SourceOptions options) {
  constexpr std::string_view kSqlite = "sqlite:///";
  if (source.starts_with(kSqlite))
    return open_sqlite(source.substr(kSqlite.size()), std::move(options));
  if (source.starts_with("postgres")) {
    auto db = store::open_foreign_postgres(source);
    if (!db) return db.error();
    return open_sql(std::move(*db), without_user(source), std::move(options));
  }
  if (source.starts_with("http://") || source.starts_with("https://"))
    return open_server(source, std::move(options));
  if (source.starts_with("file://")) return open_folder(source.substr(7), std::move(options));
  if (source.find("://") != std::string::npos) {
    return base::error(Code::kInvalidArgument,
                       "an MLflow is imported from a folder (./mlruns), sqlite:///FILE, "
                       "postgresql://... or http://HOST:PORT: source={}",
                       source.substr(0, source.find("://") + 3) + "...");
  }
  std::error_code ec;
  if (fs::is_regular_file(source, ec)) return open_sqlite(source, std::move(options));
  return open_folder(source, std::move(options));
}

}  // namespace slipway::api::mlflow_source
