#include "store/arrow_stream.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <parquet/exception.h>

#include <algorithm>

#include "store/arrow_columns.h"
#include "store/file_system.h"
#include "store/parquet.h"

namespace slipway::store {
namespace {

Error arrow_error(const arrow::Status& status, Code code) {
  if (status.IsIOError() && status.ToString().find("No space left") != std::string::npos)
    code = Code::kStorageFull;
  return base::error(code, "arrow: {}", status.message());
}

}  // namespace

struct ArrowStreamWriter::Impl {
  std::filesystem::path file, unfinished;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  std::shared_ptr<arrow::Schema> schema;
};

ArrowStreamWriter::ArrowStreamWriter(std::filesystem::path file) : impl_(std::make_unique<Impl>()) {
  impl_->unfinished = file;
  impl_->unfinished += ".unfinished";
  impl_->file = std::move(file);
}

ArrowStreamWriter::~ArrowStreamWriter() {
  if (impl_->sink == nullptr) return;
  std::error_code ignored;
  std::filesystem::remove(impl_->unfinished, ignored);
}

Result<void> ArrowStreamWriter::append(const types::Frame& frame) {
  constexpr std::int64_t kRowsPerBatch = 64 * 1024;
  try {
    const auto table = to_arrow_table(frame);
    if (impl_->writer == nullptr) {
      auto sink = arrow::io::FileOutputStream::Open(impl_->unfinished.string());
      if (!sink.ok()) return arrow_error(sink.status(), Code::kInternal);
      impl_->sink = std::move(*sink);
      auto writer = arrow::ipc::MakeStreamWriter(impl_->sink, table->schema());
      if (!writer.ok()) return arrow_error(writer.status(), Code::kInternal);
      impl_->writer = std::move(*writer);
      impl_->schema = table->schema();
    }
    if (!impl_->schema->Equals(*table->schema(), /*check_metadata=*/false))
      return base::error(Code::kInvalidArgument, "arrow: other columns than before");
    const arrow::Status status = impl_->writer->WriteTable(*table, kRowsPerBatch);
    return status.ok() ? Result<void>() : arrow_error(status, Code::kInternal);
  } catch (const std::exception& e) {
    return base::error(Code::kInternal, "arrow: {}", e.what());
  }
}

Result<void> ArrowStreamWriter::finish() {
  if (impl_->writer == nullptr)
    return base::error(Code::kFailedPrecondition, "arrow: nothing to write");
  if (const arrow::Status status = impl_->writer->Close(); !status.ok())
    return arrow_error(status, Code::kInternal);
  if (const arrow::Status status = impl_->sink->Close(); !status.ok())
    return arrow_error(status, Code::kInternal);
  std::error_code failed;
  std::filesystem::rename(impl_->unfinished, impl_->file, failed);
  if (failed) return errno_error(failed.value(), "rename", impl_->file);
  impl_->sink = nullptr;
  return {};
}

namespace {

constexpr std::int64_t kRowsPerPiece = 64 * 1024;
constexpr std::int64_t kBytesPerPiece = 64ll << 20;

// Turns a stream into a file; what is outside is looked at before its offsets are followed, and
// counted before it is spelled out.
class StreamCopy {
 public:
  StreamCopy(const std::filesystem::path& parquet, const ArrowStreamLimits& limits)
      : limits_(limits), writer_(parquet) {}

  Result<void> begin(const arrow::Schema& schema) {
    for (const auto& field : schema.fields())
      TRY(frame_.add(types::Column::of_type(field->name(), TRY(arrow_column_type(*field)))));
    return {};
  }
  const types::Frame& columns() const { return frame_; }

  Result<void> add(const arrow::RecordBatch& batch) {
    rows_ += batch.num_rows();
    if (rows_ > limits_.rows) return too_much("rows", limits_.rows);
    bytes_ += bytes_of(batch, 0, batch.num_rows());
    if (bytes_ > limits_.bytes) return too_much("bytes", limits_.bytes);
    for (std::int64_t first = 0; first < batch.num_rows();) {
      std::int64_t rows = std::min(kRowsPerPiece, batch.num_rows() - first);
      std::int64_t bytes = bytes_of(batch, first, rows);
      while (rows > 1 && bytes > kBytesPerPiece) bytes = bytes_of(batch, first, rows /= 2);
      if (bytes > limits_.memory_bytes) return too_much("bytes in a row", limits_.memory_bytes);
      for (int i = 0; i < batch.num_columns(); ++i) {
        types::Column& column = frame_.columns()[static_cast<std::size_t>(i)];
        column.clear();
        TRY(append_arrow_chunk(*batch.column(i)->Slice(first, rows), column));
      }
      TRY(writer_.append(frame_));
      first += rows;
    }
    return {};
  }

  Result<void> finish() {
    if (rows_ == 0) TRY(writer_.append(frame_));
    return writer_.finish();
  }

 private:
  static Error too_much(std::string_view what, std::int64_t max) {
    return base::error(Code::kResourceExhausted,
                       "the Arrow stream has more {} than are taken: max={}", what, max);
  }

  static std::int64_t bytes_of(const arrow::RecordBatch& batch, std::int64_t first,
                               std::int64_t rows) {
    std::int64_t bytes = 0;
    for (const auto& column : batch.columns()) bytes += arrow_value_bytes(*column, first, rows);
    return bytes;
  }

  const ArrowStreamLimits& limits_;
  ParquetWriter writer_;
  types::Frame frame_;
  std::int64_t rows_ = 0, bytes_ = 0;
};

}  // namespace

Result<void> arrow_stream_to_parquet(const std::filesystem::path& stream,
                                     const std::filesystem::path& parquet,
                                     const ArrowStreamLimits& limits,
                                     const AcceptColumns& accepts) {
  const auto broken = [&](const arrow::Status& status) {
    if (status.IsOutOfMemory() || status.IsCapacityError()) {
      return base::error(Code::kResourceExhausted,
                         "a batch of the Arrow stream takes more memory than it may: bytes_max={}",
                         limits.memory_bytes);
    }
    return base::error(Code::kInvalidArgument, "this is no whole Arrow stream: {}",
                       status.message());
  };
  try {
    auto input = arrow::io::MemoryMappedFile::Open(stream.string(), arrow::io::FileMode::READ);
    if (!input.ok()) return arrow_error(input.status(), Code::kInternal);
    arrow::CappedMemoryPool pool(arrow::default_memory_pool(), limits.memory_bytes);
    auto options = arrow::ipc::IpcReadOptions::Defaults();
    options.memory_pool = &pool;
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(*input, options);
    if (!reader.ok()) return broken(reader.status());
    StreamCopy copy(parquet, limits);
    TRY(copy.begin(*(*reader)->schema()));
    TRY(accepts(copy.columns()));
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      if (const arrow::Status status = (*reader)->ReadNext(&batch); !status.ok())
        return broken(status);
      if (batch == nullptr) return copy.finish();
      if (const arrow::Status status = batch->ValidateFull(); !status.ok()) return broken(status);
      TRY(copy.add(*batch));
    }
  } catch (const std::exception& e) {
    return base::error(Code::kInvalidArgument, "this is no whole Arrow stream: {}", e.what());
  }
}

}  // namespace slipway::store
