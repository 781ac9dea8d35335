#include "conntrack.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <uv.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "arguments.h"
#include "conntrack_dump.h"
#include "netlink_answer.h"
#include "netlink_socket.h"

namespace tun {

namespace {

// A filtered request walks the whole table in the kernel: beyond so many, one dump costs less.
constexpr size_t kMostFiltered = 8;
constexpr size_t kRequestBytes = 64 * 1024;
constexpr int kReceiveBytes = 4 << 20;
// The table may change under a dump.
constexpr int kMostDumps = 3;
// A kernel that does not answer must not keep an address for ever.
constexpr time_t kAnswerSeconds = 10;

std::atomic<bool> filter_is_refused{false};

struct Socket : NetlinkSocket {
  Socket() : NetlinkSocket(NETLINK_NETFILTER) {
    if (error() != 0) return;
    const timeval limit = {kAnswerSeconds, 0};
    setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes));
  }
};

struct Job {
  FlowMatcher matcher;
  uv_thread_t thread = {};
  napi_threadsafe_function done = nullptr;
  int error = 0;
  const char* call = "ctnetlink";
  uint32_t deleted = 0;
};

// Answers to requests without NLM_F_ACK are complaints of flows that are gone already.
void Drain(Socket* socket, std::vector<uint8_t>* buffer) {
  while (socket->Receive(buffer->data(), buffer->size(), MSG_DONTWAIT) > 0) {
  }
}

int DeleteFiltered(uint32_t address, bool is_reply) {
  Socket socket;
  if (socket.error() != 0) return socket.error();
  std::vector<uint8_t> request;
  AppendFilteredDelete(address, is_reply, &request);
  const int error = socket.Send(request.data(), request.size());
  if (error != 0) return error;
  std::vector<uint8_t> buffer(8192);
  const ssize_t length = socket.Receive(buffer.data(), buffer.size(), 0);
  return length == -1 ? errno : ReadAcknowledgement({buffer.data(), static_cast<size_t>(length)});
}

// True if all of it is done.
bool ForgetFiltered(Job* job) {
  const FlowMatcher& matcher = job->matcher;
  const bool fits = matcher.ipv4.size() <= kMostFiltered && matcher.networks4.empty();
  if (!fits || filter_is_refused) return false;
  for (const uint32_t address : matcher.ipv4) {
    for (const bool is_reply : {false, true}) {
      const int error = DeleteFiltered(address, is_reply);
      if (error == 0) continue;
      if (error == EINVAL || error == EOPNOTSUPP) filter_is_refused = true;
      return false;  // the dump says what is wrong, if anything is
    }
  }
  return true;
}

enum class DumpEnd { kWhole, kInterrupted, kFailed };

DumpEnd DumpOnce(Job* job, uint8_t family) {
  Socket dump;
  Socket deletion;
  job->error = dump.error() != 0 ? dump.error() : deletion.error();
  if (job->error != 0) return DumpEnd::kFailed;
  struct {
    nlmsghdr header;
    nfgenmsg message;
  } request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.nfgen_family = family;
  job->error = dump.Send(&request, sizeof(request));
  if (job->error != 0) return DumpEnd::kFailed;
  std::vector<uint8_t> buffer(64 * 1024);
  std::vector<uint8_t> answers(8192);
  std::vector<uint8_t> requests;
  bool was_interrupted = false;
  for (;;) {
    const ssize_t length = dump.Receive(buffer.data(), buffer.size(), 0);
    if (length <= 0) {
      job->error = length == 0 ? EBADMSG : errno;
      return DumpEnd::kFailed;
    }
    const DumpResult result = ReadDump({buffer.data(), static_cast<size_t>(length)}, job->matcher, &requests);
    job->deleted += static_cast<uint32_t>(result.matched);
    if (!requests.empty() && (requests.size() >= kRequestBytes || result.state != DumpState::kMore)) {
      job->error = deletion.Send(requests.data(), requests.size());
      if (job->error != 0) return DumpEnd::kFailed;
      requests.clear();
      Drain(&deletion, &answers);
    }
    if (result.state == DumpState::kFailed) {
      job->error = result.error;
      return DumpEnd::kFailed;
    }
    if (result.was_interrupted) was_interrupted = true;
    if (result.state == DumpState::kDone) return was_interrupted ? DumpEnd::kInterrupted : DumpEnd::kWhole;
  }
}

void ForgetDumped(Job* job, uint8_t family) {
  for (int i = 0; i < kMostDumps; i++) {
    if (DumpOnce(job, family) != DumpEnd::kInterrupted) return;
  }
}

void Work(void* data) {
  auto* job = static_cast<Job*>(data);
  const FlowMatcher& matcher = job->matcher;
  const bool wants4 = !matcher.ipv4.empty() || !matcher.networks4.empty();
  const bool wants6 = !matcher.ipv6.empty() || !matcher.networks6.empty();
  if (wants4 && !ForgetFiltered(job)) ForgetDumped(job, AF_INET);
  if (wants6 && job->error == 0) ForgetDumped(job, AF_INET6);
  napi_call_threadsafe_function(job->done, job, napi_tsfn_blocking);
}

void Report(napi_env env, napi_value callback, void*, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  uv_thread_join(&job->thread);  // it has nothing left to do
  if (env == nullptr) return;
  napi_value arguments[2];
  napi_value receiver;
  if (job->error == 0) {
    napi_get_undefined(env, &arguments[0]);
  } else {
    arguments[0] = MakeErrno(env, job->error, job->call);
  }
  napi_create_uint32(env, job->deleted, &arguments[1]);
  napi_get_undefined(env, &receiver);
  napi_release_threadsafe_function(job->done, napi_tsfn_release);
  napi_call_function(env, receiver, callback, 2, arguments, nullptr);
}

uint64_t ReadBigEndian(const uint8_t* data, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length; i++) value = value << 8 | data[i];
  return value;
}

}  // namespace

napi_value ConntrackForget(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  View<uint8_t> ipv4, ipv6, networks4, networks6;
  if (!ReadArguments(env, info, 5, arguments) || !ReadBuffer(env, arguments[0], &ipv4) ||
      !ReadBuffer(env, arguments[1], &ipv6) || !ReadBuffer(env, arguments[2], &networks4) ||
      !ReadBuffer(env, arguments[3], &networks6) || !ReadFunction(env, arguments[4])) {
    return nullptr;
  }
  if (ipv4.length % 4 != 0 || ipv6.length % 8 != 0 || networks4.length % 8 != 0 || networks6.length % 16 != 0) {
    ThrowArgument(env, "addresses have 4 bytes, prefixes 8, networks twice as many");
    return nullptr;
  }
  auto job = std::make_unique<Job>();
  FlowMatcher& matcher = job->matcher;
  for (size_t i = 0; i < ipv4.length; i += 4) matcher.ipv4.insert(static_cast<uint32_t>(ReadBigEndian(ipv4.data + i, 4)));
  for (size_t i = 0; i < ipv6.length; i += 8) matcher.ipv6.insert(ReadBigEndian(ipv6.data + i, 8));
  for (size_t i = 0; i < networks4.length; i += 8) {
    matcher.networks4.emplace_back(static_cast<uint32_t>(ReadBigEndian(networks4.data + i, 4)),
                                   static_cast<uint32_t>(ReadBigEndian(networks4.data + i + 4, 4)));
  }
  for (size_t i = 0; i < networks6.length; i += 16) {
    matcher.networks6.emplace_back(ReadBigEndian(networks6.data + i, 8), ReadBigEndian(networks6.data + i + 8, 8));
  }
  napi_value name;
  if (napi_create_string_utf8(env, "conntrackForget", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, arguments[4], nullptr, name, 0, 1, nullptr, nullptr, nullptr, Report,
                                      &job->done) != napi_ok) {
    ThrowArgument(env, "no callback can be made");
    return nullptr;
  }
  // Not one of libuv's threads: those that began before the rights were dropped have none at all.
  const int error = uv_thread_create(&job->thread, Work, job.get());
  if (error != 0) {
    napi_release_threadsafe_function(job->done, napi_tsfn_abort);
    ThrowErrno(env, -error, "uv_thread_create");
    return nullptr;
  }
  job.release();
  return nullptr;
}

}  // namespace tun
