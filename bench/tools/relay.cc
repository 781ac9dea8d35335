// A home line between two network namespaces: `relay NETNS DEVICE NETNS DEVICE MBIT DELAY_MS QUEUE_MS LOSS SEED`.
//
// It makes a TUN device in each namespace and carries packets between them. Each direction is a router with a queue of
// QUEUE_MS of line time that drops at the tail, a line of MBIT (counted in bytes of IP packets), random loss with the
// probability LOSS, and a one-way delay of DELAY_MS:
//
//   read -> queue longer than QUEUE_MS? drop -> leaves the router at busyUntil -> lost? -> due after DELAY_MS -> write
//
// A line `MBIT DELAY_MS QUEUE_MS LOSS` on standard input changes both directions from then on, and is answered by a line
// `changed`. What still waits in the router leaves at the new rate; what is on its way arrives as it would have.
//
// A rate limit on the machine's own interface would not do: TCP small queues see that nothing leaves and hold back. A
// TUN device takes the packet from its socket at once (skb_orphan in the kernel's tun_net_xmit), as a router does.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iterator>
#include <random>
#include <sstream>

#include "tools.h"

namespace bench {

namespace {

constexpr size_t kMtu = 1500;
// Reads of one side before the other has its turn and what is due goes out.
constexpr int kBatch = 32;

struct Line {
  double nanosPerByte;
  int64_t delay;
  int64_t queue;
  double loss;
};

struct Packet {
  int64_t leaves;  // the router, with its last bit
  int64_t due;
  bool isLost;
  std::vector<uint8_t> bytes;
};

class Direction {
 public:
  Direction(const Line& line, uint64_t seed) : line_(line), random_(seed) {}

  void Arrive(const uint8_t* bytes, size_t length, int64_t now) {
    const int64_t start = std::max(busyUntil_, now);
    const int64_t backlog = start - now;
    if (backlog > line_.queue) {
      dropped_ += 1;
      return;
    }
    longest_ = std::max(longest_, backlog);
    busyUntil_ = start + static_cast<int64_t>(static_cast<double>(length) * line_.nanosPerByte);
    const bool isLost = line_.loss > 0 && chance_(random_) < line_.loss;
    if (isLost) lost_ += 1;
    packets_.push_back({busyUntil_, busyUntil_ + line_.delay, isLost, std::vector<uint8_t>(bytes, bytes + length)});
  }

  // A delay that has become shorter lets nobody overtake: packets leave packets_ in their order.
  void Change(const Line& line, int64_t now) {
    int64_t before = now;
    int64_t after = now;
    for (Packet& packet : packets_) {
      if (packet.leaves <= now) continue;
      // Of the one that is leaving, only what is left of it.
      const double share = line.nanosPerByte / line_.nanosPerByte;
      after += static_cast<int64_t>(static_cast<double>(packet.leaves - before) * share);
      before = packet.leaves;
      packet.leaves = after;
      packet.due = after + line.delay;
    }
    busyUntil_ = after;
    line_ = line;
  }

  // Writes what is due. Returns when the next packet is, or a negative number.
  int64_t Deliver(int fd, int64_t now) {
    while (!packets_.empty() && packets_.front().due <= now) {
      const Packet& packet = packets_.front();
      if (!packet.isLost) {
        // ENOBUFS and EIO (device down) lose the packet, like any other machine that is not ready for it.
        if (write(fd, packet.bytes.data(), packet.bytes.size()) < 0) unwritten_ += 1;
        carried_ += 1;
        bytes_ += packet.bytes.size();
        if (late_.size() < kLatenessKept) late_.push_back(now - packet.due);
      }
      packets_.pop_front();
    }
    return packets_.empty() ? -1 : packets_.front().due;
  }

  void Print(const char* name) {
    std::sort(late_.begin(), late_.end());
    std::printf(
        "\"%s\":{\"packets\":%llu,\"bytes\":%llu,\"dropped\":%llu,\"lost\":%llu,\"unwritten\":%llu,"
        "\"longestQueueMs\":%.1f,\"lateUs\":{\"median\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%.0f}}",
        name, Count(carried_), Count(bytes_), Count(dropped_), Count(lost_), Count(unwritten_),
        static_cast<double>(longest_) / 1e6, Micros(0.5), Micros(0.99), Micros(0.999), Micros(1));
  }

 private:
  static constexpr size_t kLatenessKept = 4000000;
  static unsigned long long Count(uint64_t value) { return value; }
  double Micros(double share) const { return static_cast<double>(Quantile(late_, share)) / 1e3; }

  Line line_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> chance_{0.0, 1.0};
  std::deque<Packet> packets_;
  std::vector<int64_t> late_;
  int64_t busyUntil_ = 0;
  int64_t longest_ = 0;
  uint64_t carried_ = 0;
  uint64_t bytes_ = 0;
  uint64_t dropped_ = 0;
  uint64_t lost_ = 0;
  uint64_t unwritten_ = 0;
};

int OpenTunIn(const std::string& netns, const std::string& device) {
  const int space = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) Die("namespace " + netns);
  close(space);
  return OpenTun(device, 0);
}

// Ahead of all load: a line does not slow down when the machine beside it is busy.
const char* TakePriority() {
  sched_param priority = {};
  priority.sched_priority = 10;
  mlockall(MCL_CURRENT | MCL_FUTURE);  // where it is not allowed, pages may have to be waited for
  if (sched_setscheduler(0, SCHED_FIFO, &priority) == 0) return "fifo";
  return setpriority(PRIO_PROCESS, 0, -20) == 0 ? "nice" : "normal";
}

void ReadBatch(int fd, Direction* direction) {
  uint8_t bytes[kMtu + 64];
  for (int i = 0; i < kBatch; i += 1) {
    const ssize_t length = read(fd, bytes, sizeof bytes);
    if (length <= 0) return;
    direction->Arrive(bytes, static_cast<size_t>(length), MonotonicNanos());
  }
}

bool ReadLine(const Arguments& words, size_t first, Line* line) {
  const double mbit = Number(words, first);
  if (!(mbit > 0)) {
    std::fprintf(stderr, "MBIT must be positive\n");
    return false;
  }
  *line = {8e3 / mbit, static_cast<int64_t>(Number(words, first + 1) * 1e6),
           static_cast<int64_t>(Number(words, first + 2) * 1e6), Number(words, first + 3)};
  return true;
}

// Whole lines of standard input; a negative descriptor once it has ended, which poll(2) passes over.
class Commands {
 public:
  int fd() const { return fd_; }

  // True with the newest line in `line` if there is one.
  bool Read(Line* line) {
    char bytes[256];
    const ssize_t length = fd_ < 0 ? -1 : read(fd_, bytes, sizeof bytes);
    if (length == 0) fd_ = -1;
    if (length <= 0) return false;
    text_.append(bytes, static_cast<size_t>(length));
    bool isChanged = false;
    for (size_t end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
      std::istringstream words(text_.substr(0, end));
      text_.erase(0, end + 1);
      const Arguments command{std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
      isChanged = ReadLine(command, 0, line) || isChanged;
    }
    return isChanged;
  }

 private:
  int fd_ = STDIN_FILENO;
  std::string text_;
};

void WaitUntil(int64_t due, int a, int b, int commands) {
  pollfd fds[3] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {commands, POLLIN, 0}};
  const int64_t wait = due < 0 ? kNanosPerSecond : std::max<int64_t>(0, due - MonotonicNanos());
  const timespec timeout = {static_cast<time_t>(wait / kNanosPerSecond), static_cast<long>(wait % kNanosPerSecond)};
  ppoll(fds, 3, &timeout, nullptr);
}

}  // namespace

int Relay(const Arguments& arguments) {
  if (arguments.size() != 9) {
    std::fprintf(stderr, "usage: relay NETNS DEVICE NETNS DEVICE MBIT DELAY_MS QUEUE_MS LOSS SEED\n");
    return 2;
  }
  Line line = {};
  if (!ReadLine(arguments, 4, &line)) return 2;
  const uint64_t seed = static_cast<uint64_t>(Number(arguments, 8));
  const int a = OpenTunIn(arguments[0], arguments[1]);
  const int b = OpenTunIn(arguments[2], arguments[3]);
  Direction toB(line, seed);
  Direction toA(line, seed + 1);
  const char* scheduling = TakePriority();
  Commands commands;
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  std::printf("ready\n");
  std::fflush(stdout);
  while (!MustStop()) {
    if (commands.Read(&line)) {
      toB.Change(line, MonotonicNanos());
      toA.Change(line, MonotonicNanos());
      std::printf("changed\n");
      std::fflush(stdout);
    }
    ReadBatch(a, &toB);
    ReadBatch(b, &toA);
    const int64_t nextB = toB.Deliver(b, MonotonicNanos());
    const int64_t nextA = toA.Deliver(a, MonotonicNanos());
    WaitUntil(nextA < 0 ? nextB : nextB < 0 ? nextA : std::min(nextA, nextB), a, b, commands.fd());
  }
  std::printf("{\"scheduling\":\"%s\",", scheduling);
  toB.Print("aToB");
  std::printf(",");
  toA.Print("bToA");
  std::printf("}\n");
  return 0;
}

}  // namespace bench
