// A layer x head grid of buttons. The Tab key stops at it once.

const cellButton = (doc, row) => {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.row = row;
  button.tabIndex = row === 0 ? 0 : -1;
  button.setAttribute(
    "aria-label",
    `Layer ${Math.floor(row / doc.heads)}${doc.lite ? ", mean" : `, head ${row % doc.heads}`}`,
  );
  button.setAttribute("aria-pressed", "false");
  return button;
};

export const headButtons = (doc, label) => {
  const grid = Object.assign(document.createElement("div"), { className: "head-buttons" });
  const buttons = Array.from({ length: doc.rows }, (_, row) => cellButton(doc, row));
  grid.style.gridTemplateColumns = `repeat(${doc.heads}, 1fr)`;
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", label);
  grid.append(...buttons);
  const rowOf = (event) => Number(event.target.dataset?.row ?? -1);
  // Presses the given heads, each in its colour, and releases all others.
  let pressed = [];
  const press = (heads) => {
    pressed.forEach(({ row }) => {
      buttons[row].ariaPressed = "false";
    });
    heads.forEach(({ row, colour }) => {
      buttons[row].ariaPressed = "true";
      buttons[row].style.setProperty("--pin", colour);
    });
    pressed = heads;
  };
  let marked = null;
  const mark = (row) => {
    marked?.classList.remove("at");
    marked = buttons[row];
    marked?.classList.add("at");
  };
  return { grid, rowOf, press, mark };
};
