{
  "targets": [
    {
      "target_name": "tun",
      "sources": [
        "addon.cc", "arguments.cc", "device.cc", "privileges.cc", "listen_socket.cc",
        "netlink.cc", "netlink_answer.cc", "netlink_socket.cc", "conntrack.cc", "conntrack_dump.cc",
        "checksum.cc", "packet.cc", "coalesce.cc", "ingress.cc", "frames.cc", "fragment.cc",
        "engine_test_api.cc",
        "codel.cc", "inflight.cc", "scheduler.cc", "slots.cc", "slots-receive.cc",
        "device-path.cc", "datapath.cc", "datapath-stats.cc"
      ],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-O3", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17"],
    }
  ]
}
