// Splits a peer's byte stream into SSTP packets (MS-SSTP 2.2.1) and those into PPP frames: the C++ twin of
// sstp/framer.ts and of the first steps of datapath/data-link.ts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

constexpr size_t kMaxSstpPacket = 4095;

// Buffers for packets that cross a chunk border, shared by all splitters of a thread. A packet put together here must
// stay where it is until the batch is flushed, also when the same splitter meets the next border in the same batch.
class FramePool {
 public:
  FramePool() = default;
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // Makes the buffers of completed packets free again: call it after each Coalescer::Flush.
  void Recycle();

 private:
  friend class FrameSplitter;
  struct Slot {
    Slot* next;
    uint8_t bytes[kMaxSstpPacket + 1];
  };
  static constexpr int kMostFree = 64;

  Slot* Take();  // nullptr without memory
  void Give(Slot* slot);
  void Retire(Slot* slot);

  Slot* free_ = nullptr;
  int free_count_ = 0;
  Slot* retired_ = nullptr;
};

enum class NextStep : uint8_t { kContinue, kPause };

// Pointers are into the chunk or into the pool: valid until both the chunk is gone and FramePool::Recycle is called.
struct FrameSink {
  virtual ~FrameSink() = default;
  // What stands behind PPP protocol 0x0021 or 0x0057: not judged, may be empty, may be changed in place.
  virtual void OnIp(uint8_t* packet, size_t length, bool is_ipv6) = 0;
  // A whole SSTP control packet, from the Version octet on.
  virtual NextStep OnControl(uint8_t* packet, size_t length) = 0;
  // Any other PPP frame, from its first octet (FF 03 may be missing, RFC 1661 6.6).
  virtual NextStep OnPpp(uint8_t* frame, size_t length) = 0;
  // A data packet too short for a PPP protocol number: dropped.
  virtual void OnShortFrame() = 0;
};

enum class SplitResult : uint8_t {
  kDone,        // the whole chunk was taken
  kPaused,      // the sink asked for it: push the rest of the chunk, from *taken on, later
  kBadVersion,  // the stream can no longer be split (MS-SSTP 3.1.5.1); nothing is taken from now on
  kBadLength,   // the same
  kNoMemory,    // the same
};

class FrameSplitter {
 public:
  explicit FrameSplitter(FramePool* pool) : pool_(pool) {}
  ~FrameSplitter();
  FrameSplitter(const FrameSplitter&) = delete;
  FrameSplitter& operator=(const FrameSplitter&) = delete;

  // `*taken` is how much of the chunk was used, at most `length`. A sink must not call Push.
  SplitResult Push(uint8_t* chunk, size_t length, FrameSink* sink, size_t* taken);
  // All bytes from now on are ignored (Push says kDone). May be called from a sink.
  void Stop();
  // Bytes held of an unfinished packet; 0 between packets, when nothing is held.
  size_t held() const { return held_; }

 private:
  SplitResult FinishPartial(uint8_t* chunk, size_t length, FrameSink* sink, size_t* taken);
  SplitResult Fail(SplitResult reason);
  SplitResult CheckHeader(const uint8_t* header, size_t* packet_length) const;
  NextStep Deliver(uint8_t* packet, size_t length, FrameSink* sink);

  FramePool* const pool_;
  FramePool::Slot* partial_ = nullptr;
  size_t held_ = 0;
  bool stopped_ = false;
};

}  // namespace tun
