// A drawing context that writes SVG: views draw on it as they draw on a canvas.
((attviz) => {
  "use strict";

  // Characters that no XML file may hold are left out.
  const escaped = (text) => String(text).toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

  const rounded = (value) => String(Math.round(value * 100) / 100);
  const attributes = (values) => Object.entries(values).filter(([, value]) => value !== null && value !== "").map(([name, value]) => ` ${name}="${typeof value === "number" ? rounded(value) : escaped(value)}"`).join("");

  const ANCHORS = { right: "end", end: "end", center: "middle" };

  // A part of a picture as a PNG of its own, since SVG has no pixels.
  const cropped = (source, x, y, width, height) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, width), height: Math.max(1, height) });
    if (source instanceof ImageData) canvas.getContext("2d").putImageData(source, -x, -y);
    else canvas.getContext("2d").drawImage(source, -x, -y);
    return canvas.toDataURL();
  };

  class SvgContext {
    constructor(width, height, pixels) {
      Object.assign(this, {
        width, height, pixels, over: [], under: [], path: "", dash: "", moves: "", cut: "", saved: [], nCuts: 0,
        fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, font: "10px sans-serif", textAlign: "left", textBaseline: "alphabetic",
        globalAlpha: 1, globalCompositeOperation: "source-over", lineJoin: "miter", imageSmoothingEnabled: true,
      });
    }

    add(tag, values, content = "") {
      const common = { transform: this.moves, "clip-path": this.cut, opacity: this.globalAlpha < 1 ? this.globalAlpha : null };
      const list = this.globalCompositeOperation === "destination-over" ? this.under : this.over;
      list.push(`<${tag}${attributes({ ...values, ...common })}>${content}</${tag}>`);
    }

    save() {
      const { moves, cut, dash, fillStyle, strokeStyle, lineWidth, font, textAlign, globalAlpha } = this;
      this.saved.push({ moves, cut, dash, fillStyle, strokeStyle, lineWidth, font, textAlign, globalAlpha });
    }

    restore() { Object.assign(this, this.saved.pop()); }
    translate(x, y) { this.moves += `translate(${rounded(x)} ${rounded(y)})`; }
    rotate(angle) { this.moves += `rotate(${rounded((angle * 180) / Math.PI)})`; }
    setTransform() { this.moves = ""; }
    setLineDash(dash) { this.dash = dash.join(" "); }
    clearRect() { this.over = []; this.under = []; }

    fillRect(x, y, width, height) { if (width > 0 && height > 0) this.add("rect", { x, y, width, height, fill: this.fillStyle }); }
    strokeRect(x, y, width, height) { this.add("rect", { x, y, width, height, fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth }); }

    beginPath() { this.path = ""; }
    step(letter, ...numbers) { this.path += letter + numbers.map(rounded).join(" "); }
    moveTo(x, y) { this.step("M", x, y); }
    lineTo(x, y) { this.step("L", x, y); }
    bezierCurveTo(...numbers) { this.step("C", ...numbers); }
    rect(x, y, width, height) { this.path += `M${rounded(x)} ${rounded(y)}h${rounded(width)}v${rounded(height)}h${rounded(-width)}z`; }
    // Views draw whole circles only.
    arc(x, y, r) { this.path += `M${rounded(x - r)} ${rounded(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`; }
    fill() { this.add("path", { d: this.path, fill: this.fillStyle }); }
    stroke() { this.add("path", { d: this.path, fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth, "stroke-linejoin": this.lineJoin, "stroke-dasharray": this.dash }); }

    clip() {
      const id = `cut${++this.nCuts}`;
      this.over.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`);
      this.cut = `url(#${id})`;
    }

    fillText(text, x, y, most) {
      const [, weight = "", size, family] = /^(\d+ )?([\d.]+)px (.*)$/.exec(this.font);
      const tight = most && attviz.ruler(this.font, text) > most;
      this.add("text", {
        x, y, fill: this.fillStyle, "font-size": Number(size), "font-weight": weight.trim(), "font-family": family, "text-anchor": ANCHORS[this.textAlign] ?? "",
        "dominant-baseline": this.textBaseline === "middle" ? "central" : "", "xml:space": "preserve", ...(tight ? { textLength: most, lengthAdjust: "spacingAndGlyphs" } : {}),
      }, escaped(text));
    }

    measureText(text) { return { width: attviz.ruler(this.font, text) }; }
    createImageData(width, height) { return new ImageData(width, height); }
    image(source, from, x, y, width, height) { this.add("image", { x, y, width, height, preserveAspectRatio: "none", "image-rendering": this.imageSmoothingEnabled ? "" : "pixelated", href: cropped(source, ...from) }); }
    putImageData(image, x, y) { this.image(image, [0, 0, image.width, image.height], x / this.pixels, y / this.pixels, image.width / this.pixels, image.height / this.pixels); }
    drawImage(source, ...numbers) { this.image(source, numbers.slice(0, 4), ...numbers.slice(4)); }

    content() { return [...this.under, ...this.over].join("\n"); }
  }

  const measuring = document.createElement("canvas").getContext("2d");
  attviz.ruler = (font, text) => {
    measuring.font = font;
    return measuring.measureText(text).width;
  };

  // Parts, each with a place and a size, as one SVG file on a ground of one colour.
  const file = (title, ground, parts) => {
    const [width, height] = [Math.max(...parts.map((part) => part.x + part.context.width)), Math.max(...parts.map((part) => part.y + part.context.height))].map(Math.ceil);
    const groups = parts.map(({ x, y, context }) => `<g transform="translate(${rounded(x)} ${rounded(y)})">${context.content()}</g>`);
    return { width, height, text: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n<title>${escaped(title)}</title>\n<rect width="${width}" height="${height}" fill="${escaped(ground)}"/>\n${groups.join("\n")}\n</svg>\n` };
  };

  attviz.svg = { SvgContext, file, escaped };
})(globalThis.attviz ??= {});
