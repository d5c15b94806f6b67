#include "api/http/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "api/http/guard.h"
#include "api/http/reply_head.h"
#include "base/log.h"

namespace slipway::http {
namespace {

constexpr std::size_t kFailureShown = 300;  // bytes of what a failed request was answered

constexpr std::size_t kBodyReadBytes = 64 << 10;
constexpr std::size_t kReadBytes = 16 << 10;        // at a time
constexpr std::size_t kCopiedBodyBytes = 16 << 10;  // up to here one buffer is cheaper than two
constexpr std::size_t kPieceBytes = 1 << 20;        // of a reply that comes from elsewhere
constexpr std::size_t kSinkPieceBytes = 1 << 20;    // of a body that goes elsewhere
constexpr std::size_t kLivePieceBytes = 16 << 10;   // of one that is written meanwhile
constexpr std::size_t kKeptBytes = 1 << 20;         // a larger body's memory is given back
constexpr int kRequestsPerTurn = 16;                // of a peer that pipelines
constexpr int kReadsPerTurn = 64;                   // of a body
constexpr auto kLinger = std::chrono::seconds(2);

std::optional<Method> to_method(std::string_view name) {
  for (const Method method : {Method::kGet, Method::kPost, Method::kPut, Method::kDelete,
                              Method::kPatch, Method::kHead, Method::kOptions}) {
    if (method_name(method) == name) return method;
  }
  return std::nullopt;
}

}  // namespace

Connection::Connection(Descriptor socket, std::string peer, Shared& shared, IoThread& io)
    : socket_(std::move(socket)), peer_(std::move(peer)), shared_(shared), io_(io) {
  ++shared_.connections;
}

Connection::~Connection() { --shared_.connections; }

void Connection::start() {
  last_activity_ = io_.loop.now();
  const Result<void> watched = io_.loop.watch(socket_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP,
                                              EventLoop::Trigger::kEdge, *this);
  if (!watched) {
    base::log_warning("http", "a connection is refused: {}", watched.error().message);
    close();
  }
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  set_idle(true);
  const bool in_pool = state_ == State::kHandler;
  state_ = State::kClosed;
  io_.loop.unwatch(socket_.get());
  socket_.close();
  upload_.reset();
  if (!in_pool) drop_sink();
  download_.reset();
  if (live_) response_.stream->source->close();
  live_ = false;
  const auto self = shared_from_this();
  io_.connections.erase(self);
  io_.loop.at_end_of_turn([self] {});
}

void Connection::set_idle(bool idle) {
  if (idle == idle_) return;
  idle_ = idle;
  const std::size_t running = io_.running.load(std::memory_order_relaxed);
  io_.running.store(idle ? running - 1 : running + 1, std::memory_order_release);
}

void Connection::check_timeout() {
  if (state_ == State::kHandler || state_ == State::kClosed)
    return;  // it takes as long as it takes
  if (live_ && shared_.draining) {
    response_.stream->source->close();
    return advance();
  }
  if (live_ && sent_ == out_.size()) return;  // nothing to say is not the peer's silence
  const auto silent = io_.loop.now() - last_activity_;
  const std::chrono::seconds limit(idle_ ? shared_.options.idle_timeout_seconds
                                         : shared_.options.request_timeout_seconds);
  if (silent >= (state_ == State::kLinger ? kLinger : limit) || (idle_ && shared_.draining))
    return close();
  if (idle_ && input_.empty()) input_.release();  // thousands may be waiting
}

void Connection::on_ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) peer_done_ = true;
  advance();
}

void Connection::advance() {
  // A peer that sends faster than we read must not keep the others waiting.
  for (int answered = 0, reads = 0;;) {
    if ((answered == kRequestsPerTurn && !input_.empty()) || reads == kReadsPerTurn)
      return advance_later();
    switch (state_) {
      case State::kHead:
        if (!read_head() && !fill()) return;
        break;
      case State::kBody:
        if (!read_body() && !fill()) return;
        ++reads;
        break;
      case State::kReply:
        if (!write_reply()) return;
        ++answered;
        break;
      case State::kLinger:
        input_.consume(input_.unread().size());
        if (!fill()) return;
        ++reads;
        break;
      case State::kHandler:
      case State::kClosed:
        return;
    }
  }
}

void Connection::advance_later() {
  io_.loop.at_end_of_turn([self = shared_from_this()] { self->advance(); });
}

bool Connection::fill() {
  if (!readable_) return false;
  const std::span<char> room = input_.room(state_ == State::kBody ? kBodyReadBytes : kReadBytes);
  ssize_t n = 0;
  do {
    n = ::recv(socket_.get(), room.data(), room.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    input_.commit(static_cast<std::size_t>(n));
    // Edge-triggered: a short read has emptied the socket, and what comes later is an edge again.
    // Only the end of the stream has had its edge already.
    if (static_cast<std::size_t>(n) < room.size() && !peer_done_) readable_ = false;
    if (state_ != State::kLinger) last_activity_ = io_.loop.now();
    return true;
  }
  if (n < 0 && errno == EAGAIN) {
    readable_ = false;
    return false;
  }
  close();  // a half request has nobody left to answer
  return false;
}

bool Connection::read_head() {
  while (input_.unread().starts_with("\r\n")) input_.consume(2);  // RFC 9112, 2.2
  const std::string_view received = input_.unread();
  if (received.empty()) return false;
  if (idle_) {
    set_idle(false);
    request_start_ = io_.loop.now();
    framing_ = {};  // the last request's views are gone
    route_ = nullptr;
    request_.headers.clear();
  }
  const Result<std::size_t> end = find_head_end(received, scanned_);
  if (!end) {
    refuse(end.error());
    return true;
  }
  if (*end > shared_.options.header_bytes_max ||
      (*end == 0 && received.size() > shared_.options.header_bytes_max)) {
    refuse(base::error(Code::kInvalidArgument, "the header is too large: header_bytes_max={}",
                       shared_.options.header_bytes_max));
    return true;
  }
  if (*end == 0) return false;
  request_bytes_ = *end;
  scanned_ = 0;
  Result<RequestHead> head = parse_head(received.substr(0, *end), request_.headers);
  if (head) {
    framing_ = *head;
    on_head();
  } else {
    refuse(head.error());
  }
  return true;
}

void Connection::on_head() {
  keep_alive_ = framing_.keep_alive;
  body_framing_ = BodyFraming(framing_);
  unread_body_ = !body_framing_.done();
  request_.path_params.clear();
  request_.queued_at = {};
  request_.body = {};
  request_.body_file.clear();
  request_.peer = peer_;
  request_.user.clear();
  request_.target = framing_.target;
  const std::string& prefix = shared_.options.path_prefix;
  if (request_.target.starts_with(prefix) && request_.target.substr(prefix.size()).starts_with('/'))
    request_.target.remove_prefix(prefix.size());
  request_.path = request_.target.substr(0, request_.target.find('?'));
  const std::optional<Method> method = to_method(framing_.method);
  if (!method) {
    return refuse(
        base::error(Code::kInvalidArgument, "unknown method: method={}", framing_.method));
  }
  request_.method = *method;

  if (std::optional<Response> reply = shared_.origin_policy.intercept(request_))
    return respond_unread(std::move(*reply));
  allowed_.clear();
  route_ = shared_.router.match(request_, allowed_);
  Guard* guard = shared_.router.guard();
  const bool is_open = guard == nullptr || (route_ != nullptr && route_->is_open);
  if (is_open || guard->recognize(request_)) return on_user();
  ask([this, guard] { return guard->check(route_, request_); }, &Connection::on_user);
}

void Connection::on_user() {
  if (route_ == nullptr) return respond_unread(shared_.router.no_route(request_, allowed_));
  if (route_->body != Route::Body::kFile || !route_->permit || shared_.router.guard() == nullptr)
    return expect_body();
  ask([this] { return shared_.router.refuse(*route_, request_); }, &Connection::expect_body);
}

void Connection::ask(std::function<std::optional<Response>()> question,
                     void (Connection::*go_on)()) {
  state_ = State::kHandler;
  const Result<void> submitted =
      shared_.data_pool.submit([self = shared_from_this(), question = std::move(question), go_on] {
        // Until it is back in its I/O thread, the connection is this thread's alone.
        std::optional<Response> refusal = self->catching(question);
        self->io_.loop.post([self, refusal = std::move(refusal), go_on]() mutable {
          if (self->state_ == State::kClosed) return;
          self->last_activity_ = self->io_.loop.now();
          if (refusal) {
            self->respond_unread(std::move(*refusal));
          } else {
            (self.get()->*go_on)();
          }
          self->advance();
        });
      });
  if (!submitted) {
    shared_.refused.add();
    respond_unread(refusal(submitted.error()));
  }
}

void Connection::expect_body() {
  const bool to_file = route_->body == Route::Body::kFile;
  body_limit_ = route_->body_bytes_max > 0 ? route_->body_bytes_max
                : to_file                  ? shared_.options.file_body_bytes_max
                                           : shared_.options.body_bytes_max;
  if (framing_.content_length.value_or(0) > body_limit_) {
    return refuse(
        base::error(Code::kResourceExhausted,
                    "the body is larger than this path takes: content_length={} body_bytes_max={}",
                    *framing_.content_length, body_limit_));
  }
  if (to_file && route_->open_sink) {
    Result<std::shared_ptr<BodySink>> sink = route_->open_sink(request_);
    if (!sink) return refuse(sink.error());
    request_.body_sink = std::move(*sink);
  }
  if (to_file && request_.body_sink == nullptr) {
    Result<FileUpload> upload =
        FileUpload::create(shared_.options.upload_folder / ("upload-" + shared_.random.hex(12)));
    if (!upload) return refuse(upload.error());
    upload_.emplace(std::move(*upload));
    request_.body_file = upload_->path();
  }
  const std::string_view behind = input_.unread().substr(request_bytes_);
  if (!to_file && !framing_.chunked && framing_.content_length.value_or(0) <= behind.size()) {
    // Nearly every request: all of it is here.
    request_.body = behind.substr(0, framing_.content_length.value_or(0));
    request_bytes_ += request_.body.size();
    return on_body_done();
  }
  if (framing_.expects_continue && behind.empty()) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    // Small enough for any socket that has nothing else to send; if not, the peer goes on by
    // itself.
    [[maybe_unused]] const ssize_t sent =
        ::send(socket_.get(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
  }
  // The head stays where it is, so that its views stay good; the body's pieces go through a buffer
  // of their own.
  std::swap(head_, input_);
  input_.append(head_.unread().substr(request_bytes_));
  request_bytes_ = 0;
  body_bytes_ = 0;
  body_.clear();
  state_ = State::kBody;
}

bool Connection::read_body() {
  const std::string_view received = input_.unread();
  std::string_view rest = received;
  while (!rest.empty() && !body_framing_.done()) {
    const Result<std::string_view> piece = body_framing_.next(rest);
    if (!piece) {
      refuse(piece.error());
      return true;
    }
    body_bytes_ += piece->size();
    if (body_bytes_ > body_limit_) {
      refuse(base::error(Code::kResourceExhausted,
                         "the body is larger than this path takes: body_bytes_max={}",
                         body_limit_));
      return true;
    }
    if (!upload_) {
      body_ += *piece;
    } else if (const Result<void> written = upload_->write(*piece); !written) {
      refuse(written.error());
      return true;
    }
  }
  input_.consume(received.size() - rest.size());
  const bool done = body_framing_.done();
  if (request_.body_sink && !body_.empty() && (done || body_.size() >= kSinkPieceBytes)) {
    write_to_sink();
    return true;
  }
  if (!done) return false;
  if (upload_) {
    upload_->finish();
  } else if (!request_.body_sink) {
    request_.body = body_;
  }
  on_body_done();
  return true;
}

void Connection::write_to_sink() {
  state_ = State::kHandler;
  const Result<void> submitted = shared_.data_pool.submit([self = shared_from_this()] {
    // Until it is back in its I/O thread, the connection is this thread's alone.
    Result<void> written = self->request_.body_sink->write(self->body_);
    self->body_.clear();
    self->io_.loop.post([self, written = std::move(written)] {
      if (self->state_ == State::kClosed) return;
      self->last_activity_ = self->io_.loop.now();
      if (written) {
        self->state_ = State::kBody;
      } else {
        self->respond_unread(self->refusal(written.error()));
      }
      self->advance();
    });
  });
  if (!submitted) {
    shared_.refused.add();
    respond_unread(refusal(submitted.error()));
  }
}

// A sink that is not done with undoes what it did, and that may take its time; here, if the pool is
// full.
void Connection::drop_sink() {
  if (request_.body_sink == nullptr) return;
  (void)shared_.data_pool.submit([sink = std::move(request_.body_sink)] {});
}

void Connection::on_body_done() {
  unread_body_ = false;
  state_ = State::kHandler;
  const Lane lane = route_->choose_lane ? route_->choose_lane(request_) : route_->lane;
  if (lane == Lane::kInline) return respond(call_handler());
  const Result<void> submitted = submit(lane, [self = shared_from_this()] {
    // Until it is back in its I/O thread, the connection is this thread's alone.
    self->prepare(self->call_handler());
    // Alone, the peer need not wait for the I/O thread's turn; of many, replies go out together.
    // Whatever comes of it, the I/O thread sends the rest.
    if (self->io_.running.load(std::memory_order_relaxed) == 1) (void)self->send_rest();
    self->io_.loop.post([self] {
      if (self->state_ == State::kClosed) return;
      self->last_activity_ = self->io_.loop.now();
      self->state_ = State::kReply;
      self->advance();
    });
  });
  if (!submitted) {
    shared_.refused.add();
    respond(refusal(submitted.error()));
  }
}

Result<void> Connection::submit(Lane lane, std::function<void()> work) {
  switch (lane) {
    case Lane::kScoring:
      request_.queued_at = std::chrono::steady_clock::now();
      return shared_.scoring_pool.submit(route_->queue(request_), std::move(work));
    case Lane::kControl:
      return shared_.control_pool.submit(std::move(work));
    case Lane::kData:
    case Lane::kInline:
      return shared_.data_pool.submit(std::move(work));
  }
  return base::error(Code::kInternal, "no such lane");
}

Response Connection::call_handler() {
  return *catching([this] { return std::optional(shared_.router.answer(*route_, request_)); });
}

std::optional<Response> Connection::catching(
    const std::function<std::optional<Response>()>& work) const {
  try {
    return work();
  } catch (const std::exception& e) {  // the net at the entry of a request
    base::log_error("http", "handler threw: path={} what={}", request_.path, e.what());
    return error_response(base::error(Code::kInternal, "internal error: {}", e.what()));
  }
}

void Connection::respond_unread(Response response) {
  if (unread_body_) keep_alive_ = false;
  respond(std::move(response));
}

void Connection::refuse(const base::Error& error) {
  keep_alive_ = false;
  unread_body_ = true;  // or more of what is no request
  Response response = refusal(error);
  if (error.code == Code::kResourceExhausted) response.status = 413;
  respond(std::move(response));
}

Response Connection::refusal(const base::Error& error) const {
  return route_ != nullptr && route_->refuse ? route_->refuse(request_, error)
                                             : error_response(error);
}

// One a second at most: a database that is away fails every request.
void Connection::tell_failure(const Response& response) const {
  const std::int64_t second = std::chrono::duration_cast<std::chrono::seconds>(
                                  std::chrono::steady_clock::now().time_since_epoch())
                                  .count();
  if (shared_.failure_told.exchange(second) == second) return;
  base::log_warning("http", "answered: status={} method={} path={} body={}", response.status,
                    method_name(request_.method), request_.path,
                    std::string_view(response.body).substr(0, kFailureShown));
}

void Connection::respond(Response response) {
  if (state_ == State::kClosed) return;
  if (response.status >= 500) tell_failure(response);
  prepare(std::move(response));
  state_ = State::kReply;
}

void Connection::prepare(Response response) {
  response_ = std::move(response);
  upload_.reset();  // a handler that wanted the file has moved it away
  drop_sink();
  if (shared_.draining) keep_alive_ = false;
  const bool has_length = !response_.stream || response_.stream->bytes;
  if (!has_length && framing_.minor_version == 0) keep_alive_ = false;
  if (response_.file) {
    Result<FileDownload> download = FileDownload::open(*response_.file);
    if (download) {
      download_.emplace(std::move(*download));
    } else {
      response_ = error_response(download.error());
    }
  }
  shared_.origin_policy.protect(request_, response_);
  out_.clear();
  sent_ = 0;
  append_reply_head(out_, response_,
                    {.length = response_.file     ? response_.file->bytes
                               : response_.stream ? response_.stream->bytes.value_or(0)
                                                  : response_.body.size(),
                     .body = has_length                    ? ReplyFraming::Body::kLength
                             : framing_.minor_version == 0 ? ReplyFraming::Body::kUntilClose
                                                           : ReplyFraming::Body::kChunked,
                     .keep_alive = keep_alive_,
                     .minor_version = framing_.minor_version});
  if (framing_.method == "HEAD" || response_.status == 204 || response_.status == 304) {
    response_.body.clear();
    response_.stream.reset();
    download_.reset();
  } else if (response_.stream) {
    live_ = response_.stream->source->wake_with([weak = weak_from_this(), &loop = io_.loop] {
      loop.post([weak] {
        if (const auto self = weak.lock()) self->advance();
      });
    });
    read_whole_ = !live_ && response_.stream->bytes == 0;
  } else if (response_.body.size() <= kCopiedBodyBytes) {
    out_ += response_.body;
    response_.body.clear();
  }
}

Connection::Sent Connection::send_rest() {
  const std::size_t total = out_.size() + response_.body.size();
  while (sent_ < total) {
    ssize_t n = 0;
    if (response_.body.empty()) {
      n = ::send(socket_.get(), out_.data() + sent_, total - sent_, MSG_NOSIGNAL);
    } else {
      const std::size_t of_head = std::min(sent_, out_.size()), of_body = sent_ - of_head;
      std::array<iovec, 2> parts{
          iovec{out_.data() + of_head, out_.size() - of_head},
          iovec{response_.body.data() + of_body, response_.body.size() - of_body}};
      msghdr message{.msg_iov = parts.data(), .msg_iovlen = parts.size()};
      n = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    }
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      return errno == EAGAIN ? Sent::kFull : Sent::kFailed;
    }
  }
  return Sent::kAll;
}

bool Connection::write_reply() {
  do {
    const std::size_t sent_before = sent_;
    const Sent sent = send_rest();
    if (sent_ > sent_before) last_activity_ = io_.loop.now();
    switch (sent) {
      case Sent::kFull:
        return false;
      case Sent::kFailed:
        close();
        return false;
      case Sent::kAll:
        break;
    }
    if (download_) {
      switch (download_->send(socket_.get())) {
        case FileDownload::Progress::kSocketFull:
          last_activity_ = io_.loop.now();
          return false;
        case FileDownload::Progress::kTurnOver:
          last_activity_ = io_.loop.now();
          advance_later();
          return false;
        case FileDownload::Progress::kFailed:
          close();  // the peer must see a broken reply
          return false;
        case FileDownload::Progress::kDone:
          download_.reset();
          break;
      }
    }
    if (read_whole_) {
      on_reply_done();
      return true;
    }
  } while (next_piece());
  return false;
}

bool Connection::next_piece() {
  if (!live_) {
    fetch_piece();
    return false;
  }
  if (peer_done_) {  // half closed is gone: no other sign comes until something is sent
    close();
    return false;
  }
  std::array<char, kLivePieceBytes> piece;
  BodySource& source = *response_.stream->source;
  const Result<std::size_t> n = source.read(piece);
  if (!n) {
    base::log_warning("http", "a reply broke off: path={} why={}", request_.path,
                      n.error().message);
    close();
    return false;
  }
  read_whole_ = source.is_ended();
  if (*n == 0 && !read_whole_) return false;
  const std::string_view bytes(piece.data(), *n);
  out_.clear();
  sent_ = 0;
  if (framing_.minor_version == 0) {
    out_ = bytes;
  } else {
    if (!bytes.empty()) out_ = fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
    if (read_whole_) out_ += "0\r\n\r\n";
  }
  return true;
}

void Connection::fetch_piece() {
  state_ = State::kHandler;
  const Result<void> submitted = shared_.data_pool.submit([self = shared_from_this()] {
    // Until it is back in its I/O thread, the connection is this thread's alone.
    StreamBody& stream = *self->response_.stream;
    self->out_.resize(std::min<std::uint64_t>(*stream.bytes, kPieceBytes));
    const Result<std::size_t> n = stream.source->read(self->out_);
    if (!n)
      base::log_warning("http", "a reply broke off: path={} why={}", self->request_.path,
                        n.error().message);
    self->out_.resize(n.value_or(0));
    *stream.bytes -= self->out_.size();
    self->read_whole_ = *stream.bytes == 0;
    self->io_.loop.post([self] {
      if (self->state_ == State::kClosed) return;
      self->last_activity_ = self->io_.loop.now();
      if (self->out_.empty()) return self->close();  // the peer must see a broken reply
      self->sent_ = 0;
      self->state_ = State::kReply;
      self->advance();
    });
  });
  if (!submitted) {
    shared_.refused.add();
    close();
  }
}

void Connection::on_reply_done() {
  const auto now = std::chrono::steady_clock::now();
  shared_.requests.add();
  shared_.seconds.observe(std::chrono::duration<double>(now - request_start_).count());
  last_activity_ = now;
  set_idle(true);
  if (live_) response_.stream->source->close();
  live_ = false;
  if (!keep_alive_) {
    if (!unread_body_) return close();
    // Closing with unread bytes would reset the connection, and the peer might never see the reply.
    ::shutdown(socket_.get(), SHUT_WR);
    state_ = State::kLinger;
    return;
  }
  input_.consume(request_bytes_);
  request_bytes_ = 0;
  head_.release();
  if (body_.capacity() > kKeptBytes) std::string().swap(body_);
  if (response_.body.capacity() > kKeptBytes) response_.body = {};
  if (out_.capacity() > kKeptBytes) std::string().swap(out_);
  response_.stream.reset();
  state_ = State::kHead;
}

}  // namespace slipway::http
