#include "netfilter.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "arguments.h"
#include "netlink_answer.h"
#include "netlink_socket.h"

namespace tun {

namespace {

constexpr size_t kReceiveBytes = 64 * 1024;
constexpr size_t kMostAnswer = 16 << 20;
constexpr size_t kMostHeard = 256 * 1024;
// A kernel that does not answer must not stop the process for long.
constexpr time_t kAnswerSeconds = 2;

struct Heard {
  std::vector<uint8_t> nftables;
  bool is_lost = false;
  bool forwarding = false;
};

struct Watch {
  int nftables = -1;
  int route = -1;
  int stop = -1;
  uv_thread_t thread = {};
  napi_threadsafe_function tell = nullptr;
};

Watch* the_watch = nullptr;

int OpenGroups(int protocol, std::initializer_list<int> groups) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd == -1) return -1;
  // Without a port of its own it would be taken for the kernel, and told nothing.
  sockaddr_nl own = {};
  own.nl_family = AF_NETLINK;
  bool is_in = bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0;
  for (const int group : groups) {
    is_in = is_in && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0;
  }
  if (is_in) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

void Hear(int fd, std::vector<uint8_t>* buffer, Heard* heard, bool keeps) {
  for (;;) {
    const ssize_t length = ReceiveFromKernel(fd, buffer->data(), buffer->size(), MSG_DONTWAIT);
    if (length == -1 && errno == ENOBUFS) {
      heard->is_lost = true;
      continue;
    }
    if (length <= 0) return;
    if (!keeps) continue;
    if (heard->nftables.size() + static_cast<size_t>(length) > kMostHeard) {
      heard->is_lost = true;
      continue;
    }
    heard->nftables.insert(heard->nftables.end(), buffer->data(), buffer->data() + length);
  }
}

void Listen(void* data) {
  auto* watch = static_cast<Watch*>(data);
  std::vector<uint8_t> buffer(kReceiveBytes);
  pollfd places[] = {{watch->nftables, POLLIN, 0}, {watch->route, POLLIN, 0}, {watch->stop, POLLIN, 0}};
  for (;;) {
    if (poll(places, 3, -1) == -1) {
      if (errno == EINTR) continue;
      return;
    }
    if (places[2].revents != 0) return;
    auto heard = std::make_unique<Heard>();
    if (places[0].revents != 0) Hear(watch->nftables, &buffer, heard.get(), true);
    if (places[1].revents != 0) {
      Hear(watch->route, &buffer, heard.get(), false);
      heard->forwarding = true;
    }
    if (napi_call_threadsafe_function(watch->tell, heard.get(), napi_tsfn_blocking) != napi_ok) return;
    heard.release();
  }
}

void Tell(napi_env env, napi_value callback, void*, void* data) {
  const std::unique_ptr<Heard> heard(static_cast<Heard*>(data));
  if (env == nullptr) return;
  napi_value arguments[3];
  napi_value receiver;
  if (napi_create_buffer_copy(env, heard->nftables.size(), heard->nftables.data(), nullptr, &arguments[0]) != napi_ok ||
      napi_create_int32(env, heard->is_lost ? 1 : 0, &arguments[1]) != napi_ok ||
      napi_create_int32(env, heard->forwarding ? 1 : 0, &arguments[2]) != napi_ok ||
      napi_get_undefined(env, &receiver) != napi_ok) {
    return;
  }
  napi_call_function(env, receiver, callback, 3, arguments, nullptr);
}

void CloseWatch(Watch* watch) {
  for (const int fd : {watch->nftables, watch->route, watch->stop}) {
    if (fd != -1) close(fd);
  }
  delete watch;
}

void EndWatch(void*) {
  if (the_watch == nullptr) return;
  Watch* watch = the_watch;
  the_watch = nullptr;
  const uint64_t one = 1;
  // The thread may be about to tell something, which nobody waits for any more.
  napi_release_threadsafe_function(watch->tell, napi_tsfn_abort);
  if (write(watch->stop, &one, sizeof(one)) == sizeof(one)) uv_thread_join(&watch->thread);
  CloseWatch(watch);
}

napi_value Fail(napi_env env, int error, const char* call) {
  ThrowErrno(env, error, call);
  return nullptr;
}

}  // namespace

napi_value NetfilterOpen(napi_env env, napi_callback_info info) {
  if (!ReadArguments(env, info, 0, nullptr)) return nullptr;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd == -1) return Fail(env, errno, "socket(NETLINK_NETFILTER)");
  const timeval limit = {kAnswerSeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  napi_value result = nullptr;
  napi_create_int32(env, fd, &result);
  return result;
}

napi_value NetfilterAsk(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd = -1;
  View<uint8_t> request;
  if (!ReadArguments(env, info, 2, arguments) || !ReadInt32(env, arguments[0], &fd) ||
      !ReadBuffer(env, arguments[1], &request)) {
    return nullptr;
  }
  if (request.length < sizeof(nlmsghdr)) {
    ThrowArgument(env, "a request begins with a header");
    return nullptr;
  }
  nlmsghdr header;
  std::memcpy(&header, request.data, sizeof(header));
  const bool is_dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  std::vector<uint8_t> buffer(kReceiveBytes);
  std::vector<uint8_t> answer;
  while (ReceiveFromKernel(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
    // What is left of a question that failed.
  }
  // As large as it is: all of it is one transaction.
  const int bytes = static_cast<int>(request.length) * 2;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  if (sendto(fd, request.data, request.length, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) == -1) {
    return Fail(env, errno, "nfnetlink");
  }
  for (;;) {
    const ssize_t length = ReceiveFromKernel(fd, buffer.data(), buffer.size(), is_dump ? 0 : MSG_DONTWAIT);
    if (length == -1 && errno == EAGAIN && !is_dump) break;
    if (length <= 0) return Fail(env, length == 0 ? EBADMSG : errno, "nfnetlink");
    answer.insert(answer.end(), buffer.data(), buffer.data() + length);
    if (answer.size() > kMostAnswer) return Fail(env, EMSGSIZE, "nfnetlink");
    if (is_dump && EndsDump({buffer.data(), static_cast<size_t>(length)})) break;
  }
  napi_value result = nullptr;
  napi_create_buffer_copy(env, answer.size(), answer.data(), nullptr, &result);
  return result;
}

napi_value NetfilterClose(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd = -1;
  if (!ReadArguments(env, info, 1, arguments) || !ReadInt32(env, arguments[0], &fd)) return nullptr;
  close(fd);
  return nullptr;
}

napi_value NetworkWatch(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!ReadArguments(env, info, 1, arguments) || !ReadFunction(env, arguments[0])) return nullptr;
  if (the_watch != nullptr) return Fail(env, EALREADY, "netlink");
  auto watch = std::make_unique<Watch>();
  watch->nftables = OpenGroups(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
  if (watch->nftables != -1) watch->route = OpenGroups(NETLINK_ROUTE, {RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF});
  if (watch->route != -1) watch->stop = eventfd(0, EFD_CLOEXEC);
  if (watch->stop == -1) {
    const int error = errno;
    CloseWatch(watch.release());
    return Fail(env, error, "netlink");
  }
  napi_value name;
  if (napi_create_string_utf8(env, "networkWatch", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, arguments[0], nullptr, name, 64, 1, nullptr, nullptr, nullptr, Tell,
                                      &watch->tell) != napi_ok) {
    CloseWatch(watch.release());
    ThrowArgument(env, "no callback can be made");
    return nullptr;
  }
  napi_unref_threadsafe_function(env, watch->tell);
  const int error = uv_thread_create(&watch->thread, Listen, watch.get());
  if (error != 0) {
    napi_release_threadsafe_function(watch->tell, napi_tsfn_abort);
    CloseWatch(watch.release());
    return Fail(env, -error, "uv_thread_create");
  }
  the_watch = watch.release();
  napi_add_env_cleanup_hook(env, EndWatch, nullptr);
  return nullptr;
}

napi_value NetworkUnwatch(napi_env env, napi_callback_info info) {
  if (!ReadArguments(env, info, 0, nullptr) || the_watch == nullptr) return nullptr;
  napi_remove_env_cleanup_hook(env, EndWatch, nullptr);
  EndWatch(nullptr);
  return nullptr;
}

}  // namespace tun
