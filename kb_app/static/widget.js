// Help on another site: a button with a panel, or a box in the page. Everything is in a shadow root; nothing is stored.
//
//   <script src="https://help.example/widget.js" defer data-lang="ja" data-articles="id,id" data-target="#help"></script>
//
// Without data-target it is a button at the lower edge. The page's CSP needs script-src and connect-src of the help site.
(() => {
  "use strict";
  const script = document.currentScript;
  // A page that names the script twice has one help.
  if (window.kbHelp) return;
  window.kbHelp = true;
  const origin = new URL(script.src).href.replace(/\/widget\.js.*$/, "");
  const texts = {
    en: {
      open: "Help", close: "Close", title: "How can we help?", label: "Your question", search: "Search", loading: "Searching…",
      none: "We have no answer to this.", weak: "This may not be what you asked.", partly: "We know the topic, but not this about it.",
      more: "Read the article", articles: "For this page", results: "Articles", person: "Write to a person", back: "Back",
      message: "Your message", name: "Your name (optional)", mail: "Your mail address, for the answer", send: "Send", sending: "Sending…",
      sent: "We have your message. Your number is", follow: "See how it stands", by: "Answer by", failed: "This did not work. Please try again.",
      helped: "Did this help?", yes: "Yes", no: "No", thanks: "Thank you.",
    },
    ja: {
      open: "ヘルプ", close: "閉じる", title: "何かお困りですか", label: "ご質問", search: "検索", loading: "検索しています…",
      none: "お答えできる記事がありません。", weak: "ご質問と違うかもしれません。", partly: "この話題の記事はありますが、ご質問の点は載っていません。",
      more: "記事を読む", articles: "このページに関する記事", results: "記事", person: "担当者に相談する", back: "戻る",
      message: "お問い合わせの内容", name: "お名前（任意）", mail: "お返事先のメールアドレス", send: "送信する", sending: "送信しています…",
      sent: "お問い合わせを受け付けました。受付番号は", follow: "今の状況を見る", by: "お返事の予定", failed: "うまくいきませんでした。もう一度お試しください。",
      helped: "解決しましたか", yes: "はい", no: "いいえ", thanks: "ありがとうございます。",
    },
  };
  const lang = (script.dataset.lang || document.documentElement.lang || navigator.language || "en").slice(0, 2) === "ja" ? "ja" : "en";
  const t = texts[lang];
  const colour = /^#[0-9a-f]{6}$/i.test(script.dataset.colour || "") ? script.dataset.colour : "#0b6e66";
  // The visit joins a question to what follows it, and is forgotten with the page.
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const visit = random();
  const uuid = () => random().replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
  const style = `
    :host { all: initial !important; display: block !important; --accent: ${colour}; --ink: #16201f; --ground: #fff; --soft: #f0f3f2; --line: #c9d2d0; color-scheme: light dark; }
    @media (prefers-color-scheme: dark) { :host { --ink: #e8edec; --ground: #161c1e; --soft: #222a2c; --line: #45504f; } }
    * { box-sizing: border-box; font: inherit; color: inherit; }
    .kb, dialog { font: 16px/1.6 system-ui, "Hiragino Sans", "Noto Sans JP", sans-serif; color: var(--ink); overflow-wrap: anywhere; }
    .launch { position: fixed; inset: auto 16px 16px auto; z-index: 2147483000; min-height: 48px; padding: 0 20px; border: 0; border-radius: 24px;
      background: var(--accent); color: #fff; font-weight: 600; cursor: pointer; box-shadow: 0 2px 10px rgb(0 0 0 / .25); }
    dialog { position: fixed; inset: auto 16px 76px auto; margin: 0; width: min(400px, calc(100vw - 32px)); max-height: min(640px, calc(100dvh - 96px));
      overflow-y: auto; padding: 16px; border: 1px solid var(--line); border-radius: 12px; background: var(--ground); box-shadow: 0 6px 30px rgb(0 0 0 / .25); z-index: 2147483001; }
    .box { padding: 16px; border: 1px solid var(--line); border-radius: 12px; background: var(--ground); }
    h2 { font-size: 18px; font-weight: 700; margin: 0 0 8px; } h3 { font-size: 15px; font-weight: 700; margin: 16px 0 4px; }
    .row { display: flex; gap: 8px; align-items: center; } .close { float: inline-end; margin: -8px -4px 0 8px; }
    input, textarea { width: 100%; min-height: 44px; padding: 8px 10px; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); }
    label { display: block; font-size: 14px; font-weight: 600; margin: 10px 0 6px; }
    button { min-height: 44px; padding: 0 16px; border: 1px solid var(--accent); border-radius: 22px; background: none; cursor: pointer; white-space: nowrap; }
    button.main { background: var(--accent); color: #fff; font-weight: 600; } button.plain { border: 0; padding: 0 8px; text-decoration: underline; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    a { color: var(--accent); } @media (prefers-color-scheme: dark) { a { color: #7fd1c8; } }
    .answer { border-inline-start: 4px solid var(--accent); background: var(--soft); padding: 8px 12px; border-radius: 8px; margin: 8px 0; overflow-x: auto; }
    .answer img { max-width: 100%; height: auto; } .answer p { margin: 4px 0; } .answer ol, .answer ul { padding-inline-start: 22px; margin: 4px 0; }
    .answer table { border-collapse: collapse; } .answer td, .answer th { border: 1px solid var(--line); padding: 4px 8px; text-align: start; min-width: 4em; overflow-wrap: break-word; }
    .answer mark { background: none; font-weight: 700; } .answer strong, .answer th, .label { font-weight: 700; }
    ul.list { list-style: none; padding: 0; margin: 4px 0; } .list li { padding: 6px 0; border-bottom: 1px solid var(--line); }
    .meta { font-size: 14px; opacity: .8; } .trap, .unseen { position: absolute; left: -9999px; } form { margin: 0; }
    @media (forced-colors: active) { button { border: 1px solid ButtonText; } }`;

  const host = document.createElement("div");
  host.lang = lang;
  // Keys that are typed here are not shortcuts of the page.
  for (const name of ["keydown", "keypress", "keyup"]) host.addEventListener(name, (event) => event.stopPropagation());
  // Pages that ask for trusted types name this policy: trusted-types kb-widget.
  let policy = null;
  try { policy = window.trustedTypes && window.trustedTypes.createPolicy("kb-widget", { createHTML: (text) => text }); } catch { policy = null; }
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];

  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  async function ask(path, body) {
    const answer = await fetch(`${origin}/api/v1/${path}`, {
      method: body ? "POST" : "GET",
      credentials: "omit",
      headers: { "KB-Visit": visit, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await answer.text();
    let told = {};
    try { told = text ? JSON.parse(text) : {}; } catch { throw new TypeError("no answer of the API"); }
    if (!answer.ok) throw new Error(told.detail);
    return told;
  }

  // Reasons of the API are English, those of the network for programmers.
  const why = (error) => (lang === "en" && !(error instanceof TypeError) && error.message) || t.failed;

  function whole(address) {
    try { return new URL(address, `${origin}/`).href; } catch { return "#"; }
  }

  const link = (url, title, hreflang) => make("a", { href: whole(url), target: "_blank", rel: "noopener", hreflang: hreflang || null, lang: hreflang || null }, title);

  // What is quoted was sanitised where it was written; addresses are those of the help site, and pages open beside this one.
  function quoted(blocks, language) {
    const box = make("div", { class: "answer", lang: language });
    for (const block of blocks) {
      if (block.label) box.append(make("p", { class: "label" }, block.label));
      const part = new DOMParser().parseFromString(policy ? policy.createHTML(block.html) : block.html, "text/html").body;
      for (const element of part.querySelectorAll("[src]")) element.setAttribute("src", whole(element.getAttribute("src")));
      for (const element of part.querySelectorAll("a[href]")) {
        element.setAttribute("href", whole(element.getAttribute("href")));
        element.setAttribute("target", "_blank");
        element.setAttribute("rel", "noopener");
      }
      box.append(...part.childNodes);
    }
    return box;
  }

  const view = make("div", { class: "kb" });
  const status = make("p", { role: "status", class: "meta" });
  const results = make("div");
  let question = "";
  // What is written to a person stays while one looks at something else.
  const draft = { message: null, name: "", mail: "" };
  let queryId = "";

  const field = make("input", { id: "kb-q", type: "search", autocomplete: "off", enterkeyhint: "search", maxlength: "1000", required: true });
  const person = make("p", {}, make("button", { type: "button", onclick: () => write() }, t.person));
  const form = make("form", { role: "search", onsubmit: find }, make("label", { for: "kb-q" }, t.label),
    make("div", { class: "row" }, field, make("button", { class: "main" }, t.search)));
  const heading = make("h2", { id: "kb-title", tabindex: "-1" }, t.title);

  function listed(title, lines) {
    return lines.length ? [make("h3", {}, title), make("ul", { class: "list" }, ...lines.map((line) => make("li", {}, line)))] : [];
  }

  function home() {
    view.replaceChildren(heading, form, status, results, person);
  }

  function fail(error) {
    status.className = "meta";
    status.textContent = why(error);
  }

  let asked = 0;
  async function find(event) {
    event.preventDefault();
    question = field.value.trim();
    if (!question) return;
    draft.message = null;
    asked += 1;
    const mine = asked;
    status.textContent = t.loading;
    status.className = "meta";
    results.replaceChildren();
    try {
      const told = await ask(`search?${new URLSearchParams({ q: question, lang, limit: "4", channel: "widget" })}`);
      // An earlier question that was slower is no answer to this one.
      if (mine !== asked) return;
      queryId = told.query_id;
      const said = { none: t.none, partly: t.partly, weak: t.weak, strict: "" }[told.verdict] ?? "";
      status.textContent = said || told.answer?.title || "";
      // The title below says it to those who see.
      status.className = said ? "meta" : "unseen";
      const parts = [];
      if (told.answer) {
        parts.push(make("h3", { lang: told.answer.lang }, told.answer.title), quoted(told.answer.blocks, told.answer.lang),
          make("p", {}, link(told.answer.url, t.more)), vote(told.answer.article_id));
      }
      const others = told.hits.filter((hit) => hit.article_id !== told.answer?.article_id);
      parts.push(...listed(t.results, others.map((hit) => link(hit.url, hit.title, hit.lang))));
      results.replaceChildren(...parts);
    } catch (error) {
      if (mine === asked) fail(error);
    }
  }

  function vote(article) {
    const line = make("p", { class: "row", role: "group", "aria-label": t.helped }, make("span", {}, t.helped));
    const cast = (value) => async () => {
      try {
        await ask("feedback", { article_id: article, value, query_id: queryId, form_id: uuid() });
        const thanks = make("span", { role: "status", tabindex: "-1" }, t.thanks);
        line.replaceChildren(thanks);
        if (value === "no") write(); else thanks.focus();
      } catch (error) { fail(error); }
    };
    line.append(make("button", { type: "button", onclick: cast("yes") }, t.yes), make("button", { type: "button", onclick: cast("no") }, t.no));
    return line;
  }

  async function write() {
    const formId = uuid();
    const hours = make("p", { class: "meta" });
    const said = make("p", { role: "alert" });
    const message = make("textarea", { id: "kb-message", rows: "5", maxlength: "5000", required: true });
    message.value = draft.message ?? question;
    const name = make("input", { id: "kb-name", autocomplete: "name", maxlength: "200" });
    const mail = make("input", { id: "kb-mail", type: "email", autocomplete: "email", maxlength: "200", required: true });
    // People do not see this field; programs that fill every field are known by it.
    name.value = draft.name;
    mail.value = draft.mail;
    const keep = () => Object.assign(draft, { message: message.value, name: name.value, mail: mail.value });
    const fields = make("div");
    const values = () => Object.fromEntries([...fields.querySelectorAll("[name]")].filter((one) => one.value).map((one) => [one.name, one.value]));
    for (const each of [message, name, mail]) each.addEventListener("input", keep);
    const trap = make("input", { class: "trap", name: "website", tabindex: "-1", autocomplete: "off", "aria-hidden": "true" });
    const title = make("h2", { id: "kb-title", tabindex: "-1" }, t.person);
    const sending = make("button", { class: "main" }, t.send);
    async function send(event) {
      event.preventDefault();
      if (sending.disabled) return;
      sending.disabled = true;
      said.textContent = t.sending;
      try {
        const made = await ask("cases", { form_id: formId, message: message.value, name: name.value, mail: mail.value, lang, query_id: queryId, fields: values(), channel: "widget", website: trap.value });
        draft.message = null;
        const done = make("h2", { id: "kb-title", tabindex: "-1" }, `${t.sent} ${made.number}`);
        view.replaceChildren(done, make("p", {}, link(made.url, t.follow)), make("p", {}, make("button", { type: "button", onclick: back }, t.back)));
        done.focus();
      } catch (error) {
        said.textContent = why(error);
        sending.disabled = false;
      }
    }
    view.replaceChildren(title, hours, make("form", { onsubmit: send },
      make("label", { for: "kb-message" }, t.message), message, fields, make("label", { for: "kb-mail" }, t.mail), mail,
      make("label", { for: "kb-name" }, t.name), name, trap, said,
      make("p", { class: "row" }, sending, make("button", { type: "button", class: "plain", onclick: back }, t.back))));
    title.focus();
    try {
      const told = await ask(`contact?${new URLSearchParams({ lang })}`);
      const lines = [told.answer_by && `${t.by}: ${told.answer_by}`, told.hours].filter(Boolean);
      hours.replaceChildren(lines.join(" · "));
      for (const one of told.fields) {
        const id = `kb-field-${one.name}`;
        const input = one.choices.length
          ? make("select", { id, name: one.name }, make("option", { value: "" }, ""), ...one.choices.map((choice) => make("option", {}, choice)))
          : make("input", { id, name: one.name, maxlength: "200", placeholder: one.example, autocomplete: "off" });
        fields.append(make("label", { for: id }, one.label), input);
      }
      for (const way of told.ways) hours.append(make("br"), make("a", { href: way.address }, way.label), ` ${way.state}`);
    } catch { hours.remove(); }
  }

  function back() {
    home();
    heading.focus();
  }

  async function forThisPage() {
    const named = (script.dataset.articles || "").split(",").map((id) => id.trim()).filter(Boolean).slice(0, 6);
    const found = await Promise.all(named.map((id) => ask(`articles/${encodeURIComponent(id)}`).catch(() => null)));
    const lines = found.filter(Boolean).map((article) => link(article.url, article.title, article.lang));
    if (lines.length && !results.childNodes.length) results.replaceChildren(...listed(t.articles, lines));
  }

  let begun = false;
  function begin() {
    if (!begun) forThisPage();
    begun = true;
  }

  home();
  function show() {
    const target = script.dataset.target && document.querySelector(script.dataset.target);
    if (target) {
      root.append(make("section", { class: "box", "aria-labelledby": "kb-title" }, view));
      target.append(host);
      begin();
      return;
    }
    const dialog = make("dialog", { "aria-labelledby": "kb-title" },
      make("button", { type: "button", class: "plain close", onclick: () => dialog.close() }, t.close), view);
    const launch = make("button", { type: "button", class: "launch", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: toggle }, t.open);
    function toggle() {
      if (dialog.open) { dialog.close(); return; }
      dialog.show();
      launch.setAttribute("aria-expanded", "true");
      begin();
      field.focus();
    }
    dialog.addEventListener("close", () => { launch.setAttribute("aria-expanded", "false"); launch.focus(); });
    // A dialog beside the page does not close by Escape itself.
    root.addEventListener("keydown", (event) => { if (event.key === "Escape" && dialog.open && !event.isComposing) dialog.close(); });
    root.append(make("div", { class: "kb" }, launch), dialog);
    document.body.append(host);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", show); else show();
})();
