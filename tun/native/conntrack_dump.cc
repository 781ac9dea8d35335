#include "conntrack_dump.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>

namespace tun {

namespace {

// Newer than the headers of some distributions; Linux 5.8.
constexpr uint16_t kCtaFilter = 25;
constexpr uint16_t kFilterOrigFlags = 1;
constexpr uint16_t kFilterReplyFlags = 2;
constexpr uint32_t kFilterSource = 1;

constexpr uint16_t kDelete = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
constexpr uint16_t kNew = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;

// The value of the first attribute of this type, or of the whole attribute; nothing if there is none that fits.
ByteSpan Find(ByteSpan all, uint16_t type, bool whole = false) {
  while (all.length >= sizeof(nlattr)) {
    nlattr attribute;
    std::memcpy(&attribute, all.data, sizeof(attribute));
    if (attribute.nla_len < sizeof(nlattr) || attribute.nla_len > all.length) return {};
    if ((attribute.nla_type & NLA_TYPE_MASK) == type) {
      if (whole) return {all.data, attribute.nla_len};
      return {all.data + NLA_HDRLEN, static_cast<size_t>(attribute.nla_len) - NLA_HDRLEN};
    }
    const size_t step = NLA_ALIGN(static_cast<size_t>(attribute.nla_len));
    if (step >= all.length) return {};
    all = {all.data + step, all.length - step};
  }
  return {};
}

uint64_t BigEndian(const uint8_t* data, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length; i++) value = value << 8 | data[i];
  return value;
}

bool Matches(ByteSpan tuple, const FlowMatcher& matcher) {
  const ByteSpan addresses = Find(tuple, CTA_TUPLE_IP);
  for (const uint16_t type : {CTA_IP_V4_SRC, CTA_IP_V4_DST}) {
    const ByteSpan address = Find(addresses, type);
    if (address.length == 4 && matcher.Has4(static_cast<uint32_t>(BigEndian(address.data, 4)))) return true;
  }
  for (const uint16_t type : {CTA_IP_V6_SRC, CTA_IP_V6_DST}) {
    const ByteSpan address = Find(addresses, type);
    if (address.length == 16 && matcher.Has6(BigEndian(address.data, 8))) return true;
  }
  return false;
}

void Append(std::vector<uint8_t>* out, const void* data, size_t length) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  out->insert(out->end(), bytes, bytes + length);
  out->resize(NLMSG_ALIGN(out->size()));
}

// @returns where its length goes when it is known
size_t Begin(std::vector<uint8_t>* out, uint16_t flags, uint8_t family) {
  const size_t at = out->size();
  nlmsghdr header = {};
  header.nlmsg_type = kDelete;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  Append(out, &header, sizeof(header));
  nfgenmsg message = {};
  message.nfgen_family = family;
  message.version = NFNETLINK_V0;
  Append(out, &message, sizeof(message));
  return at;
}

void End(std::vector<uint8_t>* out, size_t at) {
  const auto length = static_cast<uint32_t>(out->size() - at);
  std::memcpy(out->data() + at, &length, sizeof(length));
}

size_t BeginNested(std::vector<uint8_t>* out, uint16_t type) {
  const size_t at = out->size();
  const nlattr attribute = {0, static_cast<uint16_t>(type | NLA_F_NESTED)};
  Append(out, &attribute, sizeof(attribute));
  return at;
}

void EndNested(std::vector<uint8_t>* out, size_t at) {
  const auto length = static_cast<uint16_t>(out->size() - at);
  std::memcpy(out->data() + at, &length, sizeof(length));
}

void AppendValue(std::vector<uint8_t>* out, uint16_t type, const void* data, size_t length) {
  const nlattr attribute = {static_cast<uint16_t>(NLA_HDRLEN + length), type};
  Append(out, &attribute, sizeof(attribute));
  Append(out, data, length);
}

}  // namespace

bool FlowMatcher::Has4(uint32_t address) const {
  if (ipv4.count(address) != 0) return true;
  for (const auto& [network, mask] : networks4) {
    if ((address & mask) == network) return true;
  }
  return false;
}

bool FlowMatcher::Has6(uint64_t prefix) const {
  if (ipv6.count(prefix) != 0) return true;
  for (const auto& [network, mask] : networks6) {
    if ((prefix & mask) == network) return true;
  }
  return false;
}

DumpResult ReadDump(ByteSpan received, const FlowMatcher& matcher, std::vector<uint8_t>* requests) {
  DumpResult result;
  nlmsghdr header;
  ByteSpan body;
  while (TakeMessage(&received, &header, &body)) {
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) result.was_interrupted = true;
    // A dump that fails in the middle says so in the message that ends it.
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      result.error = ErrnoOf(body);
      result.state = result.error == 0 ? DumpState::kDone : DumpState::kFailed;
      return result;
    }
    if (header.nlmsg_type == kNew && body.length >= sizeof(nfgenmsg)) {
      nfgenmsg message;
      std::memcpy(&message, body.data, sizeof(message));
      const ByteSpan attributes = {body.data + sizeof(message), body.length - sizeof(message)};
      const ByteSpan orig = Find(attributes, CTA_TUPLE_ORIG);
      if (Matches(orig, matcher) || Matches(Find(attributes, CTA_TUPLE_REPLY), matcher)) {
        const size_t at = Begin(requests, 0, message.nfgen_family);
        // The identifier keeps a newer flow between the same ends.
        for (const uint16_t type : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID}) {
          const ByteSpan attribute = Find(attributes, type, true);
          if (attribute.length != 0) Append(requests, attribute.data, attribute.length);
        }
        End(requests, at);
        result.matched += 1;
      }
    }
  }
  return result;
}

void AppendFilteredDelete(uint32_t address, bool is_reply, std::vector<uint8_t>* requests) {
  const uint8_t bytes[4] = {static_cast<uint8_t>(address >> 24), static_cast<uint8_t>(address >> 16),
                            static_cast<uint8_t>(address >> 8), static_cast<uint8_t>(address)};
  const size_t at = Begin(requests, NLM_F_ACK, AF_INET);
  const size_t tuple = BeginNested(requests, is_reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
  const size_t ip = BeginNested(requests, CTA_TUPLE_IP);
  AppendValue(requests, CTA_IP_V4_SRC, bytes, sizeof(bytes));
  EndNested(requests, ip);
  EndNested(requests, tuple);
  const size_t filter = BeginNested(requests, kCtaFilter);
  AppendValue(requests, is_reply ? kFilterReplyFlags : kFilterOrigFlags, &kFilterSource, sizeof(kFilterSource));
  EndNested(requests, filter);
  End(requests, at);
}

}  // namespace tun
