#include "netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "arguments.h"

namespace tun {

namespace {

struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  char attributes[64];
};

void AddAttribute(RouteRequest* request, uint16_t type, const void* data, size_t length) {
  const size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
  rtattr attribute = {};
  attribute.rta_type = type;
  attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(length));
  char* place = reinterpret_cast<char*>(request) + at;
  std::memcpy(place, &attribute, sizeof(attribute));
  std::memcpy(place + RTA_LENGTH(0), data, length);
  request->header.nlmsg_len = static_cast<uint32_t>(at + RTA_ALIGN(RTA_LENGTH(length)));
}

// 0, or the errno that the kernel answered.
int Ask(const RouteRequest& request) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd == -1) return errno;
  int result = 0;
  if (send(fd, &request, request.header.nlmsg_len, 0) == -1) {
    result = errno;
  } else {
    // The answer is there when send returns. It quotes the request, which has no room here and need not.
    alignas(nlmsghdr) char answer[256];
    const ssize_t length = recv(fd, answer, sizeof(answer), 0);
    nlmsghdr header = {};
    nlmsgerr error = {};
    if (length == -1) {
      result = errno;
    } else if (static_cast<size_t>(length) < NLMSG_LENGTH(sizeof(error))) {
      result = EBADMSG;
    } else {
      std::memcpy(&header, answer, sizeof(header));
      std::memcpy(&error, answer + NLMSG_LENGTH(0), sizeof(error));
      result = header.nlmsg_type == NLMSG_ERROR ? -error.error : EBADMSG;
    }
  }
  close(fd);
  return result;
}

// What both functions begin with. False with an exception pending.
bool ReadRoute(napi_env env, napi_callback_info info, RouteRequest* request) {
  napi_value arguments[3];
  std::string device;
  View<uint8_t> destination;
  int32_t prefix_length = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadText(env, arguments[0], &device) ||
      !ReadBuffer(env, arguments[1], &destination) || !ReadInt32(env, arguments[2], &prefix_length)) {
    return false;
  }
  const bool is_address = destination.length == 4 || destination.length == 16;
  if (!is_address || static_cast<size_t>(prefix_length) > destination.length * 8) {
    ThrowArgument(env, "a destination has 4 or 16 bytes, and a prefix length of no more bits");
    return false;
  }
  const uint32_t index = if_nametoindex(device.c_str());
  if (index == 0) {
    ThrowErrno(env, errno, "if_nametoindex");
    return false;
  }
  *request = {};
  request->header.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
  request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request->route.rtm_family = destination.length == 4 ? AF_INET : AF_INET6;
  request->route.rtm_dst_len = static_cast<uint8_t>(prefix_length);
  request->route.rtm_table = RT_TABLE_MAIN;
  AddAttribute(request, RTA_DST, destination.data, destination.length);
  AddAttribute(request, RTA_OIF, &index, sizeof(index));
  return true;
}

}  // namespace

napi_value RouteReplace(napi_env env, napi_callback_info info) {
  RouteRequest request;
  if (!ReadRoute(env, info, &request)) return nullptr;
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
  request.route.rtm_protocol = RTPROT_STATIC;
  request.route.rtm_scope = request.route.rtm_family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  request.route.rtm_type = RTN_UNICAST;
  const int error = Ask(request);
  if (error != 0) ThrowErrno(env, error, "RTM_NEWROUTE");
  return nullptr;
}

napi_value RouteRemove(napi_env env, napi_callback_info info) {
  RouteRequest request;
  if (!ReadRoute(env, info, &request)) return nullptr;
  request.header.nlmsg_type = RTM_DELROUTE;
  request.route.rtm_scope = RT_SCOPE_NOWHERE;  // any
  const int error = Ask(request);
  if (error != 0 && error != ESRCH) ThrowErrno(env, error, "RTM_DELROUTE");
  return nullptr;
}

}  // namespace tun
