// Shows the views that /events sends. All text is set as text, never as markup.
"use strict";
const at = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const MINUTES = 5;
// What each role does, the field of a job that tells how fast, and how that is said.
const ROLES = [
  ["reading", "bytes_read_per_second", (rate) => `${bytes(rate) || 0}/s of the inputs`],
  ["mapping", "bytes_per_second", (rate) => `${bytes(rate) || 0}/s of text`],
  ["merging", "outcomes_per_second", (rate) => `${rate || 0} results/s`],
];
const rates = new Map(); // job -> [{at, rates: one of each role}]
let token = null;
let latest = null;

const element = (name, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
const bytes = (number) => {
  if (!number) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
  return `${number.toFixed(unit ? 1 : 0)} ${units[unit]}`;
};
const span = (seconds) => {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};
const clock = (seconds) => new Date(seconds * 1000).toLocaleString();
const waits = (job) => [job.reason, ...(job.waits_for || []), ...(job.troubles || [])].filter(Boolean).join("; ");

// A row is its cells: text, or a text with its class, or with what is drawn in its place.
const bad = (text, is) => [text, is ? "bad" : ""];
const number = (text) => [text, "number"];

function jobRow(job) {
  const draw = (make) => ["", "", make];
  const known = job.percent !== null && job.percent !== undefined;
  return { cells: [
    draw([job.job, () => link(job.job, `#${encodeURIComponent(job.job)}`)]),
    job.kind, bad(job.state, job.state === "failed" || job.state === "stalled"),
    known ? draw([job.percent, () => progress(job)]) : "",
    rateCell(job), number(span(job.eta_seconds)), waits(job),
    job.report ? draw([`report ${job.job}`, () => report(job)]) : "",
  ] };
}

// The last minute as a line, and the rate now.
function rateCell(job) {
  const points = (rates.get(job.job) || []).slice(-30);
  if (!job.bytes_per_second && !points.some((point) => point.rates[1])) return number("");
  const now = `${bytes(job.bytes_per_second) || 0}/s`;
  const line = polyline(points, 1, latest.at - 60, 60, 100, 16);
  return [now, "number", [`${now} ${line}`, () => {
    const small = document.createElementNS(SVG, "svg");
    small.setAttribute("class", "small");
    small.setAttribute("viewBox", "0 0 100 16");
    small.setAttribute("aria-hidden", "true");
    small.appendChild(document.createElementNS(SVG, "polyline")).setAttribute("points", line);
    return [small, now];
  }]];
}

// The points of a role's rate in so many seconds from a time on, for a picture of this size.
function polyline(points, role, first, seconds, width, height) {
  const most = Math.max(1, ...points.map((point) => point.rates[role]));
  return points
    .map((point) => `${((point.at - first) * width / seconds).toFixed(1)},${(height - 1 - (height - 2) * point.rates[role] / most).toFixed(1)}`)
    .join(" ");
}

// A link to a report; with a token, which a link cannot send, a button that saves it.
function report(job) {
  const path = `/reports/${encodeURIComponent(job.job)}`;
  if (!token) return link("open", path);
  const button = element("button", "save");
  button.setAttribute("aria-label", `save the report of ${job.job}`);
  button.addEventListener("click", async () => {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) { button.textContent = await answer.text(); return; }
    const saved = element("a");
    saved.href = URL.createObjectURL(await answer.blob());
    saved.download = `${job.job}.report.html`;
    saved.click();
    setTimeout(() => URL.revokeObjectURL(saved.href), 10000);
  });
  return [button];
}

function link(text, to) {
  const made = element("a", text);
  made.href = to;
  return [made];
}

function progress(job) {
  const bar = element("progress");
  bar.max = 100;
  bar.value = job.percent;
  bar.setAttribute("aria-label", `${job.job}: ${job.percent} %`);
  return [bar, ` ${job.percent} %`];
}

function workerRow(worker) {
  const heard = worker.lost ? `silent for ${span(worker.silent_seconds)}: ended, or lost` : worker.trouble || "now";
  return { kind: worker.lost ? "lost" : "", cells: [
    worker.host, number(worker.pid), worker.role, number(worker.threads || ""), worker.jobs.join(", ") || "none",
    number(worker.bytes_per_second ? `${bytes(worker.bytes_per_second)}/s` : ""), number(bytes(worker.memory)), worker.version,
    bad(heard, worker.trouble),
  ] };
}

const eventItem = (event) => element("li", `${clock(event.at)}  ${event.job}: ${event.text}`);

// Puts rows into a table. Only cells that say something new are touched: with a thousand rows the rest would take longest.
function renew(table, rows) {
  rows.forEach((row, place) => {
    const shown = table.rows[place] || table.appendChild(element("tr"));
    shown.said ??= [];
    if (shown.className !== (row.kind || "")) shown.className = row.kind || "";
    row.cells.forEach((cell, column) => {
      const [text, kind, drawn] = Array.isArray(cell) ? cell : [cell, ""];
      const said = `${kind}|${drawn ? drawn[0] : text}`;
      if (shown.said[column] === said) return;
      shown.said[column] = said;
      const place = shown.cells[column] || shown.appendChild(element("td"));
      if (place.className !== kind) place.className = kind;
      if (drawn) place.replaceChildren(...drawn[1]());
      else place.textContent = text;
    });
  });
  while (table.rows.length > rows.length) table.deleteRow(-1);
}

function showJob(job, view) {
  at("job-name").textContent = `${job.job} (${job.kind}): ${job.state}`;
  const facts = {
    done: job.percent === null ? "" : `${job.percent} %`,
    "time left": span(job.eta_seconds),
    "chunks published": job.chunks_published, "chunks mapped": job.chunks_mapped,
    "chunks ready": job.chunks_waiting, "chunks in flight": job.chunks_in_hand,
    "results waiting": job.results_waiting, "outcomes durable": job.outcomes_durable,
    partitions: `${job.partitions_closed} of ${job.partitions} complete`,
    "set aside": job.quarantined, "unusable messages": job.dead || "",
    workers: job.workers ? `${job.workers.producers} producers, ${job.workers.mappers} mappers, ${job.workers.reducers} reducers` : "",
    "waits for": waits(job), output: job.output, started: span(job.seconds) && `${span(job.seconds)} ago`,
  };
  showFacts(at("facts"), facts);
  showSplits(job);
  const reasons = job.quarantined_for || [];
  at("reasons-head").hidden = at("reasons-table").parentNode.hidden = !reasons.length;
  renew(at("reasons"), reasons.map((said) => ({ cells: [said.reason, number(said.entries)] })));
  at("job-events").replaceChildren(...view.events.filter((event) => event.job === job.job).map(eventItem));
  at("cancel").textContent = `gristmill cancel ${job.job}`;
  const points = rates.get(job.job) || [];
  at("rates").hidden = !points.length;
  [...at("rates").children].forEach((figure, role) => {
    const [name, field, say] = ROLES[role];
    const most = Math.max(0, ...points.map((point) => point.rates[role]));
    const line = polyline(points, role, view.at - MINUTES * 60, MINUTES * 60, 300, 80);
    figure.firstElementChild.firstElementChild.setAttribute("points", line);
    figure.lastElementChild.textContent = `${name}: ${say(job[field])}, at most ${say(most)} in ${MINUTES} minutes`;
  });
}

// Splits are read in order: one that is not read while a later one is, is late.
function showSplits(job) {
  const read = new Set(job.splits_done || []);
  const last = Math.max(-1, ...read);
  const late = [];
  for (let split = 0; split < last; split += 1) if (!read.has(split)) late.push(split);
  // Where mappers read them, nobody else knows which.
  const among = job.read_by_mappers && ["unsealed", "running", "stalled"].includes(job.state);
  at("splits-head").hidden = at("splits-text").hidden = !job.splits_done && !among;
  const more = late.length > 20 ? ` and ${late.length - 20} more` : "";
  at("splits-text").textContent = among ? `${job.chunks_mapped ?? 0} of ${job.splits} splits are read, by the mappers`
    : `${job.splits_published} of ${job.splits} splits are read`
      + (late.length ? `; late, as later ones are read: ${late.slice(0, 20).join(", ")}${more}` : "");
  const kind = (split) => (read.has(split) ? "done" : split < last ? "late" : "");
  at("splits").replaceChildren(...(job.splits_done ? Array.from({ length: job.splits }, (_, split) => element("span", undefined, kind(split))) : []));
}

function showBroker(broker) {
  const waiting = broker.waiting;
  const facts = {
    ...Object.fromEntries((broker.nodes || []).map((node) => [node.node, node.version ? `RabbitMQ ${node.version}` : "its version is not to be seen from here"])),
    "in its queues": waiting && `${waiting.chunks} chunks, ${waiting.results} results, ${waiting.unusable} unusable messages`,
    alarm: broker.alarm || "none",
  };
  showFacts(at("broker-facts"), facts);
}

function showFacts(list, facts) {
  list.replaceChildren(...Object.entries(facts)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

function show() {
  const view = latest;
  if (!view) return;
  const broker = view.broker;
  at("broker").textContent = broker.alarm ? `The broker is in alarm and takes no messages: ${broker.alarm}`
    : broker.connections_down ? "The broker is gone; what is shown is what was seen last." : "";
  const wanted = decodeURIComponent(location.hash.slice(1));
  const job = wanted && (view.jobs || []).find((job) => job.job === wanted);
  at("overview").hidden = Boolean(job);
  at("job").hidden = !job;
  document.title = job ? `${job.job} - Gristmill` : "Gristmill";
  if (job) { showJob(job, view); return; }
  const jobs = view.jobs || [];
  renew(at("jobs"), jobs.map(jobRow));
  at("jobs-more").textContent = view.jobs_all > jobs.length ? `(the ${jobs.length} latest of ${view.jobs_all})` : "";
  renew(at("workers"), view.workers.map(workerRow));
  showBroker(broker);
  at("events").replaceChildren(...view.events.slice(0, 30).map(eventItem));
}

function keepRates(view) {
  for (const job of view.jobs || []) {
    if (job.bytes_per_second === null || job.bytes_per_second === undefined) continue;
    const points = rates.get(job.job) || [];
    if (points.at(-1)?.at !== view.at) points.push({ at: view.at, rates: ROLES.map(([, field]) => job[field] || 0) });
    rates.set(job.job, points);
  }
  // What is too old is gone, and with it the jobs that ended long ago.
  for (const [job, points] of rates) {
    while (points.length && points[0].at <= view.at - MINUTES * 60) points.shift();
    if (!points.length) rates.delete(job);
  }
}

function take(view) {
  if (!view.jobs && latest) view.jobs = latest.jobs;
  keepRates(view);
  latest = view;
  at("state").textContent = `seen at ${new Date(view.at * 1000).toLocaleTimeString()}`;
  if (!document.hidden) show();
}

// EventSource cannot send a token; a streaming fetch can.
async function listen() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch("/events", { headers });
  if (answer.status === 401) { at("login").hidden = false; at("state").textContent = token ? "the token is wrong" : "a token is needed"; return; }
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  at("login").hidden = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the server has gone");
    text += value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
    }
  }
}

async function keep() {
  for (;;) {
    try { await listen(); return; } catch (error) { at("state").textContent = `${error.message}; trying again`; }
    await new Promise((wake) => setTimeout(wake, 2000));
  }
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value;
  keep();
});
addEventListener("hashchange", show);
document.addEventListener("visibilitychange", show);
keep();
