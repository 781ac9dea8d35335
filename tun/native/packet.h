// One read of the TUN device: an IP packet, or a super-packet that the kernel left for us to cut (TSO, USO) behind a
// struct virtio_net_hdr. Layout of the header: linux/virtio_net.h, the one without num_buffers, in host byte order.
//
//     0      1         2..3     4..5      6..7        8..9
//     flags  gso_type  hdr_len  gso_size  csum_start  csum_offset    then the IP packet
//
// Pure bytes in, bytes out: no allocation, no state, no system call. What the bytes say is believed only where checked.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

constexpr size_t kVnetHeader = 10;  // struct virtio_net_hdr
constexpr size_t kFrameHeader = 8;  // SSTP 4 (MS-SSTP 2.2.3) + PPP FF 03 00 21/57 (RFC 1662 3.1)
constexpr size_t kMaxSuperPacket = kVnetHeader + 65535 + 40;
constexpr size_t kMaxFramedPacket = 4095 - kFrameHeader;  // the SSTP length has 12 bits and counts itself

// linux/virtio_net.h; named here so that the engine and its fuzzers compile without kernel headers.
constexpr uint8_t kVnetNeedsCsum = 1;
constexpr uint8_t kVnetGsoNone = 0;
constexpr uint8_t kVnetGsoTcpV4 = 1;
constexpr uint8_t kVnetGsoTcpV6 = 4;
constexpr uint8_t kVnetGsoUdpL4 = 5;
constexpr uint8_t kVnetGsoEcn = 0x80;

// What stands in front of the packet; every field, in host byte order.
struct VnetHeader {
  uint8_t flags = 0;
  uint8_t gso_type = kVnetGsoNone;
  uint16_t header_length = 0;
  uint16_t gso_size = 0;
  uint16_t csum_start = 0;
  uint16_t csum_offset = 0;

  static VnetHeader Load(const uint8_t* bytes);  // kVnetHeader bytes
  void Store(uint8_t* bytes) const;
};

enum class Gso : uint8_t { kNone, kTcp, kUdp };

// A view: owns nothing, valid as long as the bytes are. May be kept by value beside them.
class SuperPacket {
 public:
  // With `has_vnet` a virtio header stands first; without, `bytes` are one IP packet with complete checksums. False for
  // anything that is no IP packet or lies about its lengths. Bytes behind a plain packet's own length are cut off.
  // `bytes` is not const because ClampMss writes there; nothing else does.
  static bool Parse(uint8_t* bytes, size_t length, bool has_vnet, SuperPacket* out);

  Gso gso() const { return gso_; }
  bool is_ipv6() const { return is_ipv6_; }
  const uint8_t* ip() const { return ip_; }
  size_t ip_length() const { return ip_length_; }
  const uint8_t* destination() const { return ip_ + (is_ipv6_ ? 24 : 16); }  // 4 or 16 bytes
  // Equal for all packets of a flow: addresses, protocol and ports; for fragments addresses, protocol and
  // identification (RFC 791 2.3); for others addresses and protocol. Not secret: peers may choose collisions.
  uint32_t flow_hash() const { return flow_hash_; }

  // At least 1. The payload is cut into pieces of gso_size.
  uint16_t segments() const { return segments_; }
  // Length of the IP packet that segment i becomes; all but the last have the same, the largest one.
  size_t SegmentBytes(uint16_t i) const;
  // All segments with their frame headers, in bytes.
  size_t FramesBytes() const;
  // Writes frame header and IP packet of segment i, every length, IP id and checksum right, to `out`, which has room
  // for kFrameHeader + SegmentBytes(i). Returns the bytes written, or 0 if i is none or the packet is longer than
  // kMaxFramedPacket. Any order, any number of times.
  size_t WriteFrame(uint16_t i, uint8_t* out) const;

  // RFC 3168 5: the sender said that it takes a mark for a drop (ECT or CE).
  bool is_ecn_capable() const { return (ip_[1] & (is_ipv6_ ? 0x30 : 0x03)) != 0; }
  // Lowers the MSS option of a SYN, in place, to what fits `mtu` bytes of IP packet. Returns whether it changed.
  bool ClampMss(uint16_t mtu);

 private:
  bool ParseIpv4();
  bool ParseIpv6();
  void ParseTransport(size_t offset);
  bool ParseVnet(const VnetHeader& header);
  bool ParsePartialChecksum(const VnetHeader& header);
  bool ParseTcpSegments();
  bool ParseUdpSegments(bool needs_csum);
  void SumHeaders();
  void WriteWhole(uint8_t* out) const;
  void WriteIpHeader(uint16_t i, size_t ip_bytes, uint8_t* out) const;
  void WriteTcp(uint16_t i, const uint8_t* payload, size_t payload_bytes, uint8_t* out) const;
  void WriteUdp(const uint8_t* payload, size_t payload_bytes, uint8_t* out) const;

  uint8_t* ip_ = nullptr;
  uint32_t ip_length_ = 0;
  uint32_t flow_hash_ = 0;
  uint32_t csum_start_ = 0;  // without GSO: where a partial checksum begins and is stored; both 0 if it is complete
  uint32_t csum_at_ = 0;
  uint64_t ip_sum_ = 0;         // IPv4 header without total length, id and checksum
  uint64_t transport_sum_ = 0;  // pseudo-header without length, transport header without what differs per segment
  uint16_t transport_ = 0;      // offset of what follows the IP headers; 0 in a fragment and where that is unknown
  uint16_t payload_ = 0;        // with GSO: offset of the payload
  uint16_t gso_size_ = 0;
  uint16_t segments_ = 1;
  uint8_t protocol_ = 0;  // behind IPv6 extension headers
  Gso gso_ = Gso::kNone;
  bool is_ipv6_ = false;
  bool keeps_zero_checksum_ = false;
};

// Sets Congestion Experienced (RFC 3168 5) in an IP packet of an ECN-capable flow, with the IPv4 header's checksum.
void MarkCongestion(uint8_t* packet);

}  // namespace tun
