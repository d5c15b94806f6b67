#include "features/rocksdb_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "base/shared_mutex.h"
#include "features/packed_rows.h"
#include "store/file_system.h"

namespace slipway::features {
namespace {

using Table = OnlineStore::Table;

// Beyond so many, a read puts the blocks of a key together for the reads after it.
constexpr std::size_t kBlocksMax = 64;

// How long scrub() waits for reads that began before it.
constexpr std::chrono::seconds kReadersWait{30};

// Where a read on this thread notes the keys of more blocks than that; nowhere while RocksDB
// compacts.
thread_local std::vector<std::string>* keys_of_many = nullptr;

// Rows are appended by merges: a write doesn't read. Blocks become one when the value is read or
// compacted.
class MergeRows final : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "slipway.rows.1"; }
  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    if (in.existing_value == nullptr && in.operand_list.size() == 1) {
      out->existing_operand = in.operand_list.front();  // one block is merged already
      return true;
    }
    if (keys_of_many != nullptr && in.operand_list.size() > kBlocksMax)
      keys_of_many->push_back(in.key.ToString());
    std::string all;
    if (in.existing_value != nullptr)
      all.assign(in.existing_value->data(), in.existing_value->size());
    for (const rocksdb::Slice& block : in.operand_list) all.append(block.data(), block.size());
    return store(merge_rows(all), out->new_value);
  }
  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& blocks,
                         std::string* out, rocksdb::Logger*) const override {
    std::string all;
    for (const rocksdb::Slice& block : blocks) all.append(block.data(), block.size());
    return store(merge_part(all), *out);
  }

 private:
  static bool store(Result<std::string> merged, std::string& out) {
    if (!merged) return false;
    out = std::move(*merged);
    return true;
  }
};

Error error_of(const rocksdb::Status& status, std::string_view what) {
  const Code code = status.IsCorruption()                   ? Code::kCorruption
                    : status.IsNoSpace()                    ? Code::kStorageFull
                    : status.IsIOError() || status.IsBusy() ? Code::kUnavailable
                                                            : Code::kInternal;
  return base::error(code, "the online store (RocksDB) failed: {}: {}", what, status.ToString());
}

// Tables are numbered from 1; so all of 0 is free for notes. Big-endian: a table is one range.
std::string key_in(Table table, std::string_view key) {
  std::string out(4, '\0');
  for (int i = 0; i < 4; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<char>(table >> (24 - 8 * i));
  out += key;
  return out;
}

Table table_of(const rocksdb::Slice& key) {
  Table table = 0;
  for (std::size_t i = 0; i < 4 && i < key.size(); ++i)
    table = table << 8 | static_cast<std::uint8_t>(key[i]);
  return table;
}

class RocksDbStore final : public OnlineStore {
 public:
  RocksDbStore(std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> families)
      : db_(std::move(db)), families_(std::move(families)) {}
  ~RocksDbStore() override {
    for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
    db_->Close();
  }

  std::string_view name() const override { return "rocksdb"; }

  Result<void> write(const Batch& batch) override {
    // In their order, so that one insertion finds in the cache what the one before it has read.
    std::vector<std::pair<std::string, const std::string*>> merges;
    merges.reserve(batch.rows.size());
    for (const Rows& rows : batch.rows)
      merges.emplace_back(key_in(rows.table, rows.key), &rows.block);
    std::ranges::stable_sort(merges, {}, &std::pair<std::string, const std::string*>::first);
    rocksdb::WriteBatch writes;
    for (const auto& [key, block] : merges) writes.Merge(rows_family(), key, *block);
    for (const auto& [name, text] : batch.notes) writes.Put(notes_family(), name, text);
    // The log is in the kernel's hands then: it survives this process. Of what a machine loses
    // that stops, the end is missing, and the database brings it again.
    const base::ReadLock adding(blocks_mutex_);
    const rocksdb::Status status = db_->Write(rocksdb::WriteOptions(), &writes);
    if (!status.ok()) return error_of(status, "write");
    return {};
  }

  Result<void> read(std::span<const Place> places, const Each& each) const override {
    std::vector<std::string> many;
    keys_of_many = &many;
    const Result<void> done = read_all(places, each);
    keys_of_many = nullptr;
    if (!many.empty()) put_together(many);
    return done;
  }

  Result<std::optional<std::string>> note(const std::string& name) const override {
    std::string text;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), notes_family(), name, &text);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return error_of(status, "note");
    return std::optional(std::move(text));
  }

  Result<std::vector<Table>> tables() const override {
    std::vector<Table> tables;
    const std::unique_ptr<rocksdb::Iterator> at(
        db_->NewIterator(rocksdb::ReadOptions(), rows_family()));
    for (at->SeekToFirst(); at->Valid(); at->Seek(key_in(tables.back() + 1, "")))
      tables.push_back(table_of(at->key()));
    if (!at->status().ok()) return error_of(at->status(), "tables");
    return tables;
  }

  Result<void> drop(Table table) override {
    const std::string begin = key_in(table, ""), end = key_in(table + 1, "");
    const rocksdb::Slice first(begin), last(end);
    rocksdb::Status status =
        rocksdb::DeleteFilesInRange(db_.get(), rows_family(), &first, &last, false);
    if (status.ok()) status = db_->DeleteRange(rocksdb::WriteOptions(), rows_family(), first, last);
    if (!status.ok()) return error_of(status, "drop");
    return {};
  }

  Result<void> settle(Table table, std::string_view block) override {
    const std::string begin = key_in(table, ""), end = key_in(table + 1, "");
    const rocksdb::Slice first(begin), last(end);
    if (!block.empty()) TRY(add_to_all(first, last, rocksdb::Slice(block.data(), block.size())));
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    const rocksdb::Status status = db_->CompactRange(options, rows_family(), &first, &last);
    if (!status.ok()) return error_of(status, "settle");
    return {};
  }

  // Every file that there is now has to go: logs and tables, and the manifests, which say the least
  // and the greatest key of tables that were.
  Result<std::string> scrub() override {
    TRY(flush());
    // What a compaction that runs now writes has to go, too: the number is taken after it.
    rocksdb::Status paused = db_->PauseBackgroundWork();
    const std::uint64_t last = last_file();
    if (paused.ok()) paused = db_->ContinueBackgroundWork();
    if (!paused.ok()) return error_of(paused, "scrub");
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      const rocksdb::Status status = db_->CompactRange(options, family, nullptr, nullptr);
      if (!status.ok()) return error_of(status, "scrub");
    }
    // A manifest begins with the tables that there were before the change that began it: with one
    // more change it is one of new tables alone (max_manifest_file_size).
    const rocksdb::Status status =
        db_->Put(rocksdb::WriteOptions(), notes_family(), "scrubbed", "");
    if (!status.ok()) return error_of(status, "scrub");
    TRY(flush());
    for (const auto until = std::chrono::steady_clock::now() + kReadersWait;;) {
      const std::string old = file_until(last);
      if (old.empty()) return std::string();
      if (std::chrono::steady_clock::now() >= until) {
        return fmt::format("{} of the online store: somebody reads it; it goes when that ends",
                           old);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  Size size() const override {
    Size size;
    std::uint64_t value = 0;
    using Properties = rocksdb::DB::Properties;
    for (const std::string& property :
         {Properties::kCurSizeAllMemTables, Properties::kEstimateTableReadersMem,
          Properties::kBlockCacheUsage}) {
      if (db_->GetIntProperty(rows_family(), property, &value)) size.memory_bytes += value;
    }
    if (db_->GetIntProperty(rows_family(), Properties::kTotalSstFilesSize, &value))
      size.disk_bytes = value;
    return size;
  }

 private:
  Result<void> read_all(std::span<const Place> places, const Each& each) const {
    if (places.size() == 1) {
      rocksdb::PinnableSlice value;
      const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), rows_family(),
                                              key_in(places[0].table, places[0].key), &value);
      return visit(0, status, value, each);
    }
    std::vector<std::string> keys;
    keys.reserve(places.size());
    for (const Place& place : places) keys.push_back(key_in(place.table, place.key));
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(places.size());
    std::vector<rocksdb::Status> statuses(places.size());
    db_->MultiGet(rocksdb::ReadOptions(), rows_family(), places.size(), slices.data(),
                  values.data(), statuses.data());
    for (std::size_t i = 0; i < places.size(); ++i) TRY(visit(i, statuses[i], values[i], each));
    return {};
  }

  // Nobody adds a block meanwhile, else it would be lost. When somebody does, another read will.
  void put_together(const std::vector<std::string>& keys) const {
    if (!blocks_mutex_.try_lock()) return;
    const base::WriteLock lock(blocks_mutex_, base::kIsLocked);
    rocksdb::WriteBatch writes;
    rocksdb::PinnableSlice value;
    for (const std::string& key : keys) {
      value.Reset();
      if (db_->Get(rocksdb::ReadOptions(), rows_family(), key, &value).ok())
        writes.Put(rows_family(), key, value);
    }
    rocksdb::WriteOptions options;
    options.no_slowdown = true;  // a reader waits for no compaction: rows stay as they were
    db_->Write(options, &writes).PermitUncheckedError();
  }

  Result<void> flush() {
    const rocksdb::Status status = db_->Flush(rocksdb::FlushOptions(), families_);
    if (!status.ok()) return error_of(status, "flush");
    return {};
  }

  // The number of a file of rows or of what is said of them, as RocksDB names them: 000012.sst,
  // 000013.log, MANIFEST-000014. Of others: 0.
  static std::uint64_t file_number(const std::filesystem::path& file) {
    constexpr std::string_view kManifest = "MANIFEST-";
    const std::string name = file.filename().string(), end = file.extension().string();
    const bool is_manifest = name.starts_with(kManifest);
    if (!is_manifest && end != ".sst" && end != ".log" && end != ".blob") return 0;
    const char* const first = name.data() + (is_manifest ? kManifest.size() : 0);
    std::uint64_t number = 0;
    std::from_chars(first, name.data() + name.size(), number);
    return number;
  }
  std::uint64_t last_file() const {
    std::uint64_t last = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(db_->GetName(), ignored))
      last = std::max(last, file_number(entry.path()));
    return last;
  }
  // The name of one that has this number or a lower one; empty: there is none.
  std::string file_until(std::uint64_t last) const {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(db_->GetName(), ignored)) {
      const std::uint64_t number = file_number(entry.path());
      if (number > 0 && number <= last) return entry.path().filename().string();
    }
    return "";
  }

  rocksdb::ColumnFamilyHandle* rows_family() const { return families_[0]; }
  rocksdb::ColumnFamilyHandle* notes_family() const { return families_[1]; }

  Result<void> add_to_all(const rocksdb::Slice& first, const rocksdb::Slice& last,
                          const rocksdb::Slice& block) {
    constexpr int kKeysAtOnce = 10'000;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &last;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options, rows_family()));
    rocksdb::WriteBatch writes;
    const auto write = [&]() -> Result<void> {
      const rocksdb::Status status = db_->Write(rocksdb::WriteOptions(), &writes);
      writes.Clear();
      if (!status.ok()) return error_of(status, "settle");
      return {};
    };
    for (at->Seek(first); at->Valid(); at->Next()) {
      if (at->value().size() < kSettledBytesMin) continue;
      writes.Merge(rows_family(), at->key(), block);
      if (writes.Count() == kKeysAtOnce) TRY(write());
    }
    if (!at->status().ok()) return error_of(at->status(), "settle");
    return write();
  }

  static Result<void> visit(std::size_t place, const rocksdb::Status& status,
                            const rocksdb::PinnableSlice& value, const Each& each) {
    if (!status.ok() && !status.IsNotFound()) return error_of(status, "read");
    each(place, status.ok() ? std::string_view(value.data(), value.size()) : std::string_view());
    return {};
  }

  mutable base::SharedMutex blocks_mutex_;  // shared: blocks are added
  const std::unique_ptr<rocksdb::DB> db_;
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace

Result<std::unique_ptr<OnlineStore>> open_rocksdb_store(const RocksDbOptions& options) {
  TRY(store::make_folders(options.folder));
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = rocksdb::NewLRUCache(options.cache_bytes);
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  blocks.format_version = 5;
  // A read knows its key: it goes to the few entries that the hash names.
  blocks.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  blocks.block_restart_interval = 4;

  rocksdb::ColumnFamilyOptions rows;
  rows.merge_operator = std::make_shared<MergeRows>();
  rows.compression = rocksdb::kLZ4Compression;
  rows.write_buffer_size = 64 << 20;
  // A key that was written lately is written again next to where it was: nothing is searched for.
  rows.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewNoopTransform());
  rows.level_compaction_dynamic_level_bytes = true;
  rows.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));

  rocksdb::DBOptions db_options;
  db_options.create_if_missing = true;
  db_options.create_missing_column_families = true;
  db_options.max_background_jobs = 2;
  db_options.bytes_per_sync = 1 << 20;
  db_options.keep_log_file_num = 4;
  db_options.info_log_level = rocksdb::WARN_LEVEL;
  db_options.max_total_wal_size = 256 << 20;
  // Every change of tables makes a manifest, which says nothing of earlier ones: scrub().
  db_options.max_manifest_file_size = 1;
  // Both families come back as one: a note never without the rows of its batch.
  db_options.atomic_flush = true;

  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, rows}, {"notes", rocksdb::ColumnFamilyOptions()}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(db_options, options.folder.string(), families, &handles, &db);
  if (!status.ok()) return error_of(status, "open " + options.folder.string());
  return std::unique_ptr<OnlineStore>(
      new RocksDbStore(std::unique_ptr<rocksdb::DB>(db), std::move(handles)));
}

}  // namespace slipway::features
