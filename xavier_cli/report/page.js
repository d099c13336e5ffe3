"use strict";
// Light or dark by hand; what the system says holds until then.
(function () {
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  button.hidden = false;
  button.addEventListener("click", function () {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
})();

// Columns sort by their values, not by their text; what has no value stays below.
(function () {
  function value(row, column) {
    const text = row.cells[column].dataset.value;
    if (text === undefined) return null;
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? number : text;
  }
  function compare(a, b) {
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    const body = table.tBodies[0];
    table.querySelectorAll("th button").forEach(function (button) {
      const head = button.parentElement;
      button.addEventListener("click", function () {
        const down = head.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("th[aria-sort]").forEach(function (each) { each.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = Array.from(body.rows).map(function (row) { return [value(row, head.cellIndex), row]; });
        rows.sort(function (a, b) {
          if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null);
          return (down ? -1 : 1) * compare(a[0], b[0]);
        });
        rows.forEach(function (pair) { body.appendChild(pair[1]); });
      });
    });
  });
})();

// A table that continues to the right says so, as long as it does.
(function () {
  document.querySelectorAll(".tables").forEach(function (group) {
    const hint = group.querySelector(".hint"), wide = Array.from(group.querySelectorAll(".wide"));
    if (!hint) return;
    function look() {
      hint.hidden = !wide.some(function (each) { return each.scrollLeft + each.clientWidth < each.scrollWidth - 2; });
    }
    wide.forEach(function (each) { each.addEventListener("scroll", look, { passive: true }); });
    window.addEventListener("resize", look);
    look();
  });
})();

// A command is copied by a click on it, or on the button behind it.
(function () {
  function copy(code, button) {
    function done() {
      button.textContent = "Copied";
      setTimeout(function () { button.textContent = "Copy"; }, 1500);
    }
    function select() {
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      if (document.execCommand("copy")) done();
    }
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select);
    else select();
  }
  document.querySelectorAll("code.command").forEach(function (code) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy the command");
    code.after(button);
    code.addEventListener("click", function () {
      // Whoever selects a part of it wants that part.
      if (String(window.getSelection()) === "") copy(code, button);
    });
    button.addEventListener("click", function () { copy(code, button); });
  });
})();

// On paper everything is open, and afterwards as it was.
(function () {
  let closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(function (each) { each.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (each) { each.open = false; });
  });
})();

// The curves of a figure: one stands out under the pointer, and a click on it or its label hides it.
(function () {
  document.querySelectorAll("figure").forEach(function (figure) {
    // Ids such as `curves-series-3-line`, with a number behind it in further panels.
    figure.querySelectorAll("[id*='series-']").forEach(function (part) {
      const words = /(?:^|-)series-(\d+)-(line|band|label|key)(?:-\d+)?$/.exec(part.id);
      if (words) Object.assign(part.dataset, { series: words[1], part: words[2] });
    });
    const parts = Array.from(figure.querySelectorAll("[data-series]"));
    const names = new Set(parts.map(function (part) { return part.dataset.series; }));
    if (names.size < 2) return;
    function of(name) { return parts.filter(function (part) { return part.dataset.series === name; }); }
    function show(name) {
      parts.forEach(function (part) { part.classList.toggle("dim", name !== null && part.dataset.series !== name); });
    }
    function toggle(name) {
      const hides = !of(name)[0].classList.contains("off");
      of(name).forEach(function (part) {
        part.classList.toggle("off", hides);
        if (part.dataset.part === "label") part.setAttribute("aria-pressed", String(!hides));
      });
      show(null);
    }
    parts.forEach(function (part) {
      const name = part.dataset.series;
      if (part.dataset.part === "line") {
        // A thin line is hard to hit: a wide one that is not seen lies over it.
        Array.from(part.querySelectorAll("path")).filter(function (path) { return !path.closest("defs"); })
          .forEach(function (path) {
            const wide = path.cloneNode(false);
            wide.removeAttribute("id");
            wide.setAttribute("style", "fill: none; stroke: transparent; stroke-width: 9; pointer-events: stroke");
            path.after(wide);
          });
      }
      if (part.dataset.part === "label") {
        part.setAttribute("role", "button");
        part.setAttribute("tabindex", "0");
        part.setAttribute("aria-pressed", "true");
        part.addEventListener("focus", function () { show(name); });
        part.addEventListener("blur", function () { show(null); });
        part.addEventListener("keydown", function (event) {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          toggle(name);
        });
      }
      part.addEventListener("pointerenter", function () { show(name); });
      part.addEventListener("pointerleave", function () { show(null); });
      if (part.dataset.part !== "band") part.addEventListener("click", function () { toggle(name); });
    });
    const drawing = parts[0].closest("svg");
    // What is in a picture cannot be reached by whoever does not see it.
    drawing.setAttribute("role", "group");
    const caption = figure.querySelector("figcaption");
    caption.append(" Point at a curve to make it stand out; click its label to hide it, and again to show it.");
  });
})();

// The layers at a record, drawn from the numbers embedded in the page.
(function () {
  const block = document.getElementById("layers-data");
  if (!block) return;
  const runs = JSON.parse(block.textContent).runs;
  const find = function (name) { return document.getElementById("layers-" + name); };
  const chosenRun = find("run"), chosenTensor = find("tensor"), slider = find("record");
  const PANEL = 150, HEIGHT = 110, GAP = 14, COLUMNS = 5;

  function svg(name, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function option(select, value, text) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = text;
    select.appendChild(made);
  }
  function short(number) {
    if (number === null || number === undefined) return "";
    if (number === 0) return "0";
    const size = Math.abs(number);
    return size < 1e-3 || size >= 1e5 ? number.toExponential(1) : String(Number(number.toPrecision(3)));
  }
  function percent(share) { return share === null ? "" : (100 * share).toFixed(1) + " %"; }

  function panel(record, layer, place, name) {
    const group = svg("g", { transform: "translate(" + place.x + " " + place.y + ")" });
    const bars = record.bars[layer], width = PANEL / bars.length, low = record.axis[0], high = record.axis[1];
    const of = function (bin) { return low + (high - low) * bin / bars.length; };
    group.appendChild(svg("text", { x: 0, y: -4, "font-size": 10 }, name));
    bars.forEach(function (bar, bin) {
      if (!bar) return;
      const rect = svg("rect", { class: "bar", x: bin * width, y: HEIGHT * (1 - bar / 1000),
        width: width * 0.94, height: HEIGHT * bar / 1000 });
      const share = record.share[layer] * bar / 1000;
      rect.appendChild(svg("title", {}, short(of(bin)) + " to " + short(of(bin + 1)) + ": " + percent(share)));
      group.appendChild(rect);
    });
    group.appendChild(svg("path", { class: "axis", d: "M0 " + HEIGHT + "H" + PANEL }));
    [[0, low, "start"], [PANEL / 2, (low + high) / 2, "middle"], [PANEL, high, "end"]].forEach(function (tick) {
      group.appendChild(svg("text", { x: tick[0], y: HEIGHT + 11, "font-size": 8.5, "text-anchor": tick[2] }, short(tick[1])));
    });
    return group;
  }
  function numbers(tensor, record, words) {
    const heads = ["layer"], columns = [];
    tensor.statistics.forEach(function (statistic) {
      heads.push(statistic.name);
      columns.push(record[statistic.key].map(statistic.is_share ? percent : short));
    });
    if (record.percentiles) {
      ["2nd percentile", "25th", "median", "75th", "98th"].forEach(function (head, i) {
        heads.push(head);
        columns.push(record.percentiles.map(function (layer) { return short(layer[i]); }));
      });
    }
    const table = document.createElement("table"), top = table.createTHead().insertRow(), body = table.createTBody();
    table.createCaption().textContent = words;
    heads.forEach(function (head) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = head;
      top.appendChild(cell);
    });
    tensor.layers.forEach(function (layer, i) {
      const row = body.insertRow();
      row.insertCell().textContent = layer;
      columns.forEach(function (column) { row.insertCell().textContent = column[i]; });
    });
    return table;
  }
  function draw() {
    const run = runs[chosenRun.value], tensor = run.tensors[chosenTensor.value];
    slider.max = tensor.records.length - 1;
    const record = tensor.records[Math.min(slider.value, slider.max)];
    const count = tensor.layers.length, columns = Math.min(count, COLUMNS), rows = Math.ceil(count / columns);
    const words = tensor.name + " of " + run.label + " after " + record.update.toLocaleString("en") + " updates";
    const drawing = svg("svg", { role: "img", "aria-label": "Histograms per layer: " + words,
      viewBox: "0 0 " + (COLUMNS * (PANEL + GAP)) + " " + (rows * (HEIGHT + 36)) });
    tensor.layers.forEach(function (layer, i) {
      const place = { x: (i % columns) * (PANEL + GAP) + 2, y: Math.floor(i / columns) * (HEIGHT + 36) + 16 };
      drawing.appendChild(panel(record, i, place, "layer " + layer));
    });
    find("drawing").replaceChildren(drawing);
    find("numbers").replaceChildren(numbers(tensor, record, words));
    find("now").textContent = "after " + record.update.toLocaleString("en") + " updates";
    slider.setAttribute("aria-valuetext", record.update + " updates");
  }
  function tensors() {
    const before = chosenTensor.value, there = runs[chosenRun.value].tensors;
    chosenTensor.replaceChildren();
    for (const name in there) option(chosenTensor, name, there[name].name);
    if (before in there) chosenTensor.value = before;
    draw();
  }
  runs.forEach(function (run, i) { option(chosenRun, i, run.label); });
  chosenRun.addEventListener("change", tensors);
  chosenTensor.addEventListener("change", draw);
  slider.addEventListener("input", draw);
  find("controls").hidden = false;
  tensors();
})();
