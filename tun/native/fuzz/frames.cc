// A peer's stream, cut at places that the first octets choose: the sink sees the same as for the stream in one piece.
#include "../frames.h"

#include <vector>

#include "check.h"

namespace {

struct HashingSink final : tun::FrameSink {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  bool pauses = false;

  void Note(uint8_t kind, const uint8_t* bytes, size_t length) {
    hash = (hash ^ kind) * 0x100000001b3;
    hash = (hash ^ length) * 0x100000001b3;
    for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  }
  void OnIp(uint8_t* packet, size_t length, bool is_ipv6) override { Note(is_ipv6 ? 1 : 0, packet, length); }
  tun::NextStep OnControl(uint8_t* packet, size_t length) override {
    Note(2, packet, length);
    return pauses ? tun::NextStep::kPause : tun::NextStep::kContinue;
  }
  tun::NextStep OnPpp(uint8_t* frame, size_t length) override {
    Note(3, frame, length);
    return pauses ? tun::NextStep::kPause : tun::NextStep::kContinue;
  }
  void OnShortFrame() override { Note(4, nullptr, 0); }
};

tun::SplitResult PushAll(tun::FrameSplitter* splitter, uint8_t* bytes, size_t length, HashingSink* sink) {
  size_t done = 0;
  for (;;) {
    size_t taken = 0;
    const tun::SplitResult result = splitter->Push(bytes + done, length - done, sink, &taken);
    tun::Require(taken <= length - done);
    done += taken;
    if (result != tun::SplitResult::kPaused) return result;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kCuts = 8;
  if (size < kCuts) return 0;
  const uint8_t* stream = data + kCuts;
  const size_t length = size - kCuts;
  tun::FramePool pool;

  HashingSink whole;
  tun::FrameSplitter one(&pool);
  const auto bytes = tun::Exactly(stream, length);
  const tun::SplitResult expected = PushAll(&one, bytes.get(), length, &whole);

  HashingSink pieces;
  pieces.pauses = (data[0] & 1) != 0;
  tun::FrameSplitter many(&pool);
  tun::SplitResult result = tun::SplitResult::kDone;
  std::vector<std::unique_ptr<uint8_t[]>> chunks;
  size_t offset = 0;
  for (size_t i = 0; offset < length && result == tun::SplitResult::kDone; i++) {
    const size_t wanted = 1 + data[i % kCuts] * (i % 2 == 0 ? 1u : 19u);
    const size_t some = wanted < length - offset ? wanted : length - offset;
    chunks.push_back(tun::Exactly(stream + offset, some));
    offset += some;
    result = PushAll(&many, chunks.back().get(), some, &pieces);
    tun::Require(many.held() < tun::kMaxSstpPacket);
  }
  tun::Require(result == expected && pieces.hash == whole.hash);
  return 0;
}
