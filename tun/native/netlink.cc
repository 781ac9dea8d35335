#include "netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "arguments.h"
#include "netlink_answer.h"
#include "netlink_socket.h"

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
  NetlinkSocket socket(NETLINK_ROUTE);
  if (socket.error() != 0) return socket.error();
  const int error = socket.Send(&request, request.header.nlmsg_len);
  if (error != 0) return error;
  // The answer is there when the request is sent. It quotes that.
  uint8_t answer[256];
  static_assert(NLMSG_LENGTH(sizeof(nlmsgerr)) + sizeof(request) <= sizeof(answer));
  const ssize_t length = socket.Receive(answer, sizeof(answer), MSG_DONTWAIT);
  return length == -1 ? errno : ReadAcknowledgement({answer, static_cast<size_t>(length)});
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
