// Everything here is an extra: the site works without it.
"use strict";

const TYPING_PAUSE_MS = 120;
// Suggestions by meaning take longer and are filled in when the typing rests.
const MEANING_PAUSE_MS = 350;
const MOST_SUGGESTIONS = 8;
const PANEL_POLL_MS = 2000;

// --- Ctrl+K or Command+K focuses the search box; a letter alone would act on who speaks to the page (WCAG 2.1.4) ----------
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  const box = document.querySelector("input[type=search]");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

// --- suggestions: a combobox with a list, walked by arrows ---------------------------------------------------------------
function suggestFor(input) {
  const form = input.form;
  const status = form.querySelector("[data-suggest-status]");
  const list = document.createElement("ul");
  list.id = `${input.id}-suggestions`;
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.labels[0] ? input.labels[0].textContent : input.placeholder);
  list.hidden = true;
  form.append(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
  })) input.setAttribute(name, value);

  let timer = 0;
  let later = 0;
  let asked = null;
  let typed = input.value;
  let active = -1;

  const options = () => Array.from(list.children);

  // What was typed goes along, so that a suggestion taken counts as a question answered.
  function chosen(option) {
    // Stay where the reader is: the public address may be another one.
    const given = new URL(option.dataset.url, location.href);
    const url = new URL(given.pathname + given.search + given.hash, location.href);
    if (!("search" in option.dataset)) url.searchParams.set("typed", typed);
    return url.href;
  }

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function select(index) {
    const all = options();
    if (!all.length) return;
    // A list that is being walked does not change any more.
    clearTimeout(timer);
    clearTimeout(later);
    if (asked) asked.abort();
    active = (index + all.length + 1) % (all.length + 1);
    all.forEach((option, place) => option.setAttribute("aria-selected", String(place === active)));
    if (active === all.length) {
      input.value = typed;
      input.removeAttribute("aria-activedescendant");
    } else {
      input.value = all[active].dataset.text;
      input.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    }
  }

  // The text with what was typed in bold.
  function marked(text) {
    const words = typed.trim().split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const part = new RegExp(`(${words.join("|")})`, "i");
    return text.split(part).filter(Boolean).map((piece) => {
      if (!part.test(piece)) return piece;
      const bold = document.createElement("b");
      bold.textContent = piece;
      return bold;
    });
  }

  // The last line searches for what was typed.
  function searchLine(place) {
    const option = document.createElement("li");
    option.id = `${list.id}-${place}`;
    option.className = "suggestion-search";
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.dataset.text = typed;
    option.dataset.search = "";
    const url = new URL(form.action, location.href);
    url.searchParams.set("q", typed);
    option.dataset.url = url.href;
    option.textContent = input.dataset.search.replace("{q}", () => typed.trim());
    return option;
  }

  function show(suggestions) {
    list.replaceChildren(...suggestions.map((suggestion, place) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${place}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.text = suggestion.text;
      option.dataset.url = suggestion.url;
      const text = document.createElement("span");
      text.lang = suggestion.lang;
      text.append(...marked(suggestion.text));
      const section = document.createElement("span");
      section.className = "suggestion-section";
      section.textContent = suggestion.section;
      option.append(text, section);
      return option;
    }));
    if (suggestions.length) list.append(searchLine(suggestions.length));
    active = options().length;
    list.hidden = !suggestions.length;
    input.setAttribute("aria-expanded", String(suggestions.length > 0));
    input.removeAttribute("aria-activedescendant");
    status.textContent = suggestions.length ? input.dataset.count.replace("{n}", suggestions.length) : input.dataset.none;
  }

  async function fetchSuggestions(by) {
    const url = new URL(input.dataset.suggest, location.href);
    url.searchParams.set("q", typed);
    if (by) url.searchParams.set("by", by);
    const response = await fetch(url, { signal: asked.signal });
    return response.ok ? (await response.json()).suggestions : [];
  }

  async function ask() {
    if (asked) asked.abort();
    clearTimeout(later);
    if (!typed.trim()) return close();
    asked = new AbortController();
    try {
      const completed = await fetchSuggestions("");
      if (document.activeElement !== input) return;
      show(completed);
      if (completed.length < MOST_SUGGESTIONS) later = setTimeout(() => fillIn(completed), MEANING_PAUSE_MS);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  }

  // Articles that mean what was typed are added below, unless somebody is walking the list already.
  async function fillIn(completed) {
    try {
      const known = new Set(completed.map((suggestion) => suggestion.article_id));
      const meant = (await fetchSuggestions("meaning")).filter((suggestion) => !known.has(suggestion.article_id));
      const walking = active >= 0 && active < options().length;
      if (meant.length && !walking && document.activeElement === input) show([...completed, ...meant].slice(0, MOST_SUGGESTIONS));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  // While Japanese is being composed the half-typed kana are asked for too.
  input.addEventListener("input", () => {
    typed = input.value;
    clearTimeout(timer);
    timer = setTimeout(ask, TYPING_PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && !list.hidden) { event.preventDefault(); select(active >= options().length ? 0 : active + 1); }
    else if (event.key === "ArrowUp" && !list.hidden) { event.preventDefault(); select(active <= 0 ? options().length - (active === 0 ? 0 : 1) : active - 1); }
    else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); input.value = typed; close(); }
    else if (event.key === "Enter" && !list.hidden && active >= 0 && active < options().length) {
      event.preventDefault();
      location.assign(chosen(options()[active]));
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(chosen(option));
  });
  input.addEventListener("blur", () => setTimeout(close, 100));
}
document.querySelectorAll("input[data-suggest]").forEach(suggestFor);

// --- a link to each heading, to copy -------------------------------------------------------------------------------------
// What a button did, for those who do not see it.
function announce(text) {
  let told = document.getElementById("kb-told");
  if (!told) {
    told = document.createElement("p");
    told.id = "kb-told";
    told.className = "visually-hidden";
    told.setAttribute("role", "status");
    document.body.append(told);
  }
  told.textContent = "";
  setTimeout(() => { told.textContent = text; }, 50);
}

let names = 0;
for (const prose of document.querySelectorAll(".prose[data-copy]")) {
  for (const heading of prose.querySelectorAll("h2[id], h3[id], h4[id]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "heading-link";
    button.textContent = "#";
    button.setAttribute("aria-label", `${prose.dataset.copy}: ${heading.textContent}`);
    // The button is no part of the heading's name.
    const words = document.createElement("span");
    names += 1;
    words.id = `kb-heading-${names}`;
    words.append(...heading.childNodes);
    heading.append(words);
    heading.setAttribute("aria-labelledby", words.id);
    button.addEventListener("click", async () => {
      const url = new URL(`#${encodeURIComponent(heading.id)}`, location.href).href;
      history.replaceState(null, "", url);
      try { await navigator.clipboard.writeText(url); } catch { return; }
      button.textContent = prose.dataset.copied;
      announce(prose.dataset.copied);
      setTimeout(() => { button.textContent = "#"; }, 1600);
    });
    heading.append(button);
  }
}

// --- what is wider than the page, to be moved by keys ------------------------------------------------------------------------
for (const wide of document.querySelectorAll(".prose pre, .prose .table-scroll")) {
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
}

// --- code and templates, to copy; pictures, to enlarge ---------------------------------------------------------------------
for (const prose of document.querySelectorAll(".prose[data-code]")) {
  for (const code of prose.querySelectorAll(".highlight")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-code";
    button.textContent = prose.dataset.code;
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(code.querySelector("pre").textContent.trimEnd()); } catch { return; }
      button.textContent = prose.dataset.codeCopied;
      announce(prose.dataset.codeCopied);
      setTimeout(() => { button.textContent = prose.dataset.code; }, 1600);
    });
    code.append(button);
  }
  for (const picture of prose.querySelectorAll("img:not(.inline)")) {
    if (picture.closest("a")) continue;
    const link = document.createElement("a");
    link.href = picture.src;
    link.className = "enlarge";
    link.setAttribute("aria-label", `${prose.dataset.enlarge}: ${picture.alt}`);
    picture.replaceWith(link);
    link.append(picture);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      enlarge(picture, prose.dataset.close);
    });
  }
}

function enlarge(picture, close) {
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.setAttribute("aria-label", picture.alt || close);
  const shown = picture.cloneNode();
  shown.removeAttribute("width");
  shown.removeAttribute("height");
  shown.loading = "eager";
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = close;
  button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(shown, button);
  document.body.append(dialog);
  dialog.showModal();
}

function decoded(text) { try { return decodeURIComponent(text); } catch { return text; } }

// Closed notes are part of what is printed.
// --- steps that are ticked, and kept for a month --------------------------------------------------------------------------------
const STEPS_KEPT_MS = 30 * 24 * 3600 * 1000;

class Steps {
  constructor(prose, lists) {
    this.texts = prose.dataset;
    this.lists = lists;
    this.key = `steps:${document.body.dataset.article}`;
    // Ticks are those of these very steps, in this order.
    this.version = [...lists.flat().map((step) => step.textContent).join("\n")].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) % 4294967291, 7);
    this.done = this.kept();
    for (const list of lists) this.setUp(list);
  }

  kept() {
    try {
      const { done, version, at } = JSON.parse(localStorage.getItem(this.key));
      // Of an article that has other steps by now, nothing is known.
      return new Set(version === this.version && Date.now() - at < STEPS_KEPT_MS ? done : []);
    } catch { return new Set(); }
  }

  keep() {
    try {
      if (this.done.size) localStorage.setItem(this.key, JSON.stringify({ done: [...this.done], version: this.version, at: Date.now() }));
      else localStorage.removeItem(this.key);
    } catch { /* Ticks then last as long as the page. */ }
  }

  setUp(list) {
    list[0].parentElement.classList.add("steps");
    const help = document.createElement("div");
    help.className = "step-help";
    list[0].parentElement.after(help);
    for (const step of list) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "step-tick";
      button.setAttribute("aria-label", this.texts.done.replace("#", step.dataset.number));
      button.addEventListener("click", () => {
        if (!this.done.delete(step.dataset.step)) this.done.add(step.dataset.step);
        this.keep();
        this.show(list, help, true);
      });
      step.prepend(button);
    }
    this.show(list, help, false);
  }

  show(list, help, isNews) {
    const isDone = (step) => this.done.has(step.dataset.step);
    for (const step of list) {
      const button = step.firstElementChild;
      button.setAttribute("aria-pressed", isDone(step));
      button.textContent = isDone(step) ? "✓" : step.dataset.number;
    }
    const next = list.find((step) => !isDone(step));
    help.replaceChildren();
    if (!list.some(isDone)) return;
    const said = document.createElement("span");
    said.textContent = next ? this.texts.stuck.replace("#", next.dataset.number) : this.texts.allDone;
    const again = document.createElement("button");
    again.type = "button";
    again.className = "button-plain";
    again.textContent = this.texts.again;
    again.addEventListener("click", () => {
      for (const step of list) this.done.delete(step.dataset.step);
      this.keep();
      this.show(list, help, false);
      list[0].firstElementChild.focus();
    });
    const link = document.createElement("a");
    const place = (next || list[list.length - 1]).dataset.step;
    link.href = `${this.texts.contactUrl}&step=${place}${document.body.dataset.query ? `&from=${document.body.dataset.query}` : ""}`;
    link.textContent = this.texts.write;
    help.append(said, link, again);
    if (isNews && !next) announce(this.texts.allDone);
  }
}

for (const prose of document.querySelectorAll(".prose[data-contact-url]")) {
  const lists = new Map();
  for (const step of prose.querySelectorAll("li[data-step]")) lists.set(step.parentElement, [...(lists.get(step.parentElement) || []), step]);
  if (lists.size) new Steps(prose, [...lists.values()]);
}

addEventListener("beforeprint", () => { for (const note of document.querySelectorAll(".prose details")) note.open = true; });

// --- the contents beside an article: where the reader is ------------------------------------------------------------------------
for (const rail of document.querySelectorAll("[data-rail]")) {
  const named = (link) => { try { return decodeURIComponent(link.hash.slice(1)); } catch { return link.hash.slice(1); } };
  const links = new Map([...rail.querySelectorAll("a")].map((link) => [named(link), link]));
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  let waiting = false;
  const mark = () => {
    waiting = false;
    // A heading that a link leads to stands at the upper edge; at the end of the page the last ones cannot.
    const isEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 4;
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < 120);
    const seen = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight);
    const target = isEnd && headings.find((heading) => `#${heading.id}` === decoded(location.hash) && seen.includes(heading));
    const here = target || passed[passed.length - 1];
    for (const [id, link] of links) {
      if (!here || id !== here.id) { link.removeAttribute("aria-current"); continue; }
      link.setAttribute("aria-current", "true");
      const place = link.offsetTop - rail.offsetTop;
      if (place < rail.scrollTop || place > rail.scrollTop + rail.clientHeight - 60) rail.scrollTop = place - rail.clientHeight / 2;
    }
  };
  addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
  mark();
}

// --- votes without a new page --------------------------------------------------------------------------------------------------
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const section = form.closest("section.feedback");
  if (!section || event.defaultPrevented) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("section.feedback");
    section.replaceWith(made);
    // The heading says what happened, and is read aloud.
    made.querySelector("h2").focus();
  } catch {
    // What was chosen and written stays, to be sent again.
    let said = section.querySelector("[role=alert]");
    if (!said) {
      said = document.createElement("p");
      said.className = "field-error";
      said.setAttribute("role", "alert");
      section.append(said);
    }
    said.textContent = "";
    setTimeout(() => { said.textContent = section.dataset.failed; }, 50);
  }
});

// --- chat without a new page ----------------------------------------------------------------------------------------------------
const POLL_MS = 8000;

async function chatPage(address, options) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, ...options });
  if (!answer.ok) throw new Error(String(answer.status));
  const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-chat]");
  return { made, url: answer.url };
}

function showChat(made) {
  const shown = document.querySelector("[data-chat]");
  // What is added to the thread is read aloud; the rest is put in its place.
  const thread = shown.querySelector(".chat-thread");
  const known = thread.children.length;
  const turns = [...made.querySelector(".chat-thread").children];
  for (const turn of thread.children) turn.removeAttribute("id");
  thread.append(...turns.slice(known));
  for (const old of [...shown.children].slice(1)) old.remove();
  shown.append(...[...made.children].slice(1));
  shown.toggleAttribute("data-waits", made.hasAttribute("data-waits"));
  if (turns.length > known) document.querySelector("#last")?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const chat = form.closest("[data-chat]");
  if (!chat || event.defaultPrevented) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const buttons = chat.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const { made, url } = await chatPage(form.action, { method: "POST", body });
    // The first message of a page that only greeted takes the place of the greeting.
    if (!location.pathname.includes("/chat/")) chat.querySelector(".chat-thread").replaceChildren();
    history.replaceState(null, "", url);
    showChat(made);
    document.querySelector("#message")?.focus();
  } catch {
    for (const button of buttons) button.disabled = false;
    // What was written stays, to be sent again.
    const said = chat.querySelector("[role=alert]") || chat.appendChild(document.createElement("p"));
    said.className = "field-error";
    said.setAttribute("role", "alert");
    said.textContent = chat.dataset.failed;
  }
});

if (document.querySelector("[data-chat]")) {
  document.querySelector("#message")?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) event.target.form.requestSubmit();
  });
  setInterval(async () => {
    const chat = document.querySelector("[data-chat][data-waits]");
    if (!chat || document.hidden || document.querySelector("#message")?.value) return;
    try { showChat((await chatPage(location.href)).made); } catch { /* The next time will do. */ }
  }, POLL_MS);
}

// --- what became of an answer: how long it was read, what was copied, which channel was opened ---------------------------------
const page = document.body.dataset;
const newId = () => (crypto.randomUUID ? crypto.randomUUID() : "");

function send(actions) {
  const body = JSON.stringify({ actions: actions.map((action) => ({ event_id: newId(), query_id: page.query, object_id: page.article || "", ...action })) });
  fetch(page.events, { method: "POST", body, headers: { "Content-Type": "application/json" }, keepalive: true }).catch(() => {});
}

// The ids in the address have done their work; a link that is copied must not carry them.
if (/[?&](from|typed|at|of)=/.test(location.search) && page.article) {
  const clean = new URL(location.href);
  for (const name of ["from", "typed", "at", "of"]) clean.searchParams.delete(name);
  history.replaceState(history.state, "", clean);
}

if (page.article) {
  let visibleMs = 0;
  let since = document.hidden ? 0 : performance.now();
  let sent = 0;
  let scrolled = 0;
  let clicks = [];
  let rage = 0;
  const prose = document.querySelector(".prose");

  const measureScroll = () => {
    const { top, height } = prose.getBoundingClientRect();
    if (height) scrolled = Math.max(scrolled, Math.min(1, (innerHeight - top) / height));
  };
  const report = () => {
    if (since) visibleMs += performance.now() - since;
    since = document.hidden ? 0 : performance.now();
    const seconds = Math.round(visibleMs / 1000);
    if (seconds <= sent) return;
    sent = seconds;
    measureScroll();
    send([{ action_name: "engaged", attributes: { seconds, scroll: Math.max(0, scrolled), rage } }]);
  };
  addEventListener("scroll", measureScroll, { passive: true });
  document.addEventListener("visibilitychange", report);
  addEventListener("pagehide", report);
  // Somebody who reads for long without ever leaving the page is read too.
  setTimeout(report, 15000);
  prose.addEventListener("copy", () => send([{ action_name: "copy" }]));
  document.addEventListener("click", (event) => {
    const now = performance.now();
    clicks = [...clicks.filter((one) => now - one.at < 1000 && Math.hypot(one.x - event.clientX, one.y - event.clientY) < 20), { at: now, x: event.clientX, y: event.clientY }];
    if (clicks.length === 4) rage += 1;
  });

  const survey = document.querySelector("[data-survey]");
  if (survey) {
    setTimeout(() => {
      if (document.hidden) return;
      survey.hidden = false;
      send([{ action_name: "survey_shown" }]);
    }, 12000);
    survey.querySelector("[data-survey-close]").addEventListener("click", () => { survey.hidden = true; });
  }
}

for (const link of document.querySelectorAll("a[data-channel]")) {
  link.addEventListener("click", () => send([{ action_name: "channel_opened", attributes: { channel: link.dataset.channel } }]));
}

const contactForms = document.querySelectorAll("form[data-contact]");
if (contactForms.length) {
  page.query = contactForms[0].elements.from.value;
  let submitted = false;
  for (const form of contactForms) form.addEventListener("submit", () => { submitted = true; });
  addEventListener("pagehide", () => { if (!submitted) send([{ action_name: "contact_leave" }]); });
}

// An article read in place on the contact page.
for (const details of document.querySelectorAll("details[data-suggestion]")) {
  details.addEventListener("toggle", () => {
    if (details.open) send([{ action_name: "contact_suggestion_click", object_id: details.dataset.suggestion, position: Number(details.dataset.position) }]);
  }, { once: true });
}

// --- the desk: keys act on the row that has the focus; j and k go to the next and the one before -------------------------------
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const gap = event.target.closest("[data-gap]");
  const button = gap && gap.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button) button.click();
  if (event.key !== "j" && event.key !== "k") return;
  const rows = [...document.querySelectorAll("[data-gap]")];
  const next = rows[Math.max(0, rows.indexOf(gap) + (event.key === "j" ? 1 : -1))];
  if (next) next.focus();
});

// --- lists: choose all rows at once -----------------------------------------------------------------------------------------
for (const all of document.querySelectorAll("[data-choose-all]")) {
  all.parentElement.hidden = false;
  all.addEventListener("change", () => {
    for (const one of all.form.querySelectorAll(`[name="${all.dataset.chooseAll}"]`)) one.checked = all.checked;
  });
}

// --- the editor ---------------------------------------------------------------------------------------------------------------
const MOST_TEXT_BYTES = 512 * 1024;

function insertText(area, text) {
  area.focus();
  // Only this way of inserting can be undone by the writer's usual key.
  if (!document.execCommand("insertText", false, text)) area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function previewFor(form) {
  let asked = 0, waiting;
  const update = async () => {
    const mine = ++asked, body = new FormData(form);
    body.set("do", "preview");
    body.set("alone", "1");
    try {
      const response = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById(form.dataset.preview);
      if (mine === asked && fresh) document.getElementById(form.dataset.preview).replaceWith(fresh);
    } catch { /* The button still shows the preview. */ }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 400);
  });
  return update;
}

// What was typed stays in this browser until it is saved: a crash or a closed window loses nothing. With it
// stays of which version it was made, so that what others saved meanwhile is merged and not overwritten.
const MADE_OF = ["digest", "base", "shown", "kept_at"];
function keepUnsaved(form, update) {
  const key = `unsaved:${form.dataset.keep}`;
  const fields = () => [...form.elements].filter((one) => one.name && one.matches("input:not([type=hidden]):not([type=file]), textarea:not([hidden]), select"));
  const state = () => JSON.stringify(fields().map((one) => [one.name, one.value]));
  const saved = form.dataset.unsaved ? null : state();
  let leaving = false, waiting, offered = null;
  const keep = () => {
    if (offered) return;
    if (state() === saved) localStorage.removeItem(key);
    else try {
      const made = Object.fromEntries(MADE_OF.filter((name) => form.elements[name]).map((name) => [name, form.elements[name].value]));
      localStorage.setItem(key, JSON.stringify({ fields: state(), made }));
    } catch { /* no room */ }
  };
  if (form.dataset.saved) localStorage.removeItem(key);
  const kept = JSON.parse(localStorage.getItem(key) || "null");
  if (form.dataset.unsaved || (kept && kept.fields === saved)) keep();
  else if (kept) {
    offered = document.createElement("p");
    offered.className = "notice inline";
    offered.setAttribute("role", "status");
    const restore = document.createElement("button"), forget = document.createElement("button");
    restore.type = forget.type = "button";
    restore.className = forget.className = "button button-quiet";
    restore.textContent = form.dataset.restore;
    forget.textContent = form.dataset.forget;
    const done = () => { offered.remove(); offered = null; };
    restore.addEventListener("click", () => {
      for (const [name, value] of JSON.parse(kept.fields)) if (form.elements[name]) form.elements[name].value = value;
      for (const [name, value] of Object.entries(kept.made || {})) if (form.elements[name]) form.elements[name].value = value;
      done();
      keep();
      update();
    });
    forget.addEventListener("click", () => { localStorage.removeItem(key); done(); });
    offered.append(form.dataset.kept, restore, forget);
    form.before(offered);
  }
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(keep, 300); });
  form.addEventListener("submit", (event) => {
    const long = [...form.querySelectorAll("[data-text]")].find((one) => new Blob([one.value]).size > MOST_TEXT_BYTES);
    if (long) {
      event.preventDefault();
      long.setCustomValidity(form.dataset.tooLong);
      long.reportValidity();
      long.addEventListener("input", () => long.setCustomValidity(""), { once: true });
      return;
    }
    if (leaving) { event.preventDefault(); return; }
    leaving = true;
    keep();
  });
  addEventListener("pageshow", () => { leaving = false; });
  addEventListener("beforeunload", (event) => { if (!leaving && state() !== saved) event.preventDefault(); });
}

function editorTools(form) {
  const area = form.querySelector("[data-text]"), said = form.querySelector("[data-said]");
  const tools = form.querySelector(".editor-tools");
  if (!tools) return;
  tools.hidden = false;
  const say = (text) => { said.textContent = text; said.hidden = !text; };
  const send = async (url, values) => {
    const body = new FormData();
    for (const [name, value] of Object.entries({ ...values, name: form.elements.name.value, csrf_token: form.elements.csrf_token.value })) body.set(name, value);
    const response = await fetch(url, { method: "POST", body });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.problem);
    return answer;
  };
  const upload = async (file) => {
    say(form.dataset.uploading);
    try {
      insertText(area, (await send(form.dataset.files, { file })).markdown);
      say("");
    } catch (error) { say(error.message); }
  };
  for (const button of tools.querySelectorAll("[data-put]")) {
    button.addEventListener("click", () => insertText(area, button.dataset.put));
  }
  tools.querySelector("[data-file]").addEventListener("change", (event) => {
    if (event.target.files[0]) upload(event.target.files[0]);
    event.target.value = "";
  });
  area.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    for (const file of event.dataTransfer.files) upload(file);
  });
  area.addEventListener("paste", async (event) => {
    const files = [...event.clipboardData.files];
    const html = event.clipboardData.getData("text/html"), plain = event.clipboardData.getData("text/plain");
    if (files.length && !plain) {
      event.preventDefault();
      for (const file of files) upload(file);
    } else if (/<(?:h[1-6]|ul|ol|table|a|b|strong)\b/i.test(html)) {
      event.preventDefault();
      try { insertText(area, (await send(form.dataset.pasted, { html })).markdown); } catch { insertText(area, plain); }
    }
  });
  const link = tools.querySelector("[data-link]"), list = document.getElementById(link.getAttribute("list"));
  let found = [];
  const put = (chosen) => {
    link.value = "";
    insertText(area, `[${chosen.title}](${chosen.link})`);
  };
  const chosenNow = () => found.find((one) => one.value === link.value);
  link.addEventListener("input", async (event) => {
    // A choice from the list replaces the whole text; what is typed, letter by letter, inserts nothing.
    if (event.inputType === "insertReplacementText" || event.inputType === undefined) {
      if (chosenNow()) put(chosenNow());
      return;
    }
    const words = link.value;
    const response = await fetch(`${form.dataset.targets}?${new URLSearchParams({ q: words, name: form.elements.name.value })}`);
    if (!response.ok || words !== link.value) return;
    const answer = await response.json();
    const count = (title) => answer.filter((one) => one.title === title).length;
    found = answer.map((one) => ({ ...one, value: count(one.title) > 1 ? `${one.title} (${one.link})` : one.title }));
    list.replaceChildren(...found.map((one) => Object.assign(document.createElement("option"), { value: one.value, label: one.lang })));
  });
  link.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const chosen = chosenNow() || found[0];
    if (chosen && link.value) put(chosen);
  });
}

for (const form of document.querySelectorAll("form[data-preview]")) {
  keepUnsaved(form, previewFor(form));
  editorTools(form);
}

// --- the inbox: new cases are told, and a reply can be taken back for ten seconds ---------------------------------------------------
const WAITING_POLL_MS = 20000, UNDO_S = 10, WRITING_MS = 40000;
const waitingNotice = document.querySelector("[data-waiting]");
if (waitingNotice) {
  const title = document.title;
  let newest = null;
  const look = async () => {
    try {
      const response = await fetch(waitingNotice.dataset.waiting);
      if (!response.ok) return;
      const found = await response.json();
      document.title = found.count ? `(${found.count}) ${title}` : title;
      if (newest !== null && found.newest > newest) waitingNotice.hidden = false;
      newest = newest === null ? found.newest : newest;
    } catch { /* the server is being restarted */ }
  };
  look();
  setInterval(look, WAITING_POLL_MS);
}

// A reply that is being written stays in this browser until it is sent.
const replyForm = document.querySelector("form[data-reply]");
if (replyForm) {
  const key = `reply:${replyForm.dataset.reply}`, text = replyForm.elements.text;
  if (replyForm.dataset.sent) localStorage.removeItem(key);
  const kept = localStorage.getItem(key);
  if (kept && !text.value) {
    const notice = document.createElement("p"), restore = document.createElement("button"), forget = document.createElement("button");
    notice.className = "notice inline";
    notice.setAttribute("role", "status");
    restore.type = forget.type = "button";
    restore.className = forget.className = "button button-quiet";
    restore.textContent = replyForm.dataset.restore;
    forget.textContent = replyForm.dataset.forget;
    restore.addEventListener("click", () => { text.value = kept; notice.remove(); text.focus(); });
    forget.addEventListener("click", () => { localStorage.removeItem(key); notice.remove(); });
    notice.append(replyForm.dataset.kept, restore, forget);
    replyForm.before(notice);
  }
  const keep = () => {
    if (text.value.trim()) try { localStorage.setItem(key, text.value); } catch { /* no room */ }
    else localStorage.removeItem(key);
  };
  text.addEventListener("input", keep);
  if (text.value) keep();
}

// Two do not answer at once: whoever types is shown to the others.
const writers = document.querySelector("[data-writers]");
if (writers && replyForm) {
  let typed = 0;
  replyForm.elements.text.addEventListener("input", () => { typed = Date.now(); });
  const tell = async () => {
    if (document.hidden || Date.now() - typed > WRITING_MS) return;
    try {
      const response = await fetch(writers.dataset.writers, { method: "POST", headers: { "X-CSRFToken": writers.dataset.csrf } });
      if (!response.ok) return;
      const names = await response.json();
      writers.hidden = !names.length;
      const said = names.length ? `${names.join(", ")} ${writers.dataset.said}` : "";
      if (writers.textContent !== said) writers.textContent = said;
    } catch { /* the server is being restarted */ }
  };
  setInterval(tell, WRITING_MS / 4);
}

const undoRow = document.querySelector("[data-undo]");
if (undoRow) {
  const form = undoRow.closest("form");
  let pending = null, timer = 0, notice = null;
  // Nothing else is done with the case while a reply waits to be sent.
  const others = () => [...document.querySelectorAll("button")].filter((one) => one.form && !notice.contains(one));
  const asks = (event) => event.preventDefault();
  const stop = () => {
    clearInterval(timer);
    removeEventListener("beforeunload", asks);
    for (const one of others()) one.disabled = false;
    notice.remove();
    undoRow.hidden = false;
    form.elements.text.readOnly = false;
  };
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.dataset.later || !form.elements.text.value.trim() || pending === button) return;
    event.preventDefault();
    if (pending) return;
    pending = button;
    notice = document.createElement("p");
    const undo = document.createElement("button"), at = document.createElement("button");
    notice.className = "notice inline";
    notice.setAttribute("role", "status");
    undo.type = at.type = "button";
    undo.className = at.className = "button button-quiet";
    undo.textContent = undoRow.dataset.undoLabel;
    at.textContent = undoRow.dataset.nowLabel;
    // Screen readers hear the sentence once; the seconds that pass are for the eye.
    const seconds = document.createElement("span");
    seconds.setAttribute("aria-hidden", "true");
    let left = UNDO_S;
    seconds.textContent = left;
    notice.append(undoRow.dataset.undo, seconds, undo, at);
    undoRow.before(notice);
    undoRow.hidden = true;
    form.elements.text.readOnly = true;
    for (const one of others()) one.disabled = true;
    undo.focus();
    const send = () => { stop(); form.requestSubmit(button); };
    timer = setInterval(() => {
      left -= 1;
      seconds.textContent = left;
      if (left <= 0) send();
    }, 1000);
    at.addEventListener("click", send);
    // Whoever leaves is asked: the reply is not sent yet, and stays in this browser.
    addEventListener("beforeunload", asks);
    undo.addEventListener("click", () => { stop(); pending = null; form.elements.text.focus(); });
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// A chart says the values of what is pointed at or focused; arrow keys go from bar to bar.
for (const links of document.querySelectorAll(".chart-links")) {
  const bars = [...links.querySelectorAll("a")], value = links.parentElement.querySelector(".chart-value");
  const say = (event) => {
    const bar = event.target.closest("a");
    if (bar) value.textContent = bar.getAttribute("aria-label");
  };
  links.addEventListener("mouseover", say);
  links.addEventListener("focusin", say);
  links.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], at = bars.indexOf(document.activeElement);
    const next = bars[at + step];
    if (!step || at < 0 || !next) return;
    event.preventDefault();
    bars[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

// --- the panel for writers -------------------------------------------------------------------------------------------------
const panel = document.getElementById("writer-panel");
if (panel) {
  let shown = "";
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const response = await fetch(panel.dataset.url);
      if (!response.ok) return;
      const html = await response.text();
      const parsed = new DOMParser().parseFromString(html, "text/html").querySelector(".writer");
      const state = parsed ? parsed.dataset.state : "";
      if (state === shown) return;
      shown = state;
      panel.replaceChildren(...(parsed ? [parsed] : []));
    } catch { /* the server is being restarted */ }
  };
  refresh();
  setInterval(refresh, PANEL_POLL_MS);
}
