// The preview: the form follows the patient, the answer follows the form, answers to cards go back as feedback.
import { packed, unpacked } from "./situation.js";

const base = document.body.dataset.base;
const byId = (id) => document.getElementById(id);
const form = byId("situation");
const state = { sample: form.dataset.sample, pasted: null, instance: crypto.randomUUID() };
let asking = null;
let waiting = 0;

const rows = (list, read) => [...byId(list).children].map((row) => ({ id: row.dataset.id, ...read(row) }));
const value = (row, name) => row.querySelector(`[name=${name}]`).value;

function fields() {
  const data = new FormData(form);
  return {
    hook: data.get("hook"),
    age: data.get("age"),
    ferritin: data.get("ferritin"),
    ferritinOn: data.get("ferritinOn"),
    tsat: data.get("tsat"),
    tsatOn: data.get("tsatOn"),
    pregnant: data.has("pregnant"),
    weeks: data.get("weeks"),
    dialysis: data.has("dialysis"),
    medicines: rows("medicines", (row) => ({ drug: value(row, "drug"), since: value(row, "since") })),
    drafts: rows("drafts", (row) => ({
      drug: value(row, "drug"), reason: value(row, "reason"), dose: value(row, "dose"), perDay: value(row, "perDay"),
    })),
  };
}

const situation = () => ({ ...state, form: fields() });

async function send(path, body, signal) {
  const response = await fetch(base + path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal,
  });
  const isTold = response.ok && response.headers.get("content-type")?.startsWith("application/json");
  if (isTold) throw new Error((await response.json()).trouble);
  if (response.ok) return response.text();
  const outcome = await response.json().catch(() => null);
  const issue = outcome?.issue?.[0];
  const place = issue?.expression?.[0];
  throw new Error(issue ? (place ? `${place}: ${issue.diagnostics}` : issue.diagnostics) : `The service answered ${response.status}.`);
}

// The cards and what stands beside them are replaced; the plot between them waits for its own answer.
function show(text) {
  const parts = document.createElement("template");
  parts.innerHTML = text;
  for (const name of ["cards", "beside"]) byId(name).replaceWith(parts.content.getElementById(name));
}

function trouble(text) {
  byId("trouble").textContent = text ?? "";
  byId("trouble").hidden = !text;
}

// Ask for the answer to the situation as it stands; a newer question takes the place of an older one.
async function answer() {
  asking?.abort();
  const now = (asking = new AbortController());
  const asked = situation();
  document.body.dataset.busy = "yes";
  try {
    show(await send("/preview/answer", asked, now.signal));
    trouble(null);
    byId("said").textContent = byId("cards-title").textContent;
    await remember(asked, now);
    plot(asked, now);
  } catch (error) {
    if (error.name !== "AbortError") trouble(error.message);
  }
  if (asking === now) delete document.body.dataset.busy;
}

// The plot comes when it is drawn; no card waits for it.
async function plot(asked, now) {
  delete document.body.dataset.plotted;
  try {
    byId("timeline").innerHTML = await send("/preview/timeline", asked, now.signal);
    document.body.dataset.plotted = "yes";
  } catch (error) {
    if (error.name !== "AbortError") byId("timeline").textContent = error.message;
  }
}

function soon() {
  clearTimeout(waiting);
  document.body.dataset.busy = "yes";
  waiting = setTimeout(answer, 200);
}

// A synthetic situation stands in the address as it changes; a pasted one only where a person asks for the link.
async function remember(asked, now) {
  const address = asked.pasted ? location.pathname : await link(asked);
  if (asking === now) history.replaceState(null, "", address);
}

async function link({ sample, pasted, form: filled }) {
  return `${location.pathname}#${await packed(pasted ? { pasted, form: filled } : { sample, form: filled })}`;
}

// Another patient, with the form as it is given or as the patient fills it.
async function take(patient) {
  try {
    const text = await send("/preview/form", { sample: null, pasted: null, ...patient });
    Object.assign(state, { sample: null, pasted: null, ...patient, instance: crypto.randomUUID() });
    delete state.form;
    form.innerHTML = text;
    const option = byId("patient").querySelector(`option[value="${CSS.escape(state.sample ?? "")}"]`);
    option.selected = true;
    byId("patient-shows").textContent = option.dataset.shows ?? "A pasted patient. Nothing of it is stored.";
    await answer();
  } catch (error) {
    trouble(error.message);
    throw error;
  }
}

byId("patient").addEventListener("change", (event) => take({ sample: event.target.value }).catch(() => {}));

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  if (event.target.name === "hook") {
    byId("draft-orders").hidden = event.target.value === "patient-view";
    state.instance = crypto.randomUUID();
  }
  if (event.target.name === "weeks" && event.target.value) form.elements.pregnant.checked = true;
  soon();
});
form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.classList.contains("add")) {
    const row = byId(button.dataset.row).content.firstElementChild.cloneNode(true);
    byId(button.dataset.list).append(row);
    row.querySelector("input").focus();
  }
  if (button?.classList.contains("remove")) {
    const list = button.closest("ul");
    button.closest("li").remove();
    list.parentElement.querySelector(".add").focus();
    soon();
  }
});

// What an EHR posts when a prescriber follows a card or says why not.
async function feedback(card, entry, said) {
  const told = card.querySelector(".answered");
  const body = {
    service: byId("cards").dataset.service,
    feedback: [{ card: card.dataset.card, outcomeTimestamp: new Date().toISOString(), ...entry }],
  };
  try {
    await send("/preview/feedback", body);
    told.className = "answered note good";
    const seen = Object.assign(document.createElement("a"), { href: `${base}/insight?client=preview`, textContent: "See it in Insight" });
    told.replaceChildren(`${said} Kept in the store. `, seen);
    card.classList.add("done");
  } catch (error) {
    told.className = "answered note bad";
    told.textContent = `Not kept: ${error.message}`;
  }
  told.hidden = false;
}

byId("answer").addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  const card = button?.closest(".card");
  if (!card) return;
  if (button.classList.contains("accept")) {
    button.disabled = true;
    const taken = [...card.querySelectorAll(".accept:disabled")].map((one) => ({ id: one.dataset.suggestion }));
    await feedback(card, { outcome: "accepted", acceptedSuggestions: taken }, `Accepted: ${button.dataset.label}.`);
    button.textContent = "Accepted";
  }
  if (button.classList.contains("overrule")) {
    const reason = card.querySelector(".override select").selectedOptions[0];
    const coding = { code: reason.value, system: reason.dataset.system, display: reason.textContent };
    await feedback(card, { outcome: "overridden", overrideReason: { reason: coding } }, `Overridden: ${reason.textContent}.`);
  }
});

byId("paste").addEventListener("click", () => {
  byId("paste-trouble").hidden = true;
  byId("paste-dialog").showModal();
  byId("pasted").focus();
});
byId("use-pasted").addEventListener("click", async (event) => {
  event.preventDefault();
  const told = byId("paste-trouble");
  try {
    let pasted;
    try { pasted = JSON.parse(byId("pasted").value); } catch { throw new Error("This is not JSON."); }
    if (pasted === null || typeof pasted !== "object" || Array.isArray(pasted)) throw new Error("A JSON object is needed: a Bundle or a hook request.");
    await take({ pasted });
    byId("paste-dialog").close();
    byId("pasted").value = "";
  } catch (error) {
    trouble(null);
    told.textContent = error.message;
    told.hidden = false;
  }
});

byId("copy-link").addEventListener("click", async () => {
  const address = new URL(await link(situation()), location.href).href;
  const told = byId("link-said");
  try {
    await navigator.clipboard.writeText(address);
    told.textContent = state.pasted ? "Copied. The link holds the pasted record." : "Copied.";
  } catch {
    history.replaceState(null, "", address);
    told.textContent = "The address of this page is now the link.";
  }
});

// True where the address holds a situation, and what to tell where it holds something else.
async function fromAddress() {
  if (location.hash.length < 2) return "";
  try {
    const { sample, pasted, form: filled } = await unpacked(location.hash.slice(1));
    await take(pasted ? { pasted, form: filled } : { sample, form: filled });
    return true;
  } catch {
    return "The link holds no situation that this page understands.";
  }
}

async function begin() {
  const told = await fromAddress();
  if (told === true) return;
  if (told) trouble(told);
  // What the page came with is the answer already; only its plot is missing.
  asking = new AbortController();
  plot(situation(), asking);
}

addEventListener("hashchange", begin);
await begin();
document.body.dataset.ready = "yes";
