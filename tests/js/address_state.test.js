import assert from "node:assert";
import test from "node:test";
import { addressState } from "../../templates/assets/js/core/address_state.js";

const page = (hash) => {
  const listeners = [];
  const place = {
    location: { hash, href: `file:///site/documents.html${hash}` },
    history: {
      state: null,
      replaceState: (_, __, url) => {
        assert.ok(url.startsWith("file:///site/documents.html"));
        place.location.hash = new URL(url).hash;
        place.url = url;
      },
    },
    addEventListener: (_, listener) => listeners.push(listener),
    go: (next) => {
      place.location.hash = next;
      listeners.forEach((listener) => listener());
    },
  };
  return place;
};

test("the address restores the state and unknown keys stay", () => {
  const place = page("#q=a%26b&other=1");
  const made = addressState.create({ q: "", sort: "" }, place);
  assert.equal(made.get("q"), "a&b");
  made.set({ sort: "-mean" });
  assert.equal(place.location.hash, "#other=1&q=a%26b&sort=-mean");
});

test("defaults are not written, and the address is clean when all is default", () => {
  const place = page("#q=x");
  const made = addressState.create({ q: "" }, place);
  made.set({ q: "" });
  assert.equal(place.url, "file:///site/documents.html");
});

test("listeners hear what changed, once, and nothing when nothing did", () => {
  const place = page("");
  const made = addressState.create({ q: "", sort: "" }, place);
  const heard = [];
  made.subscribe((_, changed) => heard.push(changed));
  made.set({ q: "x" });
  made.set({ q: "x" });
  place.go("#q=y");
  assert.deepEqual(heard, [["q"], ["q"]]);
  assert.equal(made.get("q"), "y");
});

test("what has no default is written even when it is empty", () => {
  const place = page("");
  const made = addressState.create({ q: "" }, place);
  made.set({ h: "" });
  assert.equal(place.location.hash, "#h=");
  assert.equal(addressState.create({ q: "" }, place).get("h"), "");
});

test("another document takes what is shared and keeps its own token and zoom", () => {
  assert.equal(addressState.merged("#h=1.2&m=max&t=7", "#m=mean&t=3&z=1-9"), "#h=1.2&m=max&t=3&z=1-9");
  assert.equal(addressState.merged("#h=&t=7", "#m=mean"), "#h=");
  assert.equal(addressState.merged("", "#m=mean"), "");
});

test("a hostile address is only text", () => {
  const made = addressState.create({ q: "" }, page("#q=%3Cimg%20src%3Dx%3E&__proto__=1"));
  assert.equal(made.get("q"), "<img src=x>");
  assert.equal({}.q, undefined);
});
