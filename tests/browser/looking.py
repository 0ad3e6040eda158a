"""A page as a person has it before them: what it complains of, what lies over what, what can be pressed and what that
changes. Nothing here knows what the page is about, so it holds for whatever the page comes to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WAIT = 20.0  # seconds a change may take to show; how fast it is, is asked elsewhere

STATE = """
() => {
  let hash = 0;
  const add = (text) => {
    for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  };
  for (const part of document.body.children) if (part.tagName !== "SCRIPT") add(part.outerHTML);
  for (const canvas of document.querySelectorAll("canvas")) add(canvas.toDataURL());
  return hash;
}
"""

CONTROLS = """
() => {
  const wanted = "summary, button, input, select, textarea, a[href], [role=button], [role=tab], [role=slider]";
  const text = (e) => e.getAttribute("aria-label") || e.innerText || e.labels?.[0]?.innerText || e.name || e.id || "";
  const path = (e) => e === document.body ? "body"
    : `${path(e.parentElement)} > :nth-child(${[...e.parentElement.children].indexOf(e) + 1})`;
  return [...document.querySelectorAll(wanted)]
    .filter((e) => !e.closest(".js-plotly-plot") && !e.disabled)
    .map((e) => {
      const tag = e.getAttribute("role") || e.tagName.toLowerCase();
      const kind = e.matches("input") ? e.type : e.matches("a") ? "link" : tag;
      const name = text(e).trim().slice(0, 60);
      return { path: path(e), kind, name, href: e.getAttribute("href") };
    });
}
"""

# Rectangles of every text that shows, cut to what their scrolling ancestors let through.
OVERLAPS = """
() => {
  const shown = (element, rect) => {
    let { left, top, right, bottom } = rect;
    for (let e = element; e && e !== document.documentElement; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.position === "fixed" || style.position === "sticky" || style.opacity === "0") return null;
      if (style.clip !== "auto" || style.clipPath !== "none" && !e.closest("svg")) return null;
      if (style.overflowX !== "visible" || style.overflowY !== "visible") {
        const box = e.getBoundingClientRect();
        left = Math.max(left, box.left); right = Math.min(right, box.right);
        top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
      }
    }
    return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : null;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement, text = node.data.trim();
    if (!text || parent.closest("script, style, title, noscript") || !parent.checkVisibility()) continue;
    if (parent.closest("details:not([open])") && !parent.closest("summary")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const cut = shown(parent, rect);
      if (cut) found.push({ ...cut, text: text.slice(0, 40), parent });
    }
  }
  found.sort((a, b) => a.top - b.top);
  const slack = 3, over = [];
  for (let i = 0; i < found.length; i++) {
    for (let j = i + 1; j < found.length && found[j].top < found[i].bottom - slack; j++) {
      const a = found[i], b = found[j];
      if (a.parent === b.parent) continue;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > slack && high > slack) over.push(`${a.text} | ${b.text}`);
    }
  }
  return over;
}
"""

WIDER = """
() => [...document.querySelectorAll("body *")]
  .filter((e) => e.checkVisibility() && !e.closest("svg"))
  .filter((e) => {
    for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return false;
    return e.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
  })
  .map((e) => `${e.tagName} ${e.className} ${e.innerText?.slice(0, 40)}`)
"""

DRAWN = """
() => [...document.querySelectorAll("[data-figure]")].every((e) => !e.checkVisibility() || e.matches(".js-plotly-plot"))
"""


# A reader waits for the window to be painted: only then does the page know what is in sight.
SEEN_FROM = """
(top) => new Promise((seen) => {
  scrollTo(0, top);
  requestAnimationFrame(() => requestAnimationFrame(seen));
})
"""


class Look:
    """An opened page. ``complaints``: errors of its console and scripts, and what it asked for and did not get, but for
    addresses that contain one of ``quiet``."""

    def __init__(self, context: Any, address: str, quiet: tuple[str, ...] = ()) -> None:
        self.context, self.complaints = context, list[str]()
        context.set_default_timeout(6000 * WAIT)  # a machine may be busy
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(f"{address}: {error}"))
        self.page.on("console", lambda said: self._hear(said, quiet))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"{address}: a dialog says {dialog.message}"))
        self.page.goto(address)

    def _hear(self, said: Any, quiet: tuple[str, ...]) -> None:
        where = said.location.get("url", "")
        if said.type == "error" and not any(each in where or each in said.text for each in quiet):
            self.complaints.append(f"{said.text} ({where})")

    def read_through(self) -> None:
        """Scrolls from top to bottom, as a reader does, until all that is drawn on sight is drawn; and back."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        for top in range(0, height + 1, 700):
            self.page.evaluate(SEEN_FROM, top)
        self.page.wait_for_function(DRAWN, timeout=1000 * WAIT)
        self.page.evaluate("scrollTo(0, 0)")
        self.settled()

    def state(self) -> int:
        """A number that changes when anything on the page does, pictures too; but for what a control says of itself."""
        return int(self.page.evaluate(STATE))

    def settled(self) -> int:
        """The state once it has stopped changing."""
        before, now = None, self.state()
        end = time.monotonic() + WAIT
        while before != now and time.monotonic() < end:
            self.page.wait_for_timeout(60)
            before, now = now, self.state()
        return now

    def changes(self, act: Callable[[], object]) -> bool:
        """Whether the page is another after ``act``."""
        before = self.settled()
        act()
        end = time.monotonic() + WAIT
        while self.state() == before:
            if time.monotonic() > end:
                return False
            self.page.wait_for_timeout(30)
        return True

    def controls(self) -> list[dict[str, Any]]:
        """Everything that can be pressed, moved, chosen, filled or followed, in its order, outside of charts."""
        found: list[dict[str, Any]] = self.page.evaluate(CONTROLS)
        return found

    def control(self, told: dict[str, Any]) -> Any:
        """The control that is where `controls` told of one."""
        return self.page.locator(f"css={told['path']}")

    def is_on(self, told: dict[str, Any]) -> bool:
        """Whether it is chosen now among others of its kind, so that to use it changes nothing."""
        chosen = "(e) => e.type === 'radio' && e.checked || !['false', null].includes(e.getAttribute('aria-current'))"
        return bool(self.control(told).evaluate(chosen))

    def unfold(self) -> None:
        """Opens everything that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

    def overlaps(self) -> list[str]:
        """Pairs of texts that lie over each other."""
        found: list[str] = self.page.evaluate(OVERLAPS)
        return found

    def wider(self) -> list[str]:
        """What makes the page wider than the window."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found: list[str] = self.page.evaluate(WIDER)
        return found or ["a text of the page"] * (wide > 0)


Open = Callable[..., Look]  # the fixture `look`
