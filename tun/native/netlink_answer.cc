#include "netlink_answer.h"

#include <cerrno>
#include <cstring>

namespace tun {

namespace {

// Linux's MAX_ERRNO. What is beyond is no error, and the least number has no negation.
constexpr int32_t kMostErrno = 4095;

}  // namespace

bool TakeMessage(ByteSpan* data, nlmsghdr* header, ByteSpan* body) {
  if (data->length < NLMSG_HDRLEN) return false;
  std::memcpy(header, data->data, sizeof(*header));
  const size_t length = header->nlmsg_len;
  if (length < NLMSG_HDRLEN || length > data->length) return false;
  *body = {data->data + NLMSG_HDRLEN, length - NLMSG_HDRLEN};
  const size_t step = NLMSG_ALIGN(length);
  *data = step < data->length ? ByteSpan{data->data + step, data->length - step} : ByteSpan{};
  return true;
}

int ErrnoOf(ByteSpan body) {
  int32_t error = 0;
  if (body.length < sizeof(error)) return EBADMSG;
  std::memcpy(&error, body.data, sizeof(error));
  return error <= 0 && error >= -kMostErrno ? -error : EBADMSG;
}

int ReadAcknowledgement(ByteSpan data) {
  nlmsghdr header;
  ByteSpan body;
  return TakeMessage(&data, &header, &body) && header.nlmsg_type == NLMSG_ERROR ? ErrnoOf(body) : EBADMSG;
}

bool EndsDump(ByteSpan data) {
  nlmsghdr header;
  ByteSpan body;
  while (TakeMessage(&data, &header, &body)) {
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return true;
  }
  return data.length >= NLMSG_HDRLEN;
}

}  // namespace tun
