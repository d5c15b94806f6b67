#include "base/ip_address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace slipway::base {
namespace {

struct Range4 {
  std::uint32_t network;
  int bits;
};
// IANA's special-purpose registry, without what is globally reachable.
constexpr Range4 kNotPublic4[] = {
    {0x00000000, 8},   // this network
    {0x0A000000, 8},   // private
    {0x64400000, 10},  // shared by carriers
    {0x7F000000, 8},   // loopback
    {0xA9FE0000, 16},  // link-local
    {0xAC100000, 12},  // private
    {0xC0000000, 24},  // protocol assignments
    {0xC0000200, 24},  // documentation
    {0xC0A80000, 16},  // private
    {0xC6120000, 15},  // benchmarks
    {0xC6336400, 24},  // documentation
    {0xCB007100, 24},  // documentation
    {0xE0000000, 4},   // multicast
    {0xF0000000, 4},   // reserved, broadcast
};

bool is_public4(std::uint32_t address) {
  for (const Range4& range : kNotPublic4) {
    if ((address ^ range.network) >> (32 - range.bits) == 0) return false;
  }
  return true;
}

using Bytes6 = std::array<std::uint8_t, 16>;

struct Range6 {
  Bytes6 network;
  int bits;
};
constexpr Range6 kNotPublic6[] = {
    {{}, 96},                                    // unspecified, loopback, compatible
    {{0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}, 48},  // local NAT64
    {{0x01}, 64},                                // discard
    {{0x20, 0x01}, 23},                          // protocol assignments
    {{0x20, 0x01, 0x0D, 0xB8}, 32},              // documentation
    {{0x3F, 0xFF}, 20},                          // documentation
    {{0x5F}, 16},                                // segment routing
    {{0xFC}, 7},                                 // unique local
    {{0xFE, 0x80}, 10},                          // link-local
    {{0xFE, 0xC0}, 10},                          // site-local
    {{0xFF}, 8},                                 // multicast
};

bool begins_with(const Bytes6& address, const Bytes6& network, int bits) {
  for (int i = 0; i < bits; ++i) {
    const int mask = 0x80 >> (i % 8);
    if (((address[static_cast<std::size_t>(i / 8)] ^ network[static_cast<std::size_t>(i / 8)]) &
         mask) != 0)
      return false;
  }
  return true;
}

std::uint32_t word(const Bytes6& address, std::size_t first) {
  return std::uint32_t{address[first]} << 24 | std::uint32_t{address[first + 1]} << 16 |
         std::uint32_t{address[first + 2]} << 8 | std::uint32_t{address[first + 3]};
}

bool is_public6(const Bytes6& address) {
  constexpr Bytes6 kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  constexpr Bytes6 kNat64{0x00, 0x64, 0xFF, 0x9B};
  constexpr Bytes6 kSixToFour{0x20, 0x02};
  if (begins_with(address, kMapped, 96) || begins_with(address, kNat64, 96))
    return is_public4(word(address, 12));
  if (begins_with(address, kSixToFour, 16)) return is_public4(word(address, 2));
  for (const Range6& range : kNotPublic6) {
    if (begins_with(address, range.network, range.bits)) return false;
  }
  return true;
}

}  // namespace

bool is_public_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return is_public4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    Bytes6 bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return is_public6(bytes);
  }
  return false;
}

}  // namespace slipway::base
