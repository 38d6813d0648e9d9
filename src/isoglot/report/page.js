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
    Plotly.react(place, figure.data, figure.layout, { responsive: true, displayModeBar: false })
      .then(() => wrapTitles(place));
  }
}

// On a narrow page, the title of an axis breaks into lines where it would leave the plot.
function wrapTitles(place) {
  const frame = place.getBoundingClientRect();
  for (const node of place.querySelectorAll(".infolayer text[class^='x'][class$='title']")) {
    const box = node.getBoundingClientRect();
    const middle = (box.left + box.right) / 2;
    const room = 2 * Math.min(middle - frame.left, frame.right - middle);
    const axis = node.getAttribute("class").replace(/^x(\d*)title$/, "xaxis$1");
    const text = place.layout[axis]?.title?.text;
    if (box.width <= room || !text || text.includes("<br>")) continue;
    const most = Math.floor((text.length * room) / box.width);
    const lines = text.split(" ").reduce((all, word) => {
      const longer = `${all.at(-1)} ${word}`;
      return longer.length <= most ? [...all.slice(0, -1), longer] : [...all, word];
    }, [""]);
    Plotly.relayout(place, { [`${axis}.title.text`]: lines.join("<br>").trim().replace(/^<br>/, "") });
  }
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// ── Browser ──
const PAGE = 10;
const { cards, directions, facets, noun } = data.browser;
let shown = PAGE;

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function marked(text, wanted, language) {
  const node = element("p", "text");
  if (language) node.lang = language;
  node.dir = directions[language];
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

function card(item, wanted) {
  const node = element("article", "pair");
  const meta = element("p", "meta", item.meta);
  if (item.flag) meta.append(" · ", element("b", "", item.flag));
  node.append(meta);
  if (item.prompt) node.append(marked(item.prompt, wanted, item.language));
  const sides = element("div", "sides");
  for (const side of item.sides) {
    const place = element("div", `side ${side.name}`);
    place.append(element("span", "", side.note));
    if (side.thought) {
      const folded = element("details");
      folded.open = wanted !== "" && side.thought.toLowerCase().includes(wanted);
      folded.append(element("summary", "", "thought"), marked(side.thought, wanted, side.thought_language));
      place.append(folded);
    }
    place.append(marked(side.text, wanted, side.language || item.language));
    sides.append(place);
  }
  node.append(sides);
  return node;
}

const select = (facet) => document.querySelector(`[data-facet="${facet.key}"]`);

function list() {
  const wanted = byId("card-search").value.trim().toLowerCase();
  const chosen = facets.map((facet) => [facet.key, select(facet).value]).filter(([, value]) => value !== "");
  const found = cards.filter((item) =>
    chosen.every(([key, value]) => item.facets[key] === value) &&
    (!wanted || [item.prompt, ...item.sides.flatMap((side) => [side.text, side.thought])].some((text) => text.toLowerCase().includes(wanted))));
  byId("card-count").textContent = `${found.length} of the ${cards.length} ${noun} in this page`;
  byId("card-list").replaceChildren(...found.slice(0, shown).map((item) => card(item, wanted)));
  byId("card-more").hidden = found.length <= shown;
}

function fill(facet) {
  const options = [["", "all"], ...facet.values].map(([value, text]) => {
    const option = element("option", "", text);
    option.value = value;
    return option;
  });
  select(facet).replaceChildren(...options);
  select(facet).value = facet.selected;
}

function restart() {
  shown = PAGE;
  list();
}

if (cards.length) {
  for (const facet of facets) {
    fill(facet);
    select(facet).addEventListener("change", restart);
  }
  byId("card-search").addEventListener("input", restart);
  byId("card-search").form.addEventListener("submit", (event) => event.preventDefault());
  byId("card-more").addEventListener("click", () => { shown += PAGE; list(); });
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
