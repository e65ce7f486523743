// A drawing context that writes SVG: views draw on it as they draw on a canvas.

// XML files may not contain these characters.
const escaped = (text) =>
  String(text)
    .toWellFormed()
    // eslint-disable-next-line no-control-regex -- these are the ones
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

const rounded = (value) => String(Math.round(value * 100) / 100);
const attributes = (values) =>
  Object.entries(values)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => ` ${name}="${typeof value === "number" ? rounded(value) : escaped(value)}"`)
    .join("");

const ANCHORS = { right: "end", end: "end", center: "middle" };
const BASELINES = { middle: "central", top: "text-before-edge", hanging: "hanging", bottom: "text-after-edge" };

// The initial state that `save` keeps and `restore` brings back.
const STATE = {
  moves: "",
  cut: "",
  dash: "",
  fillStyle: "#000",
  strokeStyle: "#000",
  lineWidth: 1,
  lineJoin: "miter",
  font: "10px sans-serif",
  textAlign: "left",
  textBaseline: "alphabetic",
  globalAlpha: 1,
  globalCompositeOperation: "source-over",
  imageSmoothingEnabled: true,
};

// A rectangle of positive width and height, whichever corner it starts from.
const upright = (x, y, width, height) => [
  Math.min(x, x + width),
  Math.min(y, y + height),
  Math.abs(width),
  Math.abs(height),
];

// A part of a picture as a PNG, because SVG has no pixels.
const cropped = (source, x, y, width, height) => {
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.max(1, Math.ceil(width)),
    height: Math.max(1, Math.ceil(height)),
  });
  if (source instanceof ImageData) canvas.getContext("2d").putImageData(source, -x, -y);
  else canvas.getContext("2d").drawImage(source, -x, -y);
  return canvas.toDataURL();
};

class SvgContext {
  constructor(width, height, pixels) {
    Object.assign(this, { width, height, pixels, over: [], under: [], path: "", saved: [], ...STATE });
  }

  // A clipping path has its own transform, so a transformed element inside it needs a group.
  add(tag, values, content = "") {
    const [cut, apart] = [this.cut, this.cut && this.moves];
    const common = {
      transform: this.moves,
      "clip-path": apart ? "" : cut,
      opacity: this.globalAlpha < 1 ? this.globalAlpha : null,
    };
    const made = `<${tag}${attributes({ ...values, ...common })}>${content}</${tag}>`;
    const whole = apart ? `<g clip-path="${cut}">${made}</g>` : made;
    if (this.globalCompositeOperation === "destination-over") this.under.unshift(whole);
    else this.over.push(whole);
  }

  save() {
    this.saved.push(Object.fromEntries(Object.keys(STATE).map((name) => [name, this[name]])));
  }
  restore() {
    Object.assign(this, this.saved.pop());
  }
  translate(x, y) {
    this.moves += `translate(${rounded(x)} ${rounded(y)})`;
  }
  rotate(angle) {
    this.moves += `rotate(${rounded((angle * 180) / Math.PI)})`;
  }
  setTransform(...numbers) {
    this.moves = numbers.length ? `matrix(${numbers.map(rounded).join(" ")})` : "";
  }
  setLineDash(dash) {
    this.dash = dash.join(" ");
  }
  // Views clear whole pictures only.
  clearRect() {
    this.over = [];
    this.under = [];
  }

  box(...numbers) {
    const [x, y, width, height] = upright(...numbers);
    return { x, y, width, height };
  }

  line() {
    return {
      fill: "none",
      stroke: this.strokeStyle,
      "stroke-width": this.lineWidth,
      "stroke-linejoin": this.lineJoin,
      "stroke-dasharray": this.dash,
    };
  }
  fillRect(x, y, width, height) {
    if (width && height) this.add("rect", { ...this.box(x, y, width, height), fill: this.fillStyle });
  }
  strokeRect(...numbers) {
    this.add("rect", { ...this.box(...numbers), ...this.line() });
  }

  beginPath() {
    this.path = "";
  }
  step(letter, ...numbers) {
    this.path += letter + numbers.map(rounded).join(" ");
  }
  moveTo(x, y) {
    this.step("M", x, y);
  }
  lineTo(x, y) {
    this.step("L", x, y);
  }
  bezierCurveTo(...numbers) {
    this.step("C", ...numbers);
  }
  rect(x, y, width, height) {
    this.path += `M${rounded(x)} ${rounded(y)}h${rounded(width)}v${rounded(height)}h${rounded(-width)}z`;
  }
  // Views draw whole circles only.
  arc(x, y, r) {
    this.path += `M${rounded(x - r)} ${rounded(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
  }
  fill() {
    this.add("path", { d: this.path, fill: this.fillStyle });
  }
  stroke() {
    this.add("path", { d: this.path, ...this.line() });
  }

  // The id names the clipped shape, because one file holds several contexts.
  clip() {
    const id = `cut${`${this.cut}${this.moves}${this.path}`.replace(/[^\w.-]/g, "_")}`;
    this.over.push(
      `<clipPath${attributes({ id, "clip-path": this.cut })}>` +
        `<path${attributes({ transform: this.moves, d: this.path })}/></clipPath>`,
    );
    this.cut = `url(#${id})`;
  }

  fillText(text, x, y, most) {
    const [, weight = "", size, family] = /^(\d+ )?([\d.]+)px (.*)$/.exec(this.font);
    const tight = most && ruler(this.font, text) > most;
    this.add(
      "text",
      {
        x,
        y,
        fill: this.fillStyle,
        "font-size": Number(size),
        "font-weight": weight.trim(),
        "font-family": family,
        "text-anchor": ANCHORS[this.textAlign] ?? "",
        "dominant-baseline": BASELINES[this.textBaseline] ?? "",
        "xml:space": "preserve",
        ...(tight ? { textLength: most, lengthAdjust: "spacingAndGlyphs" } : {}),
      },
      escaped(text),
    );
  }

  measureText(text) {
    return { width: ruler(this.font, text) };
  }
  createImageData(width, height) {
    return new ImageData(width, height);
  }
  image(source, from, ...to) {
    this.add("image", {
      ...this.box(...to),
      preserveAspectRatio: "none",
      "image-rendering": this.imageSmoothingEnabled ? "" : "pixelated",
      href: cropped(source, ...from),
    });
  }
  putImageData(image, x, y) {
    this.image(
      image,
      [0, 0, image.width, image.height],
      x / this.pixels,
      y / this.pixels,
      image.width / this.pixels,
      image.height / this.pixels,
    );
  }

  // Two numbers give the position of the whole source, four also its size, eight also the part of it.
  drawImage(source, ...numbers) {
    const whole = [0, 0, source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
    const from = numbers.length === 8 ? upright(...numbers.slice(0, 4)) : whole;
    const [x, y, width = whole[2], height = whole[3]] = numbers.length === 8 ? numbers.slice(4) : numbers;
    if (from[2] && from[3] && width && height) this.image(source, from, x, y, width, height);
  }

  content() {
    return [...this.under, ...this.over].join("\n");
  }
}

const measuring = document.createElement("canvas").getContext("2d");
const ruler = (font, text) => {
  measuring.font = font;
  return measuring.measureText(text).width;
};

// Positioned drawings as one SVG file on a plain background.
const file = (title, ground, parts) => {
  const [width, height] = [
    Math.max(...parts.map((part) => part.x + part.context.width)),
    Math.max(...parts.map((part) => part.y + part.context.height)),
  ].map(Math.ceil);
  const groups = parts.map(
    ({ x, y, context }) => `<g transform="translate(${rounded(x)} ${rounded(y)})">${context.content()}</g>`,
  );
  const size = attributes({ width, height });
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg"${size} viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(title)}</title>`,
    `<rect${size} fill="${escaped(ground)}"/>`,
    ...groups,
    "</svg>\n",
  ];
  return { width, height, text: lines.join("\n") };
};

export const svg = { SvgContext, file, escaped, ruler };
