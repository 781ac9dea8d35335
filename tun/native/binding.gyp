{
  "targets": [
    {
      "target_name": "tun",
      "sources": ["addon.cc", "arguments.cc", "device.cc", "privileges.cc"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17"],
    }
  ]
}
