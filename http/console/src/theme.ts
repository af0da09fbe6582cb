// Light, dark, or as the system wishes. The choice is remembered; public/theme.js applies it before the first paint.
export type Theme = "auto" | "light" | "dark";
const key = "faultmaven.theme";
const order: Theme[] = ["auto", "dark", "light"];
export const names: Record<Theme, string> = { auto: "as the system", dark: "dark", light: "light" };

export function savedTheme(): Theme {
  const value = localStorage.getItem(key);
  return value === "light" || value === "dark" ? value : "auto";
}
export function applyTheme(theme: Theme): void {
  if (theme === "auto") {
    localStorage.removeItem(key);
    delete document.documentElement.dataset["theme"];
  } else {
    localStorage.setItem(key, theme);
    document.documentElement.dataset["theme"] = theme;
  }
}
export const nextTheme = (theme: Theme): Theme => order[(order.indexOf(theme) + 1) % order.length]!;
