#include "features/training_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/hash.h"
#include "features/plan.h"
#include "store/arrow_stream.h"
#include "store/file_digest.h"
#include "store/file_system.h"
#include "store/parquet.h"

namespace slipway::features {
namespace {

enum class Parts { kKeep, kRemove };

// Another one where the same request gives other rows, or other parts, than it did.
constexpr int kVersion = 3;

std::filesystem::path part_of(const std::filesystem::path& folder, std::size_t part) {
  return folder / fmt::format("part-{:05}.parquet", part);
}

// Rows of a part, a piece at a time.
template <typename Writer>
Result<void> copy_part(const std::filesystem::path& part, Writer& writer) {
  constexpr std::int64_t kRowsPerPiece = 128 * 1024;
  bool is_empty = true;
  TRY(store::scan_parquet(part, {}, kRowsPerPiece, std::nullopt,
                          [&](const types::Frame& piece, std::int64_t) {
                            is_empty = false;
                            return writer.append(piece);
                          }));
  if (is_empty) TRY(writer.append(TRY(store::read_parquet(part))));
  return {};
}

template <typename Writer>
Result<void> write_all(const std::filesystem::path& folder, std::size_t parts,
                       const std::filesystem::path& file) {
  Writer writer(file);
  for (std::size_t part = 0; part < parts; ++part) TRY(copy_part(part_of(folder, part), writer));
  return writer.finish();
}

}  // namespace

TrainingSets::TrainingSets(const FeatureStore& store, TableSource& tables, Options options)
    : store_(store), tables_(tables), options_(std::move(options)) {}

Result<void> TrainingSets::accepts(const std::string& service, const types::Frame& columns) const {
  const auto definitions = store_.definitions();
  const Service* found = definitions->find_service(service);
  if (found == nullptr)
    return base::error(Code::kNotFound, "no such feature service: service={}", service);
  std::vector<NamedColumn> named;
  for (const types::Column& column : columns.columns())
    named.push_back({column.name, value_type(column.type), false});
  return check_entity_columns(*found, named);
}

// All that the rows and their division into parts depend on.
Result<std::string> TrainingSets::identity_of(const HistoryRequest& request, Inputs& inputs) const {
  const Definitions definitions = only(*inputs.definitions, request.service);
  const auto dataset = [&](const std::string& name) -> Result<std::string> {
    std::string text = name + " " + TRY(inputs.tables.open(name))->version();
    for (const NamedColumn& column : TRY(inputs.tables.columns(name)))
      text += fmt::format(" {}:{}:{}", column.name, value_type_name(column.type), column.is_whole);
    return fmt::format("{} key {}", text, fmt::join(TRY(inputs.tables.key(name)), " "));
  };
  std::string text = fmt::format("{}\n{}", kVersion, feature_texts(definitions));
  const Service* service = definitions.find_service(request.service);
  if (service == nullptr)
    return base::error(Code::kNotFound, "no such feature service: service={}", request.service);
  text += fmt::format("\n{} {}", service->name, service->event_time);
  for (const RequestColumn& column : service->request)
    text += fmt::format(" {}:{}", column.name, types::type_name(column.type));
  for (const std::string& feature : service->features) text += " " + feature;
  for (const Source& source : definitions.sources) {
    text += fmt::format("\n{} {} {} {}", source.name, source.event_time, source.arrival_time,
                        TRY(dataset(source.dataset)));
  }
  if (request.entity_file.empty()) {
    text += fmt::format("\n{} {}", TRY(inputs.tables.arrival_time(request.entities)),
                        TRY(dataset(request.entities)));
  } else {
    text += "\n" + TRY(store::file_digest(request.entity_file));
  }
  const auto micros = [](const std::optional<types::Timestamp>& time) {
    return time ? std::to_string(time->micros) : std::string("-");
  };
  text += fmt::format("\n{} = {}\n{} {} {}\n{} {}", request.label_name, request.label,
                      request.as_of.micros, micros(request.from), micros(request.until),
                      request.memory_bytes, request.rows_at_once);
  return base::sha256_hex(text).substr(0, 32);
}

// A training set that is being made or sent. The parts go with it, unless they are to be used
// again.
class TrainingSets::Entry {
 public:
  Entry(std::shared_ptr<State> state, std::filesystem::path folder, std::string name)
      : state_(std::move(state)), folder_(std::move(folder)), name_(std::move(name)) {}
  ~Entry() {
    std::error_code ignored;
    if (parts_ == Parts::kRemove) std::filesystem::remove_all(folder_, ignored);
    base::MutexLock lock(state_->mutex);
    state_->making.erase(name_);
  }
  Entry(const Entry&) = delete;

  void remove_parts() { parts_ = Parts::kRemove; }

 private:
  const std::shared_ptr<State> state_;
  const std::filesystem::path folder_;
  const std::string name_;
  Parts parts_ = Parts::kKeep;
};

Result<TrainingSets::Made> TrainingSets::make(HistoryRequest request, Format format,
                                              const std::string& mark) {
  request.memory_bytes = options_.memory_bytes;
  request.rows_at_once = options_.rows_at_once;
  Inputs made_of = inputs();
  const std::string id = TRY(identity_of(request, made_of));
  std::string name = id;
  {
    base::MutexLock lock(state_->mutex);
    const auto at_once = std::ranges::count_if(
        state_->making, [](const auto& making) { return !making.second.is_made; });
    if (static_cast<std::size_t>(at_once) >= options_.sets_at_once) {
      return base::error(Code::kResourceExhausted,
                         "so many training sets are being made already, ask again later: max={}",
                         options_.sets_at_once);
    }
    // The same one at the same time is made beside it.
    for (int copy = 2; state_->making.contains(name); ++copy) name = fmt::format("{}-{}", id, copy);
    state_->making[name] = {.progress = {.mark = mark, .service = request.service},
                            .began = std::chrono::steady_clock::now()};
  }
  const auto entry = std::make_shared<Entry>(state_, options_.folder / name, name);
  Made made = TRY(make_in(name, request, format, made_of));
  entry->remove_parts();
  Inputs present = inputs();
  if (const auto now = identity_of(request, present); !now || *now != id) {
    return base::error(Code::kConflict,
                       "the data or the definitions changed while the training set was made; ask "
                       "again: service={}",
                       request.service);
  }
  set(name, [](Making& making) { making.is_made = true; });
  made.version = made_of.definitions->find_service(request.service)->version;
  made.owner = entry;
  return made;
}

Result<TrainingSets::Made> TrainingSets::make_in(const std::string& name, HistoryRequest request,
                                                 Format format, Inputs& inputs) const {
  const std::filesystem::path folder = options_.folder / name;
  remove_old_parts();
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return base::error(Code::kInternal, "cannot make a folder: {}: {}", folder.string(),
                       failed.message());
  Made made{.file = folder / "all"};
  while (std::filesystem::exists(part_of(folder, request.batches_done)))
    made.rows += TRY(store::parquet_info(part_of(folder, request.batches_done++))).rows;
  made.rows_found = made.rows;
  set(name, [&](Making& making) { making.progress.rows = making.progress.rows_found = made.rows; });
  request.progress = [&](std::int64_t done, std::int64_t all) {
    set(name, [&](Making& making) {
      making.progress.entity_rows_done = done;
      making.progress.entity_rows = all;
      making.progress.rows = made.rows;
    });
  };

  std::size_t parts = request.batches_done;
  const auto keep = [&](const types::Frame& rows) -> Result<void> {
    store::ParquetWriter writer(part_of(folder, parts++));
    TRY(writer.append(rows));
    made.rows += static_cast<std::int64_t>(rows.rows());
    return writer.finish();
  };
  made.unlabeled = TRY(store_.history(request, *inputs.definitions, inputs.tables, keep)).unlabeled;
  if (format == Format::kArrowStream) {
    TRY(write_all<store::ArrowStreamWriter>(folder, parts, made.file));
  } else if (parts == 1) {
    made.file = part_of(folder, 0);
  } else {
    TRY(write_all<store::ParquetWriter>(folder, parts, made.file));
  }
  return made;
}

void TrainingSets::remove_old_parts() const {
  std::error_code ec;
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, ec)) {
    std::error_code ignored;
    const auto age = now - std::filesystem::last_write_time(entry.path(), ignored);
    if (ignored || age < options_.keep_parts) continue;
    // Under the lock, so that nobody begins with them meanwhile.
    base::MutexLock lock(state_->mutex);
    if (state_->making.contains(entry.path().filename().string())) continue;
    std::filesystem::remove_all(entry.path(), ignored);
  }
}

void TrainingSets::set(const std::string& name, const std::function<void(Making&)>& change) const {
  base::MutexLock lock(state_->mutex);
  change(state_->making[name]);
}

std::vector<TrainingSets::Progress> TrainingSets::progress() const {
  std::vector<Progress> all;
  base::MutexLock lock(state_->mutex);
  for (const auto& [name, making] : state_->making) {
    if (making.is_made) continue;
    all.push_back(making.progress);
    all.back().seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - making.began).count();
  }
  return all;
}

}  // namespace slipway::features
