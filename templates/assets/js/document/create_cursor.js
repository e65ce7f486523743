// The cursor that all views of a document share: a token, sometimes a head, and whether it is held.

export const createCursor = () => {
  const listeners = [];
  let now = { token: -1, row: -1, held: false };
  let waiting = false;
  const notify = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      listeners.forEach((listener) => listener(now));
    });
  };
  const move = (next) => {
    if (next.token === now.token && next.row === now.row && next.held === now.held) return;
    now = next;
    notify();
  };
  return {
    get: () => now,
    subscribe: (listener) => listeners.push(listener),
    hover: (token, row = -1) => {
      if (!now.held) move({ token, row, held: false });
    },
    hold: (token, row = -1) =>
      move(
        now.held && now.token === token && now.row === row ? { token, row, held: false } : { token, row, held: true },
      ),
    release: () => move({ token: -1, row: -1, held: false }),
  };
};
