// Which IP addresses belong to the internet at large.
#pragma once

struct sockaddr;

namespace slipway::base {

// False for loopback, private, link-local, shared, documentation, multicast and reserved addresses,
// also when an IPv6 address wraps one (mapped, NAT64, 6to4), and for what is no IP address.
bool is_public_address(const sockaddr* address);

}  // namespace slipway::base
