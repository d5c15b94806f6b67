#include "store/arrow_stream.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <parquet/exception.h>

#include "store/arrow_columns.h"
#include "store/file_system.h"
#include "store/parquet.h"

namespace slipway::store {
namespace {

Error arrow_error(const arrow::Status &status, Code code) {
  if (status.IsIOError() &&
      status.ToString().find("No space left") != std::string::npos)
    code = Code::kStorageFull;
  return base::error(code, "arrow: {}", status.message());
}

} // namespace

struct ArrowStreamWriter::Impl {
  std::filesystem::path file, unfinished;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  std::shared_ptr<arrow::Schema> schema;
};

ArrowStreamWriter::ArrowStreamWriter(std::filesystem::path file)
    : impl_(std::make_unique<Impl>()) {
  impl_->unfinished = file;
  impl_->unfinished += ".unfinished";
  impl_->file = std::move(file);
}

ArrowStreamWriter::~ArrowStreamWriter() {
  if (impl_->sink == nullptr)
    return;
  std::error_code ignored;
  std::filesystem::remove(impl_->unfinished, ignored);
}

Result<void> ArrowStreamWriter::append(const types::Frame &frame) {
  constexpr std::int64_t kRowsPerBatch = 64 * 1024;
  try {
    const auto table = to_arrow_table(frame);
    if (impl_->writer == nullptr) {
      auto sink = arrow::io::FileOutputStream::Open(impl_->unfinished.string());
      if (!sink.ok())
        return arrow_error(sink.status(), Code::kInternal);
      impl_->sink = std::move(*sink);
      auto writer = arrow::ipc::MakeStreamWriter(impl_->sink, table->schema());
      if (!writer.ok())
        return arrow_error(writer.status(), Code::kInternal);
      impl_->writer = std::move(*writer);
      impl_->schema = table->schema();
    }
    if (!impl_->schema->Equals(*table->schema(), /*check_metadata=*/false))
      return base::error(Code::kInvalidArgument,
                         "arrow: other columns than before");
    const arrow::Status status =
        impl_->writer->WriteTable(*table, kRowsPerBatch);
    return status.ok() ? Result<void>() : arrow_error(status, Code::kInternal);
  } catch (const std::exception &e) {
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
  if (failed)
    return errno_error(failed.value(), "rename", impl_->file);
  impl_->sink = nullptr;
  return {};
}

Result<void> arrow_stream_to_parquet(const std::filesystem::path &stream,
                                     const std::filesystem::path &parquet) {
  const auto broken = [](const arrow::Status &status) {
    return base::error(Code::kInvalidArgument,
                       "this is no whole Arrow stream: {}", status.message());
  };
  try {
    auto input = arrow::io::MemoryMappedFile::Open(stream.string(),
                                                   arrow::io::FileMode::READ);
    if (!input.ok())
      return arrow_error(input.status(), Code::kInternal);
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(*input);
    if (!reader.ok())
      return broken(reader.status());
    ParquetWriter writer(parquet);
    types::Frame frame;
    for (const auto &field : (*reader)->schema()->fields())
      TRY(frame.add(types::Column::of_type(field->name(),
                                           TRY(arrow_column_type(*field)))));
    bool has_rows = false;
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      if (const arrow::Status status = (*reader)->ReadNext(&batch);
          !status.ok())
        return broken(status);
      if (batch == nullptr)
        break;
      // What is outside is looked at before its offsets are followed.
      if (const arrow::Status status = batch->ValidateFull(); !status.ok())
        return broken(status);
      for (int i = 0; i < batch->num_columns(); ++i) {
        types::Column &column = frame.columns()[static_cast<std::size_t>(i)];
        column.clear();
        TRY(append_arrow_chunk(*batch->column(i), column));
      }
      if (batch->num_rows() > 0)
        TRY(writer.append(frame));
      has_rows = has_rows || batch->num_rows() > 0;
    }
    if (!has_rows) {
      for (types::Column &column : frame.columns())
        column.clear();
      TRY(writer.append(frame));
    }
    return writer.finish();
  } catch (const std::exception &e) {
    return base::error(Code::kInvalidArgument,
                       "this is no whole Arrow stream: {}", e.what());
  }
}

} // namespace slipway::store
