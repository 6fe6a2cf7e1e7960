// What CloudWatch does for a custom widget: it calls the widget's function, shows its HTML, and makes each
// <cwdb-action> the behaviour of the element before it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_interactivity.html
const LIVE_MS = 1000;
const widget = document.getElementById("widget");
const popup = document.getElementById("popup");
const live = document.getElementById("live");
const themeButton = document.getElementById("theme");
const { endpoint, params } = await (await fetch("console/widget")).json();
let theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
let shown = { endpoint, pressed: params };
let html = "";
let calls = 0;

function context() {
  const all = {};
  for (const field of widget.querySelectorAll("input[name], textarea[name], select[name]")) all[field.name] = field.value;
  const { clientWidth: width, clientHeight: height } = widget;
  return { dashboardName: "local", widgetId: "widget-1", accountId: "123456789012", locale: "en", theme,
    timezone: { label: "UTC", offsetISO: "+00:00", offsetInMinutes: 0 }, forms: { all }, params, width, height };
}

async function call(to, pressed, typed = context()) {
  const event = { ...pressed, widgetContext: typed };
  const answer = await fetch("console/call", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ endpoint: to, event }) });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const result = await answer.json();
  return typeof result === "string" ? result : JSON.stringify(result, null, 2);
}

function bind(root) {
  for (const action of root.querySelectorAll("cwdb-action")) {
    const isCall = action.getAttribute("action") === "call";
    action.previousElementSibling?.addEventListener(action.getAttribute("event") ?? "click", async () => {
      const question = action.getAttribute("confirmation");
      if (question && !confirm(question)) return;
      const to = action.getAttribute("endpoint");
      const pressed = isCall ? JSON.parse(action.textContent || "{}") : null;
      if (action.getAttribute("display") === "popup") {
        show(popup.firstElementChild, isCall ? await call(to, pressed) : action.innerHTML);
        popup.showModal();
        return;
      }
      if (!isCall) { show(widget, action.innerHTML); return; }
      // A form's fields are gone on the next page, and what was typed goes with this call alone.
      const typed = context();
      shown = { endpoint: to, pressed, typed };
      await render(true);
    });
  }
}

function show(root, text) {
  root.innerHTML = text;
  bind(root);
}

// Only what reads is repeated, and never under the hands of somebody who is typing.
function isLive() {
  const isTyping = [...widget.querySelectorAll("input[name]")].some(
    (field) => field === document.activeElement || field.value !== field.defaultValue);
  return shown.endpoint === endpoint && !popup.open && !document.hidden && !isTyping;
}

function focusable() { return [...widget.querySelectorAll("button, input, a[href], summary")]; }

async function render(isNew) {
  const mine = ++calls;
  const typed = { ...(shown.typed ?? context()), theme };
  widget.setAttribute("aria-busy", isNew);
  let text;
  try {
    text = await call(shown.endpoint, shown.pressed, typed);
    live.textContent = shown.endpoint === endpoint ? "live" : "";
  } catch (error) {
    live.textContent = `not live: ${error.message}`;
    if (!isNew) return;
    text = "";
  } finally {
    widget.removeAttribute("aria-busy");
  }
  if (mine !== calls || text === html && !isNew) return;
  const place = focusable().indexOf(document.activeElement);
  const open = [...widget.querySelectorAll("details")].map((one) => one.open);
  html = text;
  show(widget, text);
  if (isNew) { widget.focus(); return; }
  widget.querySelectorAll("details").forEach((one, index) => { one.open = open[index] ?? one.open; });
  focusable()[place]?.focus();
}

function paint() {
  document.documentElement.classList.toggle("dark", theme === "dark");
  themeButton.textContent = theme === "dark" ? "Light" : "Dark";
}

themeButton.addEventListener("click", async () => {
  theme = theme === "dark" ? "light" : "dark";
  paint();
  if (shown.endpoint === endpoint) await render(false);
  else widget.firstElementChild?.classList.replace(theme === "dark" ? "light" : "dark", theme);
});

paint();
await render(true);
for (;;) {
  await new Promise((done) => setTimeout(done, LIVE_MS));
  if (isLive()) await render(false);
}
