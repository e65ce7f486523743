// Runs before the page is drawn: applies the remembered theme and consent, so that nothing flashes.

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
// In a frame, a page hides its header: the page around it has one.
root.classList.toggle("framed", parent !== self);
