// Runs before the page is drawn: the remembered theme and consent, so that nothing flashes.

const root = document.documentElement;
const remembered = (key) => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};
const theme = remembered("attviz.theme");
if (theme === "dark" || theme === "light") root.dataset.theme = theme;
if (remembered("attviz.consent") === "yes") root.dataset.consent = "";
root.classList.add("scripted");
// Beside another page, in a frame, a page leaves its header to the page around it.
root.classList.toggle("framed", parent !== self);
