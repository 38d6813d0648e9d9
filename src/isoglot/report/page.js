"use strict";
// Text of a run reaches the page through textContent only, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// ── Plots: colours are names of CSS variables, looked up in the present scheme. ──
function coloured(value, style) {
  if (typeof value === "string") {
    const name = /^var\((--[a-z0-9]+)\)$/.exec(value);
    return name ? style.getPropertyValue(name[1]).trim() : value;
  }
  if (Array.isArray(value)) return value.map((item) => coloured(item, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
  }
  return value;
}

function draw() {
  const style = getComputedStyle(document.documentElement);
  for (const place of document.querySelectorAll("[data-chart]")) {
    const figure = coloured(data.charts[Number(place.dataset.chart)], style);
    Plotly.react(place, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  }
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// ── Pairs ──
const PAGE = 10;
let shown = PAGE;

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function marked(text, wanted) {
  const node = element("p", "text");
  node.dir = "auto";
  const lower = text.toLowerCase();
  let from = 0;
  // A few capitals have a longer small form; then places in `lower` are not places in `text`.
  if (lower.length !== text.length) wanted = "";
  for (let at = wanted ? lower.indexOf(wanted) : -1; at >= 0; at = lower.indexOf(wanted, from)) {
    node.append(text.slice(from, at), element("mark", "", text.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  node.append(text.slice(from));
  return node;
}

function side(pair, name, wanted) {
  const node = element("div", `side ${name}`);
  const score = pair[`score_${name}`];
  const facts = [name, pair[`${name}_model`], pair[`${name}_language`] && `identified: ${pair[`${name}_language`]}`,
    score !== undefined && `score ${Number(score).toFixed(3)}`];
  node.append(element("span", "", facts.filter(Boolean).join(" · ")), marked(pair[name], wanted));
  return node;
}

function card(pair, wanted) {
  const node = element("article", "pair");
  const meta = element("p", "meta", `round ${pair.round} · ${data.names[pair.language]}`);
  if (pair.pair_type) meta.append(` · ${pair.pair_type}`);
  if (pair.kind === "dropped") meta.append(" · ", element("b", "", `dropped: ${pair.reason || "no reason recorded"}`));
  const sides = element("div", "sides");
  sides.append(side(pair, "chosen", wanted), side(pair, "rejected", wanted));
  node.append(meta);
  if (pair.prompt) node.append(marked(pair.prompt, wanted));
  node.append(sides);
  return node;
}

function list() {
  const [round, language, kind] = ["round", "language", "kind"].map((name) => byId(`pair-${name}`).value);
  const wanted = byId("pair-search").value.trim().toLowerCase();
  const found = data.pairs.filter((pair) =>
    (round === "" || String(pair.round) === round) && (language === "" || pair.language === language) &&
    (kind === "" || pair.kind === kind) &&
    (!wanted || [pair.prompt, pair.chosen, pair.rejected].some((text) => text.toLowerCase().includes(wanted))));
  byId("pair-count").textContent = `${found.length} of the ${data.pairs.length} pairs in this page`;
  byId("pair-list").replaceChildren(...found.slice(0, shown).map((pair) => card(pair, wanted)));
  byId("pair-more").hidden = found.length <= shown;
}

function fill(select, values, text, all) {
  const options = all ? [["", all]] : [];
  for (const value of values) options.push([String(value), text(value)]);
  select.replaceChildren(...options.map(([value, label]) => {
    const option = element("option", "", label);
    option.value = value;
    return option;
  }));
}

function restart() {
  shown = PAGE;
  list();
}

if (data.pairs.length) {
  fill(byId("pair-round"), [...new Set(data.pairs.map((pair) => pair.round))], (round) => `round ${round}`, "all");
  fill(byId("pair-language"), Object.keys(data.names), (tag) => data.names[tag], "all");
  byId("pair-round").selectedIndex = byId("pair-language").selectedIndex = 1;
  if (!data.pairs.some((pair) => pair.kind === "kept")) byId("pair-kind").value = "";
  for (const name of ["round", "language", "kind"]) byId(`pair-${name}`).addEventListener("change", restart);
  byId("pair-search").addEventListener("input", restart);
  byId("pair-search").form.addEventListener("submit", (event) => event.preventDefault());
  byId("pair-more").addEventListener("click", () => { shown += PAGE; list(); });
  list();
}

// ── Results ──
const filter = byId("result-filter");
if (filter) {
  filter.form.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of byId("result-table").tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
}
