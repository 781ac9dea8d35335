// A read of the TUN device: every frame that comes out has the length it was announced with, all of them together what
// FramesBytes says, and what was cut has right checksums.
#include "../packet.h"
#include "../checksum.h"
#include "check.h"

namespace {

void CheckChecksums(const tun::SuperPacket& packet, const uint8_t* ip, size_t length) {
  if (packet.gso() == tun::Gso::kNone) return;
  const bool is_tcp = packet.gso() == tun::Gso::kTcp;
  size_t transport = 40;
  if (!packet.is_ipv6()) {
    transport = (ip[0] & 0x0f) * 4u;
    tun::Require(tun::FinishSum(tun::SumWords(ip, transport)) == 0);
  } else if (ip[6] != (is_tcp ? 6 : 17)) {
    return;  // extension headers
  }
  if (!is_tcp && tun::LoadWord(ip + transport + 6) == 0) return;
  const size_t bytes = length - transport;
  const uint8_t protocol = is_tcp ? 6 : 17;
  const tun::WordSum sum = tun::PseudoHeaderSum(ip, packet.is_ipv6(), protocol, bytes);
  tun::Require(tun::FinishSum(sum + tun::SumWords(ip + transport, bytes)) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool has_vnet = (data[0] & 1) != 0;
  const bool clamps = (data[0] & 2) != 0;
  const auto bytes = tun::Exactly(data + 2, size - 2);
  tun::SuperPacket packet;
  if (!tun::SuperPacket::Parse(bytes.get(), size - 2, has_vnet, &packet)) return 0;
  tun::Require(packet.segments() > 0 && packet.SegmentBytes(packet.segments()) == 0);
  if (clamps) packet.ClampMss(static_cast<uint16_t>(data[1] * 16));
  size_t all = 0;
  for (uint16_t i = 0; i < packet.segments(); i++) {
    const size_t ip_bytes = packet.SegmentBytes(i);
    const size_t room = tun::kFrameHeader + ip_bytes;
    const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
    all += room;
    const size_t written = packet.WriteFrame(i, out.get());
    tun::Require(written == (ip_bytes > tun::kMaxFramedPacket ? 0 : room));
    if (written == 0) continue;
    tun::Require(tun::Load16(out.get() + 2) == written);
    CheckChecksums(packet, out.get() + tun::kFrameHeader, ip_bytes);
  }
  tun::Require(all == packet.FramesBytes());
  return 0;
}
