// The page of a document: decodes the payload, builds the views, keeps them and the address in step.
((attviz) => {
  "use strict";

  const MAX_PINS = 8;
  // A relative colour scale runs from a sixth of a head's mean to six times as much.
  const RELATIVE = 6;
  const byId = (id) => document.getElementById(id);

  const pinnedRows = (doc, state) => {
    const text = state.get("h");
    const rows = text === undefined ? doc.telling : text.split(",").map((key) => attviz.attention.rowOf(doc, key));
    return [...new Set(rows.filter((row) => row >= 0))].slice(0, MAX_PINS);
  };

  const colourRange = (doc, withSpecial) => {
    if (!withSpecial) return doc.range;
    let [low, high] = doc.range;
    for (let token = 0; token < doc.tokens; token++) {
      if (doc.special[token]) [low, high] = [Math.min(low, Math.max(doc.aggregates.min[token], 1e-6)), Math.max(high, doc.aggregates.max[token])];
    }
    return [low, high];
  };

  // The tokens that the plots show, "first-last" in the address; all where it says nothing that makes sense.
  const shownSpan = (doc, text) => {
    const match = /^(\d+)-(\d+)$/.exec(text);
    const [first, last] = match ? [Number(match[1]), Number(match[2]) + 1] : [0, 0];
    return first < last && last <= doc.tokens ? [first, last] : [0, doc.tokens];
  };

  const fillMeasures = (select, doc, pins, measure) => {
    const options = attviz.attention.AGGREGATES.map((name) => [name, `${name} over heads`]);
    const heads = [...new Set([...pins.map(({ row }) => attviz.attention.keyOf(doc, row)), ...(doc.aggregates[measure] ? [] : [measure])])];
    heads.forEach((key) => options.push([key, `head ${doc.name(attviz.attention.rowOf(doc, key))}`]));
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === measure)));
  };

  const drawLegend = (colours, [low, high], relative) => {
    const canvas = byId("legend");
    const context = attviz.canvas.fit(canvas, 160, 10);
    for (let i = 0; i < 160; i++) {
      context.fillStyle = colours.css[Math.round((i / 159) * 255)];
      context.fillRect(i, 0, 1, 10);
    }
    const [from, to] = relative ? [`1/${RELATIVE}`, `${RELATIVE} × the head’s mean`] : [low, high].map((value) => attviz.scale.significant(value));
    canvas.setAttribute("aria-label", `Colour scale from ${from} to ${to}, logarithmic`);
    byId("legend-text").textContent = `${from} to ${to}, log`;
  };

  const listPins = (doc, pins, unpin) => {
    byId("pins").replaceChildren(...pins.map(({ row, colour }) => {
      const item = document.createElement("li");
      const key = Object.assign(document.createElement("i"), { className: "pin-key" });
      key.style.backgroundColor = colour;
      const link = Object.assign(document.createElement("a"), { textContent: doc.name(row), href: document.body.dataset.root + doc.page(row) });
      const value = Object.assign(document.createElement("span"), { className: "pin-value" });
      value.dataset.row = row;
      const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "×" });
      button.setAttribute("aria-label", `Unpin ${doc.name(row)}`);
      button.addEventListener("click", () => unpin(row));
      item.append(key, link, value, button);
      return item;
    }));
  };

  const fillPinValues = (doc, token) => {
    for (const place of byId("pins").querySelectorAll(".pin-value")) {
      const row = Number(place.dataset.row);
      const value = token >= 0 ? doc.value(row, token) : doc.headMeans[row];
      place.textContent = value === 0 ? "< 1e-6" : `≈ ${attviz.scale.significant(value)}`;
    }
  };

  // Previous and next show the same heads.
  const passOnPins = (pinned) => document.querySelectorAll(".pager a").forEach((link) => { link.hash = pinned ? `h=${pinned}` : ""; });

  const switches = (state) => {
    for (const name of ["scale", "rows", "colour"]) {
      for (const input of document.querySelectorAll(`input[name=${name}]`)) {
        input.addEventListener("change", () => state.set({ [name]: input.value }));
      }
    }
    byId("special").addEventListener("change", (event) => state.set({ special: event.target.checked ? 0 : 1 }));
    byId("measure").addEventListener("change", (event) => state.set({ m: event.target.value }));
  };

  const showSwitches = (state) => {
    for (const name of ["scale", "rows", "colour"]) {
      const input = document.querySelector(`input[name=${name}][value="${CSS.escape(state.get(name))}"]`);
      if (input) input.checked = true;
    }
    byId("special").checked = String(state.get("special")) !== "1";
  };

  const start = async () => {
    const text = byId("text");
    const doc = await attviz.attention.load(JSON.parse(byId("payload").textContent), text.textContent);
    const state = attviz.state.create({ m: "mean", scale: "log", rows: "layers", colour: "relative", special: 0, t: "", z: "" });
    const cursor = attviz.createCursor();
    const toggle = (row) => {
      const rows = pinnedRows(doc, state);
      const next = rows.includes(row) ? rows.filter((other) => other !== row) : [...rows, row].slice(-MAX_PINS);
      state.set({ h: next.map((r) => attviz.attention.keyOf(doc, r)).join(",") });
    };
    const zoom = (first, last) => state.set({ z: last - first === doc.tokens ? "" : `${first}-${last - 1}` });
    byId("unzoom").addEventListener("click", () => zoom(0, doc.tokens));
    const views = {
      text: attviz.text.create(text, doc, cursor),
      series: attviz.series.create(byId("series"), doc, cursor, zoom),
      overview: attviz.overview.create(byId("overview"), doc, cursor, zoom),
      sequence: attviz.sequence.create(byId("sequence"), doc, cursor),
      grid: attviz.headGrid.create(byId("head-grid"), byId("head-grid-subject"), doc, cursor, toggle),
    };
    attviz.tokenList.create(byId("token-list"), doc);
    const inspector = attviz.inspector.create(doc);

    const draw = () => {
      const colours = attviz.palette.current();
      const pins = pinnedRows(doc, state).map((row, i) => ({ row, colour: attviz.palette.PINS[i] }));
      const range = colourRange(doc, String(state.get("special")) === "1");
      const measure = doc.aggregates[state.get("m")] || attviz.attention.rowOf(doc, state.get("m")) >= 0 ? state.get("m") : "mean";
      const place = attviz.palette.placer(...range);
      const relative = state.get("colour") === "relative";
      const scale = state.get("scale") === "linear" ? "linear" : "log";
      const span = shownSpan(doc, state.get("z"));
      byId("unzoom").hidden = span[1] - span[0] === doc.tokens;
      const view = { colours, span, pins, measure, scale, rows: state.get("rows"), place, placeIn: relative ? (mean) => attviz.palette.placer(mean / RELATIVE, mean * RELATIVE) : () => place };
      fillMeasures(byId("measure"), doc, pins, measure);
      byId("series-measure").textContent = doc.aggregates[measure] ? measure : doc.name(attviz.attention.rowOf(doc, measure));
      showSwitches(state);
      drawLegend(colours, range, relative);
      listPins(doc, pins, toggle);
      passOnPins(state.get("h"));
      Object.values(views).forEach((part) => part.draw(view));
      follow(cursor.get());
    };

    const follow = (now) => {
      Object.values(views).forEach((part) => part.cursor(now));
      inspector.cursor(now);
      fillPinValues(doc, now.token);
    };
    cursor.subscribe((now) => {
      follow(now);
      if (now.held || state.get("t") !== "") state.set({ t: now.held ? now.token : "" });
    });
    state.subscribe((_, changed) => {
      if (changed.includes("t")) restore();
      if (changed.some((key) => key !== "t")) draw();
    });
    const restore = () => {
      const token = state.get("t") === "" ? -1 : Number(state.get("t"));
      if (token < 0 && cursor.get().held) cursor.release();
      if (Number.isInteger(token) && token >= 0 && token < doc.tokens && !(cursor.get().held && cursor.get().token === token)) cursor.hold(token);
    };
    const step = (by) => {
      const from = cursor.get().token < 0 ? (by > 0 ? -1 : doc.tokens) : cursor.get().token;
      const token = Math.max(0, Math.min(doc.tokens - 1, from + by));
      if (token !== cursor.get().token || !cursor.get().held) cursor.hold(token, cursor.get().row);
    };
    switches(state);
    attviz.onRedraw(draw);
    draw();
    restore();
    attviz.document = { doc, state, cursor, step, release: cursor.release };
  };

  attviz.documentPage = { start, colourRange, shownSpan };
})(globalThis.attviz ??= {});
