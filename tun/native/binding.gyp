{
  "targets": [
    {
      "target_name": "tun",
      "sources": [
        "addon.cc", "arguments.cc", "device.cc", "privileges.cc", "listen_socket.cc",
        "netfilter.cc", "netlink.cc", "netlink_answer.cc", "netlink_socket.cc", "conntrack.cc", "conntrack_dump.cc",
        "confine.cc", "cage_filter.cc",
        "checksum.cc", "packet.cc", "coalesce.cc", "ingress.cc", "frames.cc", "fragment.cc",
        "engine_test_api.cc",
        "codel.cc", "inflight.cc", "scheduler.cc", "path.cc", "path_receive.cc",
        "path_loop.cc", "path_api.cc", "path_api_stats.cc"
      ],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-O3", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17"],
    }
  ],
  "conditions": [
    ["target_arch in ('x64', 'arm64')", {
      "targets": [
        {
          "target_name": "sstpd-cage",
          "type": "executable",
          "sources": ["cage.cc", "cage_filter.cc"],
          "cflags": ["-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"],
          "cflags_cc": ["-std=c++17"],
          "ldflags": ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noexecstack"],
          "ldflags!": ["-rdynamic"],
        }
      ],
    }],
  ],
}
