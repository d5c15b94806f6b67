// One connection of the server. Inside api/http only.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "api/http/event_loop.h"
#include "api/http/file_transfer.h"
#include "api/http/origin_policy.h"
#include "api/http/read_buffer.h"
#include "api/http/request_parser.h"
#include "api/http/server.h"
#include "base/fair_pool.h"
#include "base/thread_pool.h"

namespace slipway::http {

// What every connection needs from the server.
struct Shared {
  const ServerOptions& options;
  const OriginPolicy& origin_policy;
  const Router& router;
  base::Random& random;
  base::ThreadPool& data_pool;
  base::ThreadPool& control_pool;
  base::FairPool& scoring_pool;
  base::Counter& requests;
  base::Counter& refused;
  base::Histogram& seconds;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::int64_t> failure_told{-1};  // the second of the last line about one in the log
};

class Connection;

// One I/O thread: its loop and the connections that live in it, touched by that thread only.
struct IoThread {
  EventLoop loop;
  std::unordered_set<std::shared_ptr<Connection>> connections;
  // Requests between their first byte and the last byte of the reply: written by this thread, read
  // by the one that stops the server.
  std::atomic<std::size_t> running{0};
};

// Lives in its I/O thread, which holds it until close(); a pool that runs its handler holds it too.
// One request at a time, in the order they came; nothing more is read meanwhile, so that a peer who
// sends faster than we answer waits.
class Connection final : public EventLoop::Source, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Descriptor socket, std::string peer, Shared& shared, IoThread& io);
  ~Connection();

  void start();
  void on_ready(std::uint32_t events) override;
  // Closes when it is idle or silent too long, or idle while the server drains. Called once a
  // second on the I/O thread.
  void check_timeout();
  void close();

 private:
  enum class State {
    kHead,     // reading a head; idle until its first byte
    kBody,     // reading its body
    kHandler,  // a handler runs
    kReply,    // sending
    kLinger,   // the last reply is sent; what still comes is dropped, so that the peer can read it
    kClosed
  };

  void set_idle(bool idle);
  void advance();        // does what can be done without waiting
  void advance_later();  // when the others have had their turn
  bool read_head();      // the readers: false: bytes are missing
  bool read_body();
  void write_to_sink();  // what has gathered, on the data pool; then reading goes on
  void drop_sink();
  void on_head();  // picks the route and finds out who asks, or refuses
  void on_user();  // whether they may send a file, or that there is no such route
  // What takes longer, on the data pool, and before the body is read: who may not send it shall not
  // fill the disk. `question` gives a refusal, or it goes on.
  void ask(std::function<std::optional<Response>()> question, void (Connection::*go_on)());
  void expect_body();
  void on_body_done();
  Result<void> submit(Lane lane, std::function<void()> work);
  Response call_handler();
  // The net for what `work` throws.
  std::optional<Response> catching(const std::function<std::optional<Response>()>& work) const;
  void respond(Response response);
  void tell_failure(const Response& response) const;
  void prepare(Response response);         // what respond() does but for the state
  void respond_unread(Response response);  // before the body, if there is one, was read
  void refuse(const base::Error& error);   // and close: the rest of the request is not read
  Response refusal(const base::Error& error) const;  // in the words of the route, if there is one
  bool write_reply();                                // false: the socket is full
  bool next_piece();  // of a reply that comes from elsewhere; false: later
  void fetch_piece();
  void on_reply_done();

  // The socket. TLS would go in here.
  bool fill();  // false: nothing there now, or closed
  enum class Sent { kAll, kFull, kFailed };
  Sent send_rest();

  Descriptor socket_;
  const std::string peer_;
  Shared& shared_;
  IoThread& io_;

  State state_ = State::kHead;
  bool idle_ = true;
  bool readable_ = true;    // may have bytes: unknown until a read says otherwise
  bool peer_done_ = false;  // it has sent its last byte
  ReadBuffer input_;
  std::size_t scanned_ = 0;  // of an incomplete head

  // The request that is read or answered. Its views point into input_, or into head_ when the body
  // did not come with the head.
  ReadBuffer head_;
  std::size_t request_bytes_ = 0;  // at the front of input_, to be consumed after the reply
  RequestHead framing_;
  BodyFraming body_framing_;
  Request request_;
  const Route* route_ = nullptr;
  std::vector<Method> allowed_;  // the path's other methods, without a route
  std::uint64_t body_limit_ = 0, body_bytes_ = 0;
  std::string body_;  // when it came in pieces; with a sink those that it has not had
  std::optional<FileUpload> upload_;
  bool keep_alive_ = true;
  bool unread_body_ = false;

  Response response_;
  std::string out_;  // the head of the reply and a small body
  std::size_t sent_ = 0;
  std::optional<FileDownload> download_;
  bool live_ = false;       // the reply's stream wakes us
  bool read_whole_ = true;  // nothing more comes from the stream

  std::chrono::steady_clock::time_point request_start_, last_activity_;
};

}  // namespace slipway::http
