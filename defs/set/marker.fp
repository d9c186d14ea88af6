# Allow list: a body with this hash is clean, though Baleen.Marker.Allowed matches it. The body is the line
# "BALEEN-MARKER-ALLOWED, but known to be harmless" with its line feed.
96e1c7f2d835cc9a0515d0c5b3ffa057:48:Baleen.Marker.Allowed
