// Puts newer sections in the place of older ones. Without it the page is as it was when it was asked for.
(() => {
  "use strict";
  const EVERY = 2000, SLOWEST = 30000, PATIENCE = 10000;
  const root = document.documentElement, live = document.getElementById("live"), shown = new Map();
  let failures = 0, timer = 0, last = Date.now(), looking = false;

  const inUse = (section) => {
    const selection = getSelection();
    return selection && !selection.isCollapsed && section.contains(selection.anchorNode);
  };
  const put = (id, html) => {
    const section = document.getElementById(id);
    if (!section || shown.get(id) === html || inUse(section)) return;
    const open = [...section.querySelectorAll("details[open]")].map((one) => one.id);
    const scrolled = [...section.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    const focusables = "a,button,summary,[tabindex]";
    const focus = section.contains(document.activeElement)
      ? [...section.querySelectorAll(focusables)].indexOf(document.activeElement) : -1;
    section.innerHTML = html;
    shown.set(id, html);
    for (const one of section.querySelectorAll("details")) one.open = open.includes(one.id);
    section.querySelectorAll(".scroll").forEach((one, place) => { one.scrollLeft = scrolled[place] || 0; });
    if (focus >= 0) section.querySelectorAll(focusables)[focus]?.focus({ preventScroll: true });
  };
  const say = (state, text) => {
    root.dataset.live = state;
    if (live.lastElementChild.textContent !== text) live.lastElementChild.textContent = text;
  };
  const look = async () => {
    if (looking) return;
    looking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch("/page.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(answer.status);
      const page = await answer.json();
      if (page.page !== root.dataset.page) { location.reload(); return; }
      page.sections.forEach(([id, html]) => put(id, html));
      document.title = page.title;
      failures = 0;
      last = Date.now();
      say("on", "live");
    } catch {
      failures += 1;
      if (failures > 1) say("off", `no answer for ${Math.round((Date.now() - last) / 1000)} s: shown is what the proxy said last`);
    } finally {
      looking = false;
      if (!document.hidden) timer = setTimeout(look, Math.min(EVERY * 2 ** Math.max(failures - 1, 0), SLOWEST));
    }
  };
  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };

  root.classList.add("scripted");
  document.addEventListener("click", (event) => { if (event.target.matches("button.copy")) copy(event.target); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  timer = setTimeout(look, EVERY);
})();
