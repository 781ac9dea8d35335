// What a peer may send into the network: the C++ twin of ip/source-check.ts and ip/mss-clamp.ts, where rules and sources
// are explained. Same verdict, same change, for any bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

// The numbers are those of Verdict in ip/source-check.ts.
enum class Verdict : uint8_t {
  kForward = 0,
  kDropSource = 1,
  kDropDestination = 2,
  kDropMalformed = 3,
  kDropGroup = 4,
  kLinkScope = 5,
};

struct Ipv6Client {
  uint8_t prefix[8];  // counts only with has_prefix
  bool has_prefix;
  uint8_t link_local[16];
  uint8_t server_link_local[16];
};

// Judges what stands behind PPP protocol 0x0021 or 0x0057, `length` bytes. After kForward and kLinkScope the packet is
// to be cut to Ipv4Length or Ipv6Length.
Verdict JudgeIpv4(const uint8_t* packet, size_t length, uint32_t client_address);
Verdict JudgeIpv6(const uint8_t* packet, size_t length, const Ipv6Client& client);
// The peer is the network (`from-server` of datapath/ingress.ts): any whole IP packet is kForward, else kDropMalformed.
Verdict JudgeIpv4FromServer(const uint8_t* packet, size_t length);
Verdict JudgeIpv6FromServer(const uint8_t* packet, size_t length);

// The packet's length by its own header; not more than what was judged if the verdict was not kDropMalformed.
size_t Ipv4Length(const uint8_t* packet);
size_t Ipv6Length(const uint8_t* packet);

enum class TcpChecksum : uint8_t {
  kComplete,  // is mended
  kPartial,   // holds only the pseudo-header's sum, which no option changes
};

// Lowers the MSS option of a TCP SYN to what fits `mtu` bytes of IP packet. Returns whether the packet was changed.
bool ClampMss(uint8_t* packet, size_t length, uint16_t mtu, TcpChecksum checksum = TcpChecksum::kComplete);

}  // namespace tun
