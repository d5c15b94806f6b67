#include "app/rooms.h"

namespace slipway::app {

struct Application::Rooms::Impl {
  explicit Impl(const Foundation& foundation) : base(foundation) {}
  const Foundation base;
};

Application::Rooms::Rooms(const Foundation& foundation)
    : impl_(std::make_unique<Impl>(foundation)) {}
Application::Rooms::~Rooms() = default;

std::vector<store::RoomMigrations> Application::Rooms::migrations() { return {}; }

Result<void> Application::Rooms::open() { return {}; }

void Application::Rooms::add_routes(http::Router&) {}

void Application::Rooms::start(const std::string&, const OnStop&) {}

}  // namespace slipway::app
