#include "packet.h"

#include <cstring>

#include "checksum.h"
#include "flow_hash.h"
#include "ingress.h"

namespace tun {

namespace {

constexpr size_t kIpv6Header = 40;
constexpr size_t kTcpHeader = 20;
constexpr size_t kUdpHeader = 8;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr size_t kTcpChecksumAt = 16;
constexpr size_t kUdpChecksumAt = 6;
constexpr uint8_t kFin = 0x01;
constexpr uint8_t kPsh = 0x08;
constexpr uint8_t kCwr = 0x80;
// Where an IPv6 packet has more, it is a flow by its addresses alone.
constexpr int kMostExtensionHeaders = 8;

void WriteFrameHeader(size_t ip_bytes, bool is_ipv6, uint8_t* out) {
  out[0] = 0x10;  // version 1.0, data
  out[1] = 0x00;
  Store16(out + 2, static_cast<uint16_t>(kFrameHeader + ip_bytes));
  out[4] = 0xff;
  out[5] = 0x03;
  out[6] = 0x00;
  out[7] = is_ipv6 ? 0x57 : 0x21;
}

}  // namespace

// The field is the low two bits of IPv4's second octet and of IPv6's traffic class (RFC 8200 3), of which the low half
// is the high half of the second octet.
void MarkCongestion(uint8_t* packet) {
  if (packet[0] >> 4 == 6) {
    packet[1] |= 0x30;
    return;
  }
  const uint16_t before = LoadWord(packet);
  packet[1] |= 0x03;
  // RFC 1624 equation 3
  const WordSum sum = static_cast<uint32_t>(static_cast<uint16_t>(~LoadWord(packet + 10))) +
                      static_cast<uint16_t>(~before) + LoadWord(packet);
  StoreWord(packet + 10, FinishSum(sum));
}

VnetHeader VnetHeader::Load(const uint8_t* bytes) {
  VnetHeader header;
  header.flags = bytes[0];
  header.gso_type = bytes[1];
  header.header_length = LoadWord(bytes + 2);
  header.gso_size = LoadWord(bytes + 4);
  header.csum_start = LoadWord(bytes + 6);
  header.csum_offset = LoadWord(bytes + 8);
  return header;
}

void VnetHeader::Store(uint8_t* bytes) const {
  bytes[0] = flags;
  bytes[1] = gso_type;
  StoreWord(bytes + 2, header_length);
  StoreWord(bytes + 4, gso_size);
  StoreWord(bytes + 6, csum_start);
  StoreWord(bytes + 8, csum_offset);
}

bool SuperPacket::Parse(uint8_t* bytes, size_t length, bool has_vnet, SuperPacket* out) {
  *out = SuperPacket();
  const size_t skipped = has_vnet ? kVnetHeader : 0;
  if (length <= skipped || length > kMaxSuperPacket) return false;
  out->ip_ = bytes + skipped;
  out->ip_length_ = static_cast<uint32_t>(length - skipped);
  switch (out->ip_[0] >> 4) {
    case 4:
      if (!out->ParseIpv4()) return false;
      break;
    case 6:
      if (!out->ParseIpv6()) return false;
      break;
    default:
      return false;
  }
  if (!has_vnet) return true;
  const VnetHeader header = VnetHeader::Load(bytes);
  // Where the kernel left work to us, it counts to the end of its packet: both ends must be one.
  const bool is_unfinished = header.gso_type != kVnetGsoNone || (header.flags & kVnetNeedsCsum) != 0;
  if (is_unfinished && out->ip_length_ != length - skipped) return false;
  return out->ParseVnet(header);
}

bool SuperPacket::ParseIpv4() {
  if (JudgeIpv4FromServer(ip_, ip_length_) != Verdict::kForward) return false;
  ip_length_ = static_cast<uint32_t>(Ipv4Length(ip_));
  protocol_ = ip_[9];
  if ((Load16(ip_ + 6) & 0x3fff) != 0) {  // More Fragments, or an offset
    flow_hash_ = static_cast<uint32_t>(HashFlow(ip_, false, protocol_, Load16(ip_ + 4)));
  } else {
    ParseTransport(static_cast<size_t>(ip_[0] & 0x0f) << 2);
  }
  return true;
}

// RFC 8200 4. Headers that don't fit the packet are the receiver's business; here the flow is then less exact.
bool SuperPacket::ParseIpv6() {
  if (JudgeIpv6FromServer(ip_, ip_length_) != Verdict::kForward) return false;
  is_ipv6_ = true;
  ip_length_ = static_cast<uint32_t>(Ipv6Length(ip_));
  protocol_ = ip_[6];
  size_t offset = kIpv6Header;
  for (int i = 0; i < kMostExtensionHeaders; i++) {
    const bool is_extension = protocol_ == 0 || protocol_ == 43 || protocol_ == 44 || protocol_ == 60;
    if (!is_extension) {
      ParseTransport(offset);
      return true;
    }
    if (offset + 8 > ip_length_) break;
    const uint8_t* extension = ip_ + offset;
    const bool is_fragment = protocol_ == 44;
    protocol_ = extension[0];
    if (is_fragment) {
      // What follows differs between first and later fragments, identification and addresses don't.
      flow_hash_ = static_cast<uint32_t>(HashFlow(ip_, true, 44, Load32(extension + 4)));
      return true;
    }
    offset += (static_cast<size_t>(extension[1]) + 1) << 3;
  }
  flow_hash_ = static_cast<uint32_t>(HashFlow(ip_, true, 0, 0));
  return true;
}

void SuperPacket::ParseTransport(size_t offset) {
  const bool has_ports = (protocol_ == kTcp || protocol_ == kUdp) && offset + 4 <= ip_length_;
  flow_hash_ = static_cast<uint32_t>(HashFlow(ip_, is_ipv6_, protocol_, has_ports ? Load32(ip_ + offset) : 0));
  transport_ = static_cast<uint16_t>(offset <= ip_length_ ? offset : 0);
}

bool SuperPacket::ParseVnet(const VnetHeader& header) {
  const bool needs_csum = (header.flags & kVnetNeedsCsum) != 0;
  const uint8_t type = header.gso_type & static_cast<uint8_t>(~kVnetGsoEcn);
  if (type == kVnetGsoNone) return !needs_csum || ParsePartialChecksum(header);

  gso_size_ = header.gso_size;
  if (gso_size_ == 0 || transport_ == 0 || (needs_csum && header.csum_start != transport_)) return false;
  switch (type) {
    case kVnetGsoTcpV4:
    case kVnetGsoTcpV6:
      if (protocol_ != kTcp || is_ipv6_ != (type == kVnetGsoTcpV6)) return false;
      if (needs_csum && header.csum_offset != kTcpChecksumAt) return false;
      if (!ParseTcpSegments()) return false;
      break;
    case kVnetGsoUdpL4:
      if (protocol_ != kUdp || (needs_csum && header.csum_offset != kUdpChecksumAt)) return false;
      if (!ParseUdpSegments(needs_csum)) return false;
      break;
    default:
      return false;
  }
  const size_t payload_bytes = ip_length_ - payload_;
  if (payload_bytes > gso_size_) segments_ = static_cast<uint16_t>((payload_bytes + gso_size_ - 1) / gso_size_);
  SumHeaders();
  return true;
}

bool SuperPacket::ParsePartialChecksum(const VnetHeader& header) {
  const size_t at = static_cast<size_t>(header.csum_start) + header.csum_offset;
  const size_t header_bytes = is_ipv6_ ? kIpv6Header : static_cast<size_t>(ip_[0] & 0x0f) << 2;
  if (header.csum_start < header_bytes || (header.csum_offset & 1) != 0 || at + 2 > ip_length_) return false;
  csum_start_ = header.csum_start;
  csum_at_ = static_cast<uint32_t>(at);
  return true;
}

bool SuperPacket::ParseTcpSegments() {
  if (transport_ + kTcpHeader > ip_length_) return false;
  const size_t header_bytes = static_cast<size_t>(ip_[transport_ + 12] >> 4) << 2;
  if (header_bytes < kTcpHeader || transport_ + header_bytes > ip_length_) return false;
  payload_ = static_cast<uint16_t>(transport_ + header_bytes);
  gso_ = Gso::kTcp;
  return true;
}

bool SuperPacket::ParseUdpSegments(bool needs_csum) {
  if (transport_ + kUdpHeader > ip_length_) return false;
  payload_ = static_cast<uint16_t>(transport_ + kUdpHeader);
  // RFC 768: all zero means that the sender made no checksum. A partial one cannot be zero.
  keeps_zero_checksum_ = !needs_csum && LoadWord(ip_ + transport_ + kUdpChecksumAt) == 0;
  gso_ = Gso::kUdp;
  return true;
}

// What all segments share is summed once.
void SuperPacket::SumHeaders() {
  const uint8_t* transport = ip_ + transport_;
  if (!is_ipv6_) ip_sum_ = SumWords(ip_, 2) + SumWords(ip_ + 6, 4) + SumWords(ip_ + 12, (ip_[0] & 0x0f) * 4u - 12);
  transport_sum_ = PseudoHeaderSum(ip_, is_ipv6_, protocol_, 0) + SumWords(transport, 4);
  if (gso_ == Gso::kTcp) {
    transport_sum_ += SumWords(transport + 8, 4) + SumWords(transport + 14, 2) +
                      SumWords(transport + 18, static_cast<size_t>(payload_ - transport_) - 18);
  }
}

size_t SuperPacket::SegmentBytes(uint16_t i) const {
  if (i >= segments_) return 0;
  if (gso_ == Gso::kNone) return ip_length_;
  const size_t from = payload_ + static_cast<size_t>(i) * gso_size_;
  const size_t rest = ip_length_ - from;
  return payload_ + (rest < gso_size_ ? rest : gso_size_);
}

size_t SuperPacket::FramesBytes() const {
  return ip_length_ + segments_ * kFrameHeader + (segments_ - 1u) * static_cast<size_t>(payload_);
}

size_t SuperPacket::WriteFrame(uint16_t i, uint8_t* out) const {
  const size_t ip_bytes = SegmentBytes(i);
  if (ip_bytes == 0 || ip_bytes > kMaxFramedPacket) return 0;
  WriteFrameHeader(ip_bytes, is_ipv6_, out);
  uint8_t* packet = out + kFrameHeader;
  const uint8_t* payload = ip_ + payload_ + static_cast<size_t>(i) * gso_size_;
  switch (gso_) {
    case Gso::kNone:
      WriteWhole(packet);
      break;
    case Gso::kTcp:
      WriteIpHeader(i, ip_bytes, packet);
      WriteTcp(i, payload, ip_bytes - payload_, packet + transport_);
      break;
    case Gso::kUdp:
      WriteIpHeader(i, ip_bytes, packet);
      WriteUdp(payload, ip_bytes - payload_, packet + transport_);
      break;
  }
  return kFrameHeader + ip_bytes;
}

void SuperPacket::WriteWhole(uint8_t* out) const {
  if (csum_at_ == 0) {
    std::memcpy(out, ip_, ip_length_);
    return;
  }
  std::memcpy(out, ip_, csum_start_);
  // The field already holds the pseudo-header's sum and is summed with the rest (linux/skbuff.h, CHECKSUM_PARTIAL).
  uint16_t checksum = FinishSum(CopyAndSum(out + csum_start_, ip_ + csum_start_, ip_length_ - csum_start_));
  if (checksum == 0 && csum_at_ - csum_start_ == kUdpChecksumAt) checksum = 0xffff;
  StoreWord(out + csum_at_, checksum);
}

// Options and extension headers are the same in every segment, as with the kernel's inet_gso_segment.
void SuperPacket::WriteIpHeader(uint16_t i, size_t ip_bytes, uint8_t* out) const {
  std::memcpy(out, ip_, transport_);
  if (is_ipv6_) {
    Store16(out + 4, static_cast<uint16_t>(ip_bytes - kIpv6Header));
    return;
  }
  Store16(out + 2, static_cast<uint16_t>(ip_bytes));
  Store16(out + 4, static_cast<uint16_t>(Load16(ip_ + 4) + i));
  StoreWord(out + 10, FinishSum(ip_sum_ + LoadWord(out + 2) + LoadWord(out + 4)));
}

void SuperPacket::WriteTcp(uint16_t i, const uint8_t* payload, size_t payload_bytes, uint8_t* out) const {
  const size_t header_bytes = static_cast<size_t>(payload_ - transport_);
  std::memcpy(out, ip_ + transport_, header_bytes);
  Store32(out + 4, Load32(out + 4) + static_cast<uint32_t>(i) * gso_size_);
  uint8_t flags = out[13];
  if (i + 1 < segments_) flags &= static_cast<uint8_t>(~(kFin | kPsh));
  if (i > 0) flags &= static_cast<uint8_t>(~kCwr);  // RFC 3168 6.1.2: on the first packet after the reduction
  out[13] = flags;
  WordSum sum = transport_sum_ + CopyAndSum(out + header_bytes, payload, payload_bytes);
  sum += SumWords(out + 4, 4);
  sum += LoadWord(out + 12);
  sum += ToWire(static_cast<uint16_t>(header_bytes + payload_bytes));
  StoreWord(out + kTcpChecksumAt, FinishSum(sum));
}

void SuperPacket::WriteUdp(const uint8_t* payload, size_t payload_bytes, uint8_t* out) const {
  std::memcpy(out, ip_ + transport_, 4);
  Store16(out + 4, static_cast<uint16_t>(kUdpHeader + payload_bytes));
  if (keeps_zero_checksum_) {
    StoreWord(out + kUdpChecksumAt, 0);
    std::memcpy(out + kUdpHeader, payload, payload_bytes);
    return;
  }
  WordSum sum = transport_sum_ + CopyAndSum(out + kUdpHeader, payload, payload_bytes);
  sum += 2u * LoadWord(out + 4);  // in the header and in the pseudo-header
  const uint16_t checksum = FinishSum(sum);
  StoreWord(out + kUdpChecksumAt, checksum == 0 ? 0xffff : checksum);
}

bool SuperPacket::ClampMss(uint16_t mtu) {
  const bool is_partial = csum_at_ != 0 && csum_at_ == transport_ + kTcpChecksumAt;
  const TcpChecksum checksum = is_partial ? TcpChecksum::kPartial : TcpChecksum::kComplete;
  if (!tun::ClampMss(ip_, ip_length_, mtu, checksum)) return false;
  if (gso_ != Gso::kNone) SumHeaders();
  return true;
}

}  // namespace tun
