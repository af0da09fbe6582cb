// The switch between light, dark and the system's wish.
import { h } from "./dom";
import { applyTheme, names, nextTheme, savedTheme } from "./theme";

const signs = { auto: "◐", dark: "☾", light: "☀" } as const;
export function themeButton(): HTMLButtonElement {
  const button = h("button", { type: "button", class: "ghost icon", id: "theme", onclick: () => { applyTheme(nextTheme(savedTheme())); show(); } });
  function show(): void {
    const now = savedTheme();
    button.textContent = signs[now];
    button.title = `Colours: ${names[now]}`;
    button.setAttribute("aria-label", `Colours: ${names[now]}. Switch to ${names[nextTheme(now)]}`);
  }
  show();
  return button;
}
