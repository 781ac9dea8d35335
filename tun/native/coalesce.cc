#include "coalesce.h"

#include <cstring>

#include "checksum.h"
#include "flow_hash.h"

namespace tun {

namespace {

constexpr size_t kIpv4Header = 20;
constexpr size_t kIpv6Header = 40;
constexpr size_t kTcpHeader = 20;
constexpr size_t kUdpHeader = 8;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kPsh = 0x08;
constexpr uint8_t kAck = 0x10;
constexpr uint16_t kDontFragment = 0x4000;
constexpr size_t kMostHeaders = kIpv6Header + 60;  // the longest TCP header
constexpr uint32_t kMostBytes = 65535;
// TCP_MIN_GSO_SIZE of include/net/tcp.h: by less the kernel cuts nothing of its own, so no driver is used to it, and
// what a client sends must not be the first to try. For UDP every local program may choose any size (udp(7)).
constexpr uint16_t kLeastTcpPayload = 8;

// 0 says that a slot is free.
uint32_t NonZero(uint64_t hash) {
  const uint32_t half = static_cast<uint32_t>(hash);
  return half == 0 ? 1 : half;
}

uint32_t AddressHash(const uint8_t* packet, bool is_ipv6) {
  return static_cast<uint32_t>(HashFlow(packet, is_ipv6, 0, 0));
}

bool IsEqual(const uint8_t* a, const uint8_t* b, size_t from, size_t length) {
  return std::memcmp(a + from, b + from, length) == 0;
}

// Of the IPv4 header and of the TCP segment or UDP datagram. What is merged gets new checksums, so a packet damaged on
// its way must not be: its receiver would no longer see it.
bool HasRightChecksums(const uint8_t* packet, bool is_ipv6, uint8_t protocol, size_t transport, size_t length) {
  if (!is_ipv6 && FinishSum(SumWords(packet, kIpv4Header)) != 0) return false;
  const size_t bytes = length - transport;
  return FinishSum(PseudoHeaderSum(packet, is_ipv6, protocol, bytes) + SumWords(packet + transport, bytes)) == 0;
}

struct iovec Part(const uint8_t* bytes, size_t length) {
  return {const_cast<uint8_t*>(bytes), length};  // writev(2) only reads
}

}  // namespace

void Coalescer::Add(const uint8_t* packet, size_t length) {
  packets_ += 1;
  if (!options_.vnet) {
    WriteAlone(packet, length);
    return;
  }
  Candidate candidate;
  if (!TakeApart(packet, length, &candidate)) {
    AddOther(packet, length);
    return;
  }
  uint32_t ports;
  std::memcpy(&ports, packet + candidate.transport, sizeof(ports));
  const uint32_t hash = NonZero(HashFlow(packet, candidate.is_ipv6, candidate.protocol, ports));
  int slot = Find(hash, candidate);
  if (slot != -1) {
    latest_ = slot;
    if (Merge(&flows_[slot], candidate)) return;
    WriteSlot(slot);
  }
  if (slot == -1) slot = FreeSlot();
  Open(slot, hash, candidate);
}

void Coalescer::Flush() {
  for (int slot = 0; slot < used_; slot++) {
    if (hashes_[slot] != 0) WriteSlot(slot);
  }
  used_ = 0;
  latest_ = 0;
}

// What may be merged is what segmentation restores bit by bit: no IPv4 options, fragments or IPv6 extension headers,
// no TCP flag but ACK and PSH, a payload, a checksum. IPv4 identification of packets with DF is the exception: it has
// no meaning (RFC 6864 4.1) and counts up afterwards.
bool Coalescer::TakeApart(const uint8_t* packet, size_t length, Candidate* out) const {
  if (length < kIpv4Header + kUdpHeader || length > kMostBytes) return false;
  out->is_ipv6 = packet[0] >> 4 == 6;
  if (out->is_ipv6) {
    if (length < kIpv6Header + kUdpHeader || Load16(packet + 4) != length - kIpv6Header) return false;
    out->protocol = packet[6];
    out->transport = kIpv6Header;
  } else {
    if (packet[0] != 0x45 || Load16(packet + 2) != length) return false;
    if ((Load16(packet + 6) & static_cast<uint16_t>(~kDontFragment)) != 0) return false;
    out->protocol = packet[9];
    out->transport = kIpv4Header;
  }
  const uint8_t* transport = packet + out->transport;
  const size_t bytes = length - out->transport;
  size_t header = kUdpHeader;
  if (out->protocol == kTcp) {
    if (!(out->is_ipv6 ? options_.tso6 : options_.tso4) || bytes < kTcpHeader) return false;
    header = static_cast<size_t>(transport[12] >> 4) << 2;
    if (header < kTcpHeader || (transport[12] & 0x0f) != 0) return false;  // reserved bits, or AE of RFC 9768
    if ((transport[13] & static_cast<uint8_t>(~kPsh)) != kAck) return false;
    out->has_push = (transport[13] & kPsh) != 0;
  } else if (out->protocol == kUdp) {
    if (!options_.uso || Load16(transport + 4) != bytes || LoadWord(transport + 6) == 0) return false;
    out->has_push = false;
  } else {
    return false;
  }
  if (bytes <= header) return false;
  out->packet = packet;
  out->payload = static_cast<uint16_t>(out->transport + header);
  out->payload_bytes = static_cast<uint16_t>(bytes - header);
  return true;
}

int Coalescer::Find(uint32_t hash, const Candidate& candidate) const {
  const auto is_same = [&](int slot) {
    if (hashes_[slot] != hash) return false;
    const Candidate& first = flows_[slot].first;
    if (first.is_ipv6 != candidate.is_ipv6 || first.protocol != candidate.protocol) return false;
    // Addresses and ports are side by side.
    const size_t addresses = candidate.is_ipv6 ? 8 : 12;
    return IsEqual(first.packet, candidate.packet, addresses, candidate.transport + 4 - addresses);
  };
  if (is_same(latest_)) return latest_;
  for (int slot = 0; slot < used_; slot++) {
    if (is_same(slot)) return slot;
  }
  return -1;
}

// Everything that segmentation copies from the first packet is equal, and the rest is what it computes.
bool Coalescer::Continues(const Flow& flow, const Candidate& candidate) const {
  const Candidate& first = flow.first;
  const uint8_t* packet = candidate.packet;
  if (flow.is_closed || flow.count == kMostSegments || flow.bytes + candidate.payload_bytes > kMostBytes) return false;
  if (candidate.payload_bytes > first.payload_bytes || candidate.payload != first.payload) return false;
  if (candidate.is_ipv6) {
    if (!IsEqual(packet, first.packet, 0, 4) || packet[7] != first.packet[7]) return false;  // class, label, hop limit
  } else {
    if (packet[1] != first.packet[1] || packet[8] != first.packet[8] || packet[6] != first.packet[6]) return false;
    if (packet[6] == 0 && Load16(packet + 4) != flow.next_id) return false;
  }
  if (candidate.protocol == kUdp) return true;
  if (first.payload_bytes < kLeastTcpPayload) return false;
  const uint8_t* tcp = packet + candidate.transport;
  const uint8_t* before = first.packet + first.transport;
  const size_t header = static_cast<size_t>(candidate.payload - candidate.transport);
  return Load32(tcp + 4) == flow.next_sequence && IsEqual(tcp, before, 8, 4) && IsEqual(tcp, before, 14, 2) &&
         IsEqual(tcp, before, 18, header - 18);  // acknowledgement, window, urgent pointer and options
}

bool Coalescer::Merge(Flow* flow, const Candidate& candidate) {
  if (!Continues(*flow, candidate)) return false;
  const Candidate& first = flow->first;
  if (flow->checked == Checked::kNot) {
    const size_t length = static_cast<size_t>(first.payload) + first.payload_bytes;
    const bool is_right = HasRightChecksums(first.packet, first.is_ipv6, first.protocol, first.transport, length);
    flow->checked = is_right ? Checked::kRight : Checked::kWrong;
  }
  if (flow->checked == Checked::kWrong) return false;
  const size_t length = static_cast<size_t>(candidate.payload) + candidate.payload_bytes;
  if (!HasRightChecksums(candidate.packet, candidate.is_ipv6, candidate.protocol, candidate.transport, length)) {
    return false;
  }
  flow->payloads[flow->count] = candidate.packet + candidate.payload;
  flow->count += 1;
  flow->bytes += candidate.payload_bytes;
  flow->last_bytes = candidate.payload_bytes;
  flow->next_sequence += candidate.payload_bytes;
  flow->next_id += 1;
  flow->has_push = candidate.has_push;
  flow->is_closed = candidate.has_push || candidate.payload_bytes < first.payload_bytes;
  return true;
}

void Coalescer::Open(int slot, uint32_t hash, const Candidate& candidate) {
  Flow& flow = flows_[slot];
  flow.first = candidate;
  flow.address_hash = AddressHash(candidate.packet, candidate.is_ipv6);
  flow.next_sequence = Load32(candidate.packet + candidate.transport + 4) + candidate.payload_bytes;
  flow.bytes = static_cast<uint32_t>(candidate.payload) + candidate.payload_bytes;
  flow.next_id = static_cast<uint16_t>(Load16(candidate.packet + 4) + 1);
  flow.last_bytes = candidate.payload_bytes;
  flow.count = 1;
  flow.is_closed = candidate.has_push;
  flow.has_push = candidate.has_push;
  flow.checked = Checked::kNot;
  flow.payloads[0] = candidate.packet + candidate.payload;
  hashes_[slot] = hash;
  latest_ = slot;
}

int Coalescer::FreeSlot() {
  for (int slot = 0; slot < used_; slot++) {
    if (hashes_[slot] == 0) return slot;
  }
  if (used_ < kFlows) return used_++;
  const int slot = victim_;
  victim_ = (victim_ + 1) % kFlows;
  WriteSlot(slot);
  return slot;
}

// A packet that is not merged overtakes nothing of its flow. Where ports are out of reach (fragments, extension headers,
// ICMP about a flow) that is all between its addresses.
void Coalescer::AddOther(const uint8_t* packet, size_t length) {
  const bool is_ipv6 = length >= kIpv6Header && packet[0] >> 4 == 6;
  const bool is_ipv4 = length >= kIpv4Header && packet[0] >> 4 == 4;
  if (used_ > 0 && (is_ipv4 || is_ipv6)) {
    const uint8_t protocol = is_ipv6 ? packet[6] : packet[9];
    const size_t transport = is_ipv6 ? kIpv6Header : static_cast<size_t>(packet[0] & 0x0f) << 2;
    const bool is_fragment = is_ipv4 && (Load16(packet + 6) & 0x3fff) != 0;
    if ((protocol == kTcp || protocol == kUdp) && !is_fragment && transport + 4 <= length) {
      uint32_t ports;
      std::memcpy(&ports, packet + transport, sizeof(ports));
      const uint32_t hash = NonZero(HashFlow(packet, is_ipv6, protocol, ports));
      for (int slot = 0; slot < used_; slot++) {
        if (hashes_[slot] == hash) WriteSlot(slot);
      }
    } else {
      const uint32_t hash = AddressHash(packet, is_ipv6);
      for (int slot = 0; slot < used_; slot++) {
        if (hashes_[slot] != 0 && flows_[slot].address_hash == hash) WriteSlot(slot);
      }
    }
  }
  WriteAlone(packet, length);
}

void Coalescer::WriteSlot(int slot) {
  const Flow& flow = flows_[slot];
  hashes_[slot] = 0;
  if (flow.count > 1) {
    WriteMerged(flow);
  } else {
    WriteAlone(flow.first.packet, static_cast<size_t>(flow.first.payload) + flow.first.payload_bytes);
  }
}

void Coalescer::WriteAlone(const uint8_t* packet, size_t length) {
  static constexpr uint8_t kNoVnet[kVnetHeader] = {};  // no flag: the kernel verifies the checksums as ever
  const struct iovec parts[2] = {Part(kNoVnet, kVnetHeader), Part(packet, length)};
  writes_ += 1;
  if (options_.vnet) {
    sink_->WritePacket(parts, 2);
  } else {
    sink_->WritePacket(parts + 1, 1);
  }
}

void Coalescer::WriteMerged(const Flow& flow) {
  const Candidate& first = flow.first;
  uint8_t headers[kVnetHeader + kMostHeaders];
  VnetHeader vnet;
  vnet.flags = kVnetNeedsCsum;
  vnet.header_length = first.payload;
  vnet.gso_size = first.payload_bytes;
  vnet.csum_start = first.transport;

  uint8_t* ip = headers + kVnetHeader;
  uint8_t* transport = ip + first.transport;
  std::memcpy(ip, first.packet, first.payload);
  if (first.is_ipv6) {
    Store16(ip + 4, static_cast<uint16_t>(flow.bytes - kIpv6Header));
  } else {
    Store16(ip + 2, static_cast<uint16_t>(flow.bytes));
    StoreWord(ip + 10, 0);
    StoreWord(ip + 10, FinishSum(SumWords(ip, kIpv4Header)));
  }
  const uint32_t bytes = flow.bytes - first.transport;
  if (first.protocol == kTcp) {
    vnet.gso_type = first.is_ipv6 ? kVnetGsoTcpV6 : kVnetGsoTcpV4;
    vnet.csum_offset = 16;
    if (flow.has_push) transport[13] |= kPsh;
  } else {
    vnet.gso_type = kVnetGsoUdpL4;
    vnet.csum_offset = 6;
    Store16(transport + 4, static_cast<uint16_t>(bytes));
  }
  // The sum of the pseudo-header, not complemented, is what the kernel goes on from (CHECKSUM_PARTIAL).
  StoreWord(transport + vnet.csum_offset, FoldSum(PseudoHeaderSum(ip, first.is_ipv6, first.protocol, bytes)));
  vnet.Store(headers);

  struct iovec parts[kMostParts];
  parts[0] = Part(headers, kVnetHeader + first.payload);
  for (int i = 0; i < flow.count; i++) {
    parts[i + 1] = Part(flow.payloads[i], i + 1 < flow.count ? first.payload_bytes : flow.last_bytes);
  }
  writes_ += 1;
  sink_->WritePacket(parts, flow.count + 1);
}

}  // namespace tun
