// Rules for the site's scripts and their tests: `make lint` runs them.
import js from "@eslint/js";

// The browser's globals that scripts use. The list is closed, because `name`, `event` and `length` are globals too:
// with all of them allowed, a misspelt variable would pass.
const BROWSER = `
  Blob CSS CSSStyleSheet DecompressionStream HTMLElement Image ImageData IntersectionObserver MutationObserver Node
  Option ResizeObserver Response TextEncoder URL URLSearchParams addEventListener atob btoa clearTimeout crypto
  customElements document getComputedStyle innerHeight innerWidth localStorage location matchMedia parent
  performance requestAnimationFrame self sessionStorage setTimeout
`;

const known = (names) =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, "readonly"]),
  );

const BLANKS = String.raw`/ (=>|[=!]==|=|[?:]|&&|\|\||\?\?) |\{ | \}/`;

export default [
  { ignores: ["*", "!eslint.config.js", "!templates", "!tests"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "max-len": ["error", { code: 120 }],
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": ["error", { destructuring: "all" }],
    },
  },
  {
    files: ["templates/assets/js/**"],
    languageOptions: { globals: known(BROWSER) },
    // The joiner (see `BLANKS` in attviz_pipeline/report/assets.py) removes blanks around these signs, and indentation.
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: `:matches(Literal[value=${BLANKS}], Literal[raw=${BLANKS}], TemplateElement[value.raw=${BLANKS}])`,
          message: "The joiner would change this text",
        },
        { selector: "TemplateElement[value.raw=/\\n/]", message: "The joiner would change the lines of this text" },
      ],
    },
  },
  { files: ["tests/js/**"], languageOptions: { globals: known("Buffer URL") } },
];
