// The page asks the server for rendered fragments when there is news; it holds
// no state of its own besides which chat is open.
"use strict";

const body = document.body;
const $ = (selector, root = document) => root.querySelector(selector);
const number = () => body.dataset.number || "";
const phone = () => body.dataset.phone || "";
const query = () => new URLSearchParams({ number: number(), ...(phone() && { phone: phone() }) });

async function fragment(path, parameters) {
  const answer = await fetch(`${path}?${parameters}`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.status === 204 ? null : answer.text();
}

async function post(path, content, method = "POST") {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const result = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(result.detail || `The simulator answered HTTP ${answer.status}`);
  return result;
}

function problem(title, detail) {
  const box = document.createElement("div");
  box.className = "banner";
  const text = document.createElement("div");
  const strong = document.createElement("strong");
  strong.textContent = title;
  const line = document.createElement("p");
  line.textContent = detail;
  text.append(strong, line);
  box.append(text);
  $("#banner").replaceChildren(box);
}

// Times are written in the reader's zone.
function dress(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    if (!time.dateTime || time.textContent) continue;
    const at = new Date(time.dateTime);
    const today = new Date().toDateString() === at.toDateString();
    time.textContent = today
      ? at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
      : at.toLocaleDateString([], { day: "numeric", month: "short" });
    time.title = at.toLocaleString();
  }
  for (const avatar of root.querySelectorAll("[data-hue]")) {
    avatar.style.setProperty("--hue", avatar.dataset.hue);
  }
}

function atBottom(list) {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 120;
}

function toBottom() {
  const list = $("#messages");
  if (list) list.scrollTop = list.scrollHeight;
}

// Pictures grow when they arrive and banners take room; who was at the end stays there.
let follows = true;
const resized = new ResizeObserver(() => { if (follows) toBottom(); });
function follow() {
  const list = $("#messages");
  resized.disconnect();
  follows = true;
  if (list) resized.observe(list);
  toBottom();
}
document.addEventListener("scroll", (event) => {
  if (event.target.id === "messages") follows = atBottom(event.target);
}, true);
document.addEventListener("load", (event) => {
  if (follows && event.target.closest?.("#messages")) toBottom();
}, true);

// Only the last of several refreshes within a moment is carried out.
function debounced(action, wait) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => action().catch(() => {}), wait);
  };
}

const refreshPhones = debounced(async () => {
  const html = await fragment("/page/phones", query());
  const focused = document.activeElement?.closest("#phones a")?.dataset.phone;
  $("#phones").innerHTML = html;
  dress($("#phones"));
  if (focused) $(`#phones a[data-phone="${CSS.escape(focused)}"]`)?.focus();
}, 120);

const refreshBanner = debounced(async () => {
  $("#banner").innerHTML = await fragment("/page/banner", "");
}, 200);

const markRead = debounced(async () => {
  if (!phone() || document.hidden) return;
  await post(`/_sim/phones/${phone()}/read`, { phone_number_id: number() });
}, 250);

async function showChat(focus) {
  const draft = $("#compose textarea")?.value || "";
  $("#chat").innerHTML = await fragment("/page/chat", query());
  dress($("#chat"));
  follow();
  markRead();
  const box = $("#compose textarea");
  if (box && draft && !focus) box.value = draft;
  if (box && focus && matchMedia("(hover: hover)").matches) box.focus();
}

async function openPhone(id, push = true) {
  if (id) body.dataset.phone = id;
  else delete body.dataset.phone;
  if (push) history.pushState({}, "", `?${query()}`);
  refreshPhones();
  await showChat(true);
}

async function showBubble(id) {
  const html = await fragment("/page/bubble", new URLSearchParams({ id }));
  const list = $("#messages");
  if (!list) return;
  if (html === null) return showChat(false);
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const bubble = holder.content.firstElementChild;
  const old = $(`[data-id="${CSS.escape(id)}"]`, list);
  $(".chat-empty")?.remove();
  dress(bubble);
  if (old) old.replaceWith(bubble);
  else {
    bubble.classList.add("fresh");
    list.append(bubble);
  }
  if (follows || bubble.classList.contains("mine")) toBottom();
}

let typingTimer;
function showTyping(on) {
  const line = $(".typing");
  if (!line) return;
  line.hidden = !on;
  clearTimeout(typingTimer);
  if (on) typingTimer = setTimeout(() => { line.hidden = true; }, 25_000);
}

const TICKS = {
  mine: { sent: "waiting for your webhook", delivered: "your webhook has it", read: "read by the business" },
  theirs: { accepted: "accepted", sent: "sent", delivered: "delivered to the phone", read: "read on the phone", played: "played on the phone" },
};

function onNews(news) {
  const here = news.phone_number_id === number() && news.wa_id === phone();
  switch (news.kind) {
    case "message":
      refreshPhones();
      if (here) {
        if (news.direction === "outbound") showTyping(false);
        showBubble(news.id).then(markRead, () => {});
      }
      break;
    case "status": {
      if (!here) break;
      const item = $(`[data-id="${CSS.escape(news.id)}"]`);
      if (!item) break;
      item.dataset.progress = news.progress;
      const label = TICKS[item.classList.contains("mine") ? "mine" : "theirs"][news.progress];
      const ticks = $(".ticks", item);
      if (label && ticks) {
        ticks.setAttribute("aria-label", label);
        ticks.title = label;
      }
      if (news.progress === "failed") showBubble(news.id).catch(() => {});
      if (news.progress === "delivered" && item.classList.contains("theirs")) markRead();
      break;
    }
    case "typing":
      if (here) showTyping(true);
      break;
    case "webhook":
      refreshBanner();
      break;
    case "contact":
      refreshPhones();
      break;
    default:
      refreshPhones();
      refreshBanner();
      showChat(false).catch(() => {});
  }
}

function listen() {
  const source = new EventSource("/_sim/stream");
  let lost = false;
  source.onopen = () => {
    if (lost) onNews({ kind: "reset" });
    lost = false;
  };
  source.onmessage = (event) => onNews(JSON.parse(event.data));
  source.onerror = () => {
    lost = true;
    problem("The simulator does not answer", "Start it again; this page reconnects by itself.");
  };
}

// Everything a phone sends goes through here.
async function sendAs(content) {
  await post(`/_sim/phones/${phone()}/messages`, { phone_number_id: number(), ...content });
}

async function sendFile(file) {
  const form = new FormData();
  form.append("file", file, file.name);
  const answer = await fetch(`/_sim/phones/${phone()}/media?phone_number_id=${number()}`, { method: "POST", body: form });
  if (!answer.ok) throw new Error(`The upload failed with HTTP ${answer.status}`);
  const { id } = await answer.json();
  const [major] = file.type.split("/");
  const kind = file.type === "image/webp" ? "sticker"
    : ["image", "video", "audio"].includes(major) ? major : "document";
  const content = { id };
  if (kind === "document") content.filename = file.name;
  const caption = $("#compose textarea").value.trim();
  if (caption && kind !== "audio" && kind !== "sticker") {
    content.caption = caption;
    $("#compose textarea").value = "";
  }
  await sendAs({ type: kind, [kind]: content });
}

function grow(box) {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, 140)}px`;
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    problem("That did not work", error.message);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "compose") {
    event.preventDefault();
    const box = form.elements.text;
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    grow(box);
    attempt(async () => {
      try {
        await sendAs({ type: "text", text: { body: text } });
      } catch (error) {
        box.value = text;
        throw error;
      }
    });
  } else if (form.closest("#add")) {
    event.preventDefault();
    addPhone(form);
  }
});

async function addPhone(form) {
  const line = $(".problem", form);
  try {
    const added = await post(`/_sim/phones/${encodeURIComponent(form.elements.number.value.trim())}`, { name: form.elements.name.value }, "PUT");
    line.hidden = true;
    $("#add").close();
    form.reset();
    await openPhone(added.wa_id);
  } catch (error) {
    line.textContent = error.message;
    line.hidden = false;
  }
}

function openAdd() {
  const dialog = $("#add");
  const form = $("form", dialog);
  if (!form.elements.number.value) {
    const tail = String(Math.floor(Math.random() * 10_000)).padStart(4, "0");
    form.elements.number.value = `+1 555 020 ${tail}`;
  }
  $(".problem", dialog).hidden = true;
  dialog.showModal();
  form.elements.name.focus();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-send], [data-list], [data-close], [data-add], [data-back], #add-open, #phones a");
  if (!target) {
    const sheet = $(".phone-settings[open]");
    if (sheet && !sheet.contains(event.target)) sheet.open = false;
    if (event.target instanceof HTMLDialogElement) event.target.close();
    return;
  }
  if (target.matches("#phones a")) {
    event.preventDefault();
    attempt(() => openPhone(target.dataset.phone));
  } else if (target.matches("[data-back]")) {
    event.preventDefault();
    attempt(() => openPhone(""));
  } else if (target.matches("[data-list]")) {
    const list = $("dialog.list", target.closest(".message"));
    list.showModal();
    $(".row", list)?.focus();
  } else if (target.matches("[data-close]")) {
    target.closest("dialog").close();
  } else if (target.dataset.send) {
    target.closest("dialog")?.close();
    attempt(() => sendAs(JSON.parse(target.dataset.send)));
    $("#compose textarea")?.focus();
  } else {
    openAdd();
  }
});

document.addEventListener("change", (event) => {
  const target = event.target;
  if (target.id === "number") {
    body.dataset.number = target.value;
    history.pushState({}, "", `?${query()}`);
    refreshPhones();
    attempt(() => showChat(true));
  } else if (target.dataset.setting) {
    attempt(() => post(`/_sim/phones/${phone()}`, { [target.dataset.setting]: target.checked }, "PUT"));
  } else if (target.type === "file" && target.files.length) {
    const form = target.closest("form");
    form.setAttribute("aria-busy", "true");
    attempt(() => sendFile(target.files[0])).finally(() => {
      form.removeAttribute("aria-busy");
      target.value = "";
    });
  }
});

document.addEventListener("input", (event) => {
  if (event.target.matches("#compose textarea")) grow(event.target);
});

// Arrow keys walk through phones and rows of a list.
function step(items, from, by) {
  const at = items.indexOf(from);
  items[Math.min(Math.max(at + by, 0), items.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && target.matches("#compose textarea")) {
    event.preventDefault();
    target.form.requestSubmit();
  } else if (event.key === "Escape" && !$("dialog[open]")) {
    const sheet = $(".phone-settings[open]");
    if (sheet) sheet.open = false;
    else if (phone()) ($(`#phones a[data-phone="${CSS.escape(phone())}"]`) || target).focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const by = event.key === "ArrowDown" ? 1 : -1;
    if (target.matches("#phones a")) {
      event.preventDefault();
      step([...document.querySelectorAll("#phones a")], target, by);
    } else if (target.matches(".row")) {
      event.preventDefault();
      step([...target.closest("dialog").querySelectorAll(".row")], target, by);
    }
  }
});

addEventListener("popstate", () => {
  const shown = new URLSearchParams(location.search);
  if (shown.get("number")) {
    body.dataset.number = shown.get("number");
    $("#number").value = shown.get("number");
  }
  attempt(() => openPhone(shown.get("phone") || "", false));
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) markRead(); });

dress(document);
follow();
markRead();
listen();
