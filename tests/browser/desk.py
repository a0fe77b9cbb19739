"""What one sees and does on the demo page."""

from __future__ import annotations

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

PHASES = {
    "idle": "idle",
    "searching": "searching",
    "matched": "matched",
    "waiting": "confirmed",
    "session": "in session",
}


class Seat:
    """One person's side of the page."""

    def __init__(self, page: Page, side: str, topic: str) -> None:
        self.place = page.locator(f".seat.{side}")
        self._topic = topic

    def button(self, name: str) -> Locator:
        return self.place.get_by_role("button", name=name, exact=True)

    async def press(self, name: str) -> None:
        await self.button(name).click()

    async def choose(self, difficulty: str = "easy") -> None:
        await self.place.get_by_role("radio", name=difficulty).check()
        await self.place.get_by_label("Topic").fill(self._topic)

    async def find(self) -> None:
        await self.choose()
        await self.press("Find a partner")

    async def is_at(self, phase: str) -> None:
        await expect(self.place.locator(".badge")).to_have_text(PHASES[phase])

    async def is_connected(self) -> None:
        await expect(self.place.locator(".line")).to_have_text("connected")

    async def reads(self, sentence: str) -> None:
        await expect(self.place.get_by_role("status")).to_have_text(sentence)

    async def heard(self, *frames: str) -> None:
        """These were the latest, the last one on top."""
        await expect(self.place.locator(".diary .heard code").first).to_have_text(frames[-1])
        shown = await self.place.locator(".diary .heard code").all_inner_texts()
        assert tuple(shown[len(frames) - 1 :: -1]) == frames, shown


class Desk:
    """A window whose pages may ask nobody but the service, and find nothing to complain about."""

    def __init__(self, context: BrowserContext, *, number: int) -> None:
        self.complaints: list[str] = []
        self.forgiven: set[str] = set()
        self.asked: list[str] = []
        self.topic = f"Topic {number}"
        self.names = (f"Ada{number}", f"Ben{number}")
        self._context = context

    async def prepare(self) -> None:
        one, other = self.names
        await self._context.add_init_script(
            "if (location.protocol !== 'about:')"
            f"for (const [side, name] of [['one', '{one}'], ['other', '{other}']])"
            " if (!sessionStorage.getItem(side)) sessionStorage.setItem(side, name);"
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error('CSP', event.violatedDirective, event.blockedURI));"
        )
        self._context.on("console", self._on_console)
        self._context.on("request", self._on_request)
        self._context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        is_refusal = "the server responded with a status of 4" in message.text  # Chromium writes down every one
        if message.type in ("error", "warning") and not is_refusal and message.text not in self.forgiven:
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        self.asked.append(f"{request.method} {request.url}")

    async def open(self, path: str = "/") -> Page:
        """A new tab."""
        page = await self._context.new_page()
        await page.goto(path)
        return page

    async def seats(self, page: Page) -> tuple[Seat, Seat]:
        """Both sides of the demo page, connected."""
        one, other = (Seat(page, side, self.topic) for side in ("one", "other"))
        await one.is_connected()
        await other.is_connected()
        return one, other

    def posted(self, path: str) -> int:
        """How often this was posted."""
        return sum(asked.startswith("POST ") and asked.endswith(path) for asked in self.asked)

    def strangers(self, own: str) -> list[str]:
        """Requests to anyone but *own*."""
        mine = (f"{own}/", "data:", "blob:")
        return [asked for asked in self.asked if not asked.split(" ", 1)[1].startswith(mine)]
