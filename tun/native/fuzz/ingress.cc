// A packet of a peer: a verdict that lets it pass means that its own length lies within what was given, and the MSS
// clamp says truly whether it changed anything.
#include "../ingress.h"
#include "check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 46) return 0;
  tun::Ipv6Client client;
  client.has_prefix = (data[0] & 1) != 0;
  std::memcpy(client.prefix, data + 2, 8);
  std::memcpy(client.link_local, data + 10, 16);
  std::memcpy(client.server_link_local, data + 26, 16);
  const uint32_t address = static_cast<uint32_t>(data[42]) << 24 | static_cast<uint32_t>(data[43]) << 16 |
                           static_cast<uint32_t>(data[44]) << 8 | data[45];
  const size_t length = size - 46;
  const auto packet = tun::Exactly(data + 46, length);

  if (tun::JudgeIpv4(packet.get(), length, address) != tun::Verdict::kDropMalformed) {
    tun::Require(tun::Ipv4Length(packet.get()) <= length && tun::Ipv4Length(packet.get()) >= 20);
    tun::Require(tun::JudgeIpv4FromServer(packet.get(), length) == tun::Verdict::kForward);
  }
  if (tun::JudgeIpv6(packet.get(), length, client) != tun::Verdict::kDropMalformed) {
    tun::Require(tun::Ipv6Length(packet.get()) <= length);
    tun::Require(tun::JudgeIpv6FromServer(packet.get(), length) == tun::Verdict::kForward);
  }
  const uint16_t mtu = static_cast<uint16_t>(data[1] * 16);
  const auto clamped = tun::Exactly(packet.get(), length);
  const bool is_changed = tun::ClampMss(clamped.get(), length, mtu);
  tun::Require(is_changed || std::memcmp(clamped.get(), packet.get(), length) == 0);
  if (is_changed) tun::Require(!tun::ClampMss(clamped.get(), length, mtu));
  return 0;
}
