"""Where the API lives."""

from typing import Final

BASE: Final = "/api/v1/matching"
SOCKET: Final = f"{BASE}/ws"
