#include "ingress.h"

#include <cstring>

#include "checksum.h"

namespace tun {

namespace {

constexpr size_t kIpv4Header = 20;
constexpr size_t kIpv6Header = 40;
constexpr size_t kTcpHeader = 20;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kSyn = 0x02;
constexpr int kMostExtensionHeaders = 8;

bool IsZero(const uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

bool IsExtensionHeader(uint8_t type) { return type == 0 || type == 43 || type == 44 || type == 51 || type == 60; }

bool IsForbiddenIpv6(const uint8_t* address) {
  if (address[0] == 0xfe) return (address[1] & 0xc0) == 0x80;
  if (!IsZero(address, 10)) return false;
  const uint16_t last = Load16(address + 10);
  return last == 0 || last == 0xffff;
}

// A packet to the server's link-local address or to a group.
Verdict JudgeOnLink(const uint8_t* packet, size_t length, bool is_multicast, bool is_from_nowhere) {
  const uint8_t next_header = packet[6];
  if (next_header == kIcmpv6 && length > kIpv6Header) {
    switch (packet[kIpv6Header]) {
      case 133:  // Router Solicitation
      case 135:  // Neighbor Solicitation
        return Verdict::kLinkScope;
      case 136:  // Neighbor Advertisement
        return is_from_nowhere ? Verdict::kDropSource : Verdict::kLinkScope;
      case 134:  // Router Advertisement
      case 137:  // Redirect
        return Verdict::kDropSource;
    }
  }
  if (is_multicast) return Verdict::kDropGroup;
  if (is_from_nowhere) return Verdict::kDropSource;
  return IsExtensionHeader(next_header) ? Verdict::kDropDestination : Verdict::kForward;
}

// Length of the extension header at `offset`, or 0 if TCP can't be behind it in this packet.
size_t ExtensionLength(const uint8_t* packet, size_t offset, size_t end, uint8_t type) {
  if (offset + 8 > end) return 0;
  switch (type) {
    case 0:
    case 43:
    case 60:
      return (static_cast<size_t>(packet[offset + 1]) + 1) << 3;
    case 44:
      return Load16(packet + offset + 2) >> 3 == 0 ? 8 : 0;
    default:
      return 0;
  }
}

uint16_t Swap(uint16_t word) { return static_cast<uint16_t>((word << 8) | (word >> 8)); }

// RFC 1624 equation 3; an option at an odd offset counts with its bytes swapped (RFC 1071 2 B).
void SetMss(uint8_t* tcp, size_t offset, uint16_t value, TcpChecksum checksum) {
  uint16_t before = Load16(tcp + offset);
  Store16(tcp + offset, value);
  if (checksum == TcpChecksum::kPartial) return;
  if ((offset & 1) == 1) {
    before = Swap(before);
    value = Swap(value);
  }
  const uint16_t old = Load16(tcp + 16);
  const WordSum sum = static_cast<uint32_t>(static_cast<uint16_t>(~old)) + static_cast<uint16_t>(~before) + value;
  Store16(tcp + 16, FinishSum(sum));
}

// `length` is what the packet has from the TCP header on, by its own lengths.
bool ClampTcp(uint8_t* tcp, size_t length, int most, TcpChecksum checksum) {
  if (length < kTcpHeader || most <= 0 || (tcp[13] & kSyn) == 0) return false;
  const size_t end = static_cast<size_t>(tcp[12] >> 4) << 2;
  if (end > length) return false;

  bool is_changed = false;
  size_t offset = kTcpHeader;
  while (offset < end) {
    const uint8_t kind = tcp[offset];
    if (kind == 0) break;  // End of Option List
    if (kind == 1) {       // No-Operation
      offset += 1;
      continue;
    }
    if (offset + 1 >= end) break;
    const size_t option = tcp[offset + 1];
    if (option < 2 || offset + option > end) break;
    if (kind == 2 && option == 4 && Load16(tcp + offset + 2) > most) {
      SetMss(tcp, offset + 2, static_cast<uint16_t>(most), checksum);
      is_changed = true;
    }
    offset += option;
  }
  return is_changed;
}

bool ClampIpv4(uint8_t* packet, size_t length, uint16_t mtu, TcpChecksum checksum) {
  const size_t header = static_cast<size_t>(packet[0] & 0x0f) << 2;
  if (header < kIpv4Header || header + kTcpHeader > length) return false;
  if (packet[9] != kTcp || (Load16(packet + 6) & 0x1fff) != 0) return false;
  const size_t total = Ipv4Length(packet);
  const size_t end = total < length ? total : length;
  if (end < header) return false;
  return ClampTcp(packet + header, end - header, mtu - static_cast<int>(kIpv4Header + kTcpHeader), checksum);
}

bool ClampIpv6(uint8_t* packet, size_t length, uint16_t mtu, TcpChecksum checksum) {
  if (length < kIpv6Header + kTcpHeader) return false;
  const size_t total = Ipv6Length(packet);
  const size_t end = total < length ? total : length;
  uint8_t next = packet[6];
  size_t offset = kIpv6Header;
  for (int i = 0; i <= kMostExtensionHeaders; i++) {
    if (next == kTcp) {
      if (offset > end) return false;
      return ClampTcp(packet + offset, end - offset, mtu - static_cast<int>(kIpv6Header + kTcpHeader), checksum);
    }
    const size_t extension = ExtensionLength(packet, offset, end, next);
    if (extension == 0) return false;
    next = packet[offset];
    offset += extension;
  }
  return false;
}

}  // namespace

size_t Ipv4Length(const uint8_t* packet) { return Load16(packet + 2); }

size_t Ipv6Length(const uint8_t* packet) { return kIpv6Header + Load16(packet + 4); }

Verdict JudgeIpv4FromServer(const uint8_t* packet, size_t length) {
  if (length < kIpv4Header || packet[0] >> 4 != 4) return Verdict::kDropMalformed;
  const size_t header = static_cast<size_t>(packet[0] & 0x0f) << 2;
  const size_t total = Ipv4Length(packet);
  if (header < kIpv4Header || total < header || total > length) return Verdict::kDropMalformed;
  return Verdict::kForward;
}

Verdict JudgeIpv6FromServer(const uint8_t* packet, size_t length) {
  if (length < kIpv6Header || packet[0] >> 4 != 6) return Verdict::kDropMalformed;
  return Ipv6Length(packet) > length ? Verdict::kDropMalformed : Verdict::kForward;
}

Verdict JudgeIpv4(const uint8_t* packet, size_t length, uint32_t client_address) {
  if (JudgeIpv4FromServer(packet, length) != Verdict::kForward) return Verdict::kDropMalformed;
  if (Load32(packet + 12) != client_address) return Verdict::kDropSource;

  const uint32_t destination = Load32(packet + 16);
  const uint32_t net = destination >> 24;
  if (net == 0 || net == 127) return Verdict::kDropDestination;
  if (destination == 0xffffffff || (net >= 224 && net < 240)) return Verdict::kDropGroup;
  return net >= 240 ? Verdict::kDropDestination : Verdict::kForward;
}

Verdict JudgeIpv6(const uint8_t* packet, size_t length, const Ipv6Client& client) {
  if (JudgeIpv6FromServer(packet, length) != Verdict::kForward) return Verdict::kDropMalformed;

  const uint8_t* source = packet + 8;
  const uint8_t* destination = packet + 24;
  const bool is_multicast = destination[0] == 0xff;
  const bool is_to_server = std::memcmp(destination, client.server_link_local, 16) == 0;
  const bool is_from_nowhere = IsZero(source, 16);
  const bool is_from_link_local = !is_from_nowhere && std::memcmp(source, client.link_local, 16) == 0;
  const bool is_from_prefix = client.has_prefix && std::memcmp(source, client.prefix, 8) == 0;
  if (!is_from_nowhere && !is_from_link_local && !is_from_prefix) return Verdict::kDropSource;

  if (is_multicast || is_to_server) return JudgeOnLink(packet, Ipv6Length(packet), is_multicast, is_from_nowhere);
  if (is_from_nowhere) return Verdict::kDropSource;
  if (IsForbiddenIpv6(destination) || is_from_link_local) return Verdict::kDropDestination;
  return Verdict::kForward;
}

bool ClampMss(uint8_t* packet, size_t length, uint16_t mtu, TcpChecksum checksum) {
  if (length == 0) return false;
  switch (packet[0] >> 4) {
    case 4:
      return ClampIpv4(packet, length, mtu, checksum);
    case 6:
      return ClampIpv6(packet, length, mtu, checksum);
    default:
      return false;
  }
}

}  // namespace tun
