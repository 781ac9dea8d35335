#include "engine_test_api.h"

#include <cstring>
#include <memory>
#include <vector>

#include "arguments.h"
#include "checksum.h"
#include "coalesce.h"
#include "conntrack_dump.h"
#include "frames.h"
#include "ingress.h"
#include "netlink_answer.h"
#include "packet.h"

namespace tun {

namespace {

using Bytes = std::vector<uint8_t>;

// An own allocation per piece: no spare capacity that would hide an overrun.
struct Piece {
  std::unique_ptr<uint8_t[]> bytes;
  size_t length;

  Piece(const uint8_t* from, size_t size) : bytes(new uint8_t[size]), length(size) {
    if (size > 0) std::memcpy(bytes.get(), from, size);
  }
};

napi_value ToBuffer(napi_env env, const uint8_t* bytes, size_t length) {
  napi_value result = nullptr;
  napi_create_buffer_copy(env, length, bytes, nullptr, &result);
  return result;
}

napi_value ToNumber(napi_env env, uint32_t number) {
  napi_value result = nullptr;
  napi_create_uint32(env, number, &result);
  return result;
}

void Append(Bytes* out, const void* bytes, size_t length) {
  const uint8_t* first = static_cast<const uint8_t*>(bytes);
  out->insert(out->end(), first, first + length);
}

void AppendLength(Bytes* out, size_t length) {
  uint8_t field[4];
  Store32(field, static_cast<uint32_t>(length));
  Append(out, field, sizeof(field));
}

// (bytes, hasVnet, mtu) -> frames behind each other | undefined if refused. mtu 0: no MSS clamp. A segment that fits
// no frame is left out.
napi_value Segment(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> view;
  uint32_t has_vnet = 0;
  uint32_t mtu = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[0], &view) ||
      !ReadUint32(env, arguments[1], &has_vnet) || !ReadUint32(env, arguments[2], &mtu)) {
    return nullptr;
  }
  Piece copy(view.data, view.length);
  SuperPacket packet;
  if (!SuperPacket::Parse(copy.bytes.get(), copy.length, has_vnet != 0, &packet)) return nullptr;
  if (mtu != 0) packet.ClampMss(static_cast<uint16_t>(mtu));
  Bytes frames;
  size_t expected = 0;
  for (uint16_t i = 0; i < packet.segments(); i++) {
    const size_t room = kFrameHeader + packet.SegmentBytes(i);
    expected += room;
    const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
    const size_t written = packet.WriteFrame(i, out.get());
    if (written != 0 && written != room) ThrowArgument(env, "WriteFrame and SegmentBytes differ");
    Append(&frames, out.get(), written);
  }
  if (expected != packet.FramesBytes()) ThrowArgument(env, "FramesBytes and SegmentBytes differ");
  return ToBuffer(env, frames.data(), frames.size());
}

// (bytes, hasVnet) -> Buffer of six 32-bit numbers: segments, gso, isIpv6, flowHash, ipLength, largest segment;
// undefined if refused.
napi_value Describe(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  View<uint8_t> view;
  uint32_t has_vnet = 0;
  if (!ReadArguments(env, info, 2, arguments) || !ReadBuffer(env, arguments[0], &view) ||
      !ReadUint32(env, arguments[1], &has_vnet)) {
    return nullptr;
  }
  Piece copy(view.data, view.length);
  SuperPacket packet;
  if (!SuperPacket::Parse(copy.bytes.get(), copy.length, has_vnet != 0, &packet)) return nullptr;
  Bytes numbers;
  AppendLength(&numbers, packet.segments());
  AppendLength(&numbers, static_cast<size_t>(packet.gso()));
  AppendLength(&numbers, packet.is_ipv6() ? 1 : 0);
  AppendLength(&numbers, packet.flow_hash());
  AppendLength(&numbers, packet.ip_length());
  AppendLength(&numbers, packet.SegmentBytes(0));
  return ToBuffer(env, numbers.data(), numbers.size());
}

// Collects what the coalescer writes as [length, 4 bytes][bytes].
struct CollectingSink final : PacketSink {
  Bytes written;

  void WritePacket(const struct iovec* parts, int count) override {
    size_t length = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    AppendLength(&written, length);
    for (int i = 0; i < count; i++) Append(&written, parts[i].iov_base, parts[i].iov_len);
  }
};

// Gives each IP packet to the coalescer: a copy in an allocation of its own, or where the splitter has it.
struct CoalescingSink final : FrameSink {
  CoalescingSink(Coalescer* to, bool copies_each) : coalescer(to), copies(copies_each) {}

  void OnIp(uint8_t* packet, size_t length, bool) override {
    if (copies) pieces.emplace_back(packet, length);
    coalescer->Add(copies ? pieces.back().bytes.get() : packet, length);
  }
  NextStep OnControl(uint8_t*, size_t) override { return NextStep::kContinue; }
  NextStep OnPpp(uint8_t*, size_t) override { return NextStep::kContinue; }
  void OnShortFrame() override {}

  Coalescer* coalescer;
  bool copies;
  std::vector<Piece> pieces;
};

// (SSTP frames behind each other, flags: 1 vnet, 2 tso4, 4 tso6, 8 uso, bytes per chunk or 0 for one) -> [length][bytes]
// per write to the device. All chunks are one batch.
napi_value Coalesce(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> view;
  uint32_t flags = 0;
  uint32_t chunk_bytes = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[0], &view) ||
      !ReadUint32(env, arguments[1], &flags) || !ReadUint32(env, arguments[2], &chunk_bytes)) {
    return nullptr;
  }
  CollectingSink written;
  const CoalesceOptions options = {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0};
  const std::unique_ptr<Coalescer> coalescer(new Coalescer(&written, options));
  CoalescingSink packets(coalescer.get(), chunk_bytes == 0);
  FramePool pool;
  FrameSplitter splitter(&pool);
  std::vector<Piece> chunks;
  for (size_t offset = 0; offset < view.length; offset += chunks.back().length) {
    const size_t rest = view.length - offset;
    chunks.emplace_back(view.data + offset, chunk_bytes == 0 || chunk_bytes > rest ? rest : chunk_bytes);
    size_t taken = 0;
    splitter.Push(chunks.back().bytes.get(), chunks.back().length, &packets, &taken);
  }
  coalescer->Flush();
  pool.Recycle();
  return ToBuffer(env, written.written.data(), written.written.size());
}

// (packet, fromServer, client address) -> verdict
napi_value JudgeIpv4Call(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> view;
  uint32_t from_server = 0;
  uint32_t client = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[0], &view) ||
      !ReadUint32(env, arguments[1], &from_server) || !ReadUint32(env, arguments[2], &client)) {
    return nullptr;
  }
  const Piece copy(view.data, view.length);
  const Verdict verdict = from_server != 0 ? JudgeIpv4FromServer(copy.bytes.get(), copy.length)
                                           : JudgeIpv4(copy.bytes.get(), copy.length, client);
  return ToNumber(env, static_cast<uint32_t>(verdict));
}

// (packet, fromServer, prefix of 8 or 0 bytes behind link-local addresses of client and server) -> verdict
napi_value JudgeIpv6Call(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> view;
  View<uint8_t> addresses;
  uint32_t from_server = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[0], &view) ||
      !ReadUint32(env, arguments[1], &from_server) || !ReadBuffer(env, arguments[2], &addresses)) {
    return nullptr;
  }
  if (addresses.length != 32 && addresses.length != 40) {
    ThrowArgument(env, "expected 32 or 40 bytes of addresses");
    return nullptr;
  }
  Ipv6Client client = {};
  std::memcpy(client.link_local, addresses.data, 16);
  std::memcpy(client.server_link_local, addresses.data + 16, 16);
  client.has_prefix = addresses.length == 40;
  if (client.has_prefix) std::memcpy(client.prefix, addresses.data + 32, 8);
  const Piece copy(view.data, view.length);
  const Verdict verdict = from_server != 0 ? JudgeIpv6FromServer(copy.bytes.get(), copy.length)
                                           : JudgeIpv6(copy.bytes.get(), copy.length, client);
  return ToNumber(env, static_cast<uint32_t>(verdict));
}

// (packet, mtu) -> the packet after ClampMss, with one octet behind it: 1 if it says that it changed it
napi_value ClampMssCall(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  View<uint8_t> view;
  uint32_t mtu = 0;
  if (!ReadArguments(env, info, 2, arguments) || !ReadBuffer(env, arguments[0], &view) ||
      !ReadUint32(env, arguments[1], &mtu)) {
    return nullptr;
  }
  const Piece copy(view.data, view.length);
  const bool is_changed = ClampMss(copy.bytes.get(), copy.length, static_cast<uint16_t>(mtu));
  Bytes result;
  Append(&result, copy.bytes.get(), copy.length);
  result.push_back(is_changed ? 1 : 0);
  return ToBuffer(env, result.data(), result.size());
}

// Writes down each call as [kind][length, 4 bytes][bytes]; kinds: 0 IPv4, 1 IPv6, 2 control, 3 PPP, 4 short frame.
struct RecordingSink final : FrameSink {
  Bytes calls;
  NextStep next = NextStep::kContinue;

  void Record(uint8_t kind, const uint8_t* bytes, size_t length) {
    calls.push_back(kind);
    AppendLength(&calls, length);
    Append(&calls, bytes, length);
  }
  void OnIp(uint8_t* packet, size_t length, bool is_ipv6) override { Record(is_ipv6 ? 1 : 0, packet, length); }
  NextStep OnControl(uint8_t* packet, size_t length) override {
    Record(2, packet, length);
    return next;
  }
  NextStep OnPpp(uint8_t* frame, size_t length) override {
    Record(3, frame, length);
    return next;
  }
  void OnShortFrame() override { Record(4, nullptr, 0); }
};

// (stream, lengths of its chunks, pause after each frame to decide?) -> calls, then [5][SplitResult, 4 bytes]. Stops at
// the first result that ends the stream.
napi_value Split(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> stream;
  View<int32_t> lengths;
  uint32_t pauses = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[0], &stream) ||
      !ReadInt32Array(env, arguments[1], &lengths) || !ReadUint32(env, arguments[2], &pauses)) {
    return nullptr;
  }
  FramePool pool;
  FrameSplitter splitter(&pool);
  RecordingSink sink;
  sink.next = pauses != 0 ? NextStep::kPause : NextStep::kContinue;
  SplitResult result = SplitResult::kDone;
  size_t offset = 0;
  for (size_t i = 0; i < lengths.length && result <= SplitResult::kPaused; i++) {
    if (lengths.data[i] < 0 || offset + static_cast<size_t>(lengths.data[i]) > stream.length) {
      ThrowArgument(env, "chunk outside the stream");
      return nullptr;
    }
    const Piece chunk(stream.data + offset, static_cast<size_t>(lengths.data[i]));
    offset += chunk.length;
    size_t done = 0;
    do {
      size_t taken = 0;
      result = splitter.Push(chunk.bytes.get() + done, chunk.length - done, &sink, &taken);
      done += taken;
    } while (result == SplitResult::kPaused);
    if (i % 3 == 2) pool.Recycle();
  }
  sink.calls.push_back(5);
  AppendLength(&sink.calls, static_cast<size_t>(result));
  return ToBuffer(env, sink.calls.data(), sink.calls.size());
}

// (bytes) -> Internet checksum by SumWords, and by CopyAndSum in the upper half
napi_value Checksum(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  View<uint8_t> view;
  if (!ReadArguments(env, info, 1, arguments) || !ReadBuffer(env, arguments[0], &view)) return nullptr;
  const Piece copy(view.data, view.length);
  const Piece target(view.data, view.length);
  if (view.length > 0) std::memset(target.bytes.get(), 0xaa, view.length);
  const uint32_t summed = ToWire(FinishSum(SumWords(copy.bytes.get(), copy.length)));
  const uint32_t copied = ToWire(FinishSum(CopyAndSum(target.bytes.get(), copy.bytes.get(), copy.length)));
  if (view.length > 0 && std::memcmp(target.bytes.get(), copy.bytes.get(), view.length) != 0) {
    ThrowArgument(env, "CopyAndSum copied wrongly");
    return nullptr;
  }
  return ToNumber(env, (copied << 16) | summed);
}

// (answer) -> errno, or 0
napi_value ReadAcknowledgementCall(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  View<uint8_t> view;
  if (!ReadArguments(env, info, 1, arguments) || !ReadBuffer(env, arguments[0], &view)) return nullptr;
  const Piece copy(view.data, view.length);
  return ToNumber(env, static_cast<uint32_t>(ReadAcknowledgement({copy.bytes.get(), copy.length})));
}

// (what was received) -> 0 or 1
napi_value EndsDumpCall(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  View<uint8_t> view;
  if (!ReadArguments(env, info, 1, arguments) || !ReadBuffer(env, arguments[0], &view)) return nullptr;
  const Piece copy(view.data, view.length);
  return ToNumber(env, EndsDump({copy.bytes.get(), copy.length}) ? 1 : 0);
}

// (what was received, IPv4 addresses of 4 bytes each) -> state, errno, number of requests, 4 bytes each, and the requests
napi_value ReadDumpCall(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  View<uint8_t> received;
  View<uint8_t> addresses;
  if (!ReadArguments(env, info, 2, arguments) || !ReadBuffer(env, arguments[0], &received) ||
      !ReadBuffer(env, arguments[1], &addresses)) {
    return nullptr;
  }
  FlowMatcher matcher;
  for (size_t i = 0; i + 4 <= addresses.length; i += 4) matcher.ipv4.insert(Load32(addresses.data + i));
  const Piece copy(received.data, received.length);
  Bytes requests;
  const DumpResult read = ReadDump({copy.bytes.get(), copy.length}, matcher, &requests);
  Bytes result;
  AppendLength(&result, static_cast<size_t>(read.state));
  AppendLength(&result, static_cast<size_t>(read.error));
  AppendLength(&result, read.matched);
  Append(&result, requests.data(), requests.size());
  return ToBuffer(env, result.data(), result.size());
}

}  // namespace

napi_value MakeEngineTestApi(napi_env env) {
  const auto function = [](const char* name, napi_callback callback) -> napi_property_descriptor {
    return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
  };
  const napi_property_descriptor functions[] = {
      function("segment", Segment),         function("describe", Describe),       function("coalesce", Coalesce),
      function("judgeIpv4", JudgeIpv4Call), function("judgeIpv6", JudgeIpv6Call), function("clampMss", ClampMssCall),
      function("split", Split),             function("checksum", Checksum),
      function("readDump", ReadDumpCall),   function("readAcknowledgement", ReadAcknowledgementCall),
      function("endsDump", EndsDumpCall),
  };
  napi_value engine = nullptr;
  if (napi_create_object(env, &engine) != napi_ok ||
      napi_define_properties(env, engine, sizeof(functions) / sizeof(functions[0]), functions) != napi_ok) {
    return nullptr;
  }
  return engine;
}

}  // namespace tun
