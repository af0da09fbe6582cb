// Signing in and making an account. Errors stand beside the fields and say what to do.
import { call, clientId, saveSession, type Session } from "./api";
import { explain, explainSignIn } from "./advice";
import { h, type Child } from "./dom";
import { themeButton } from "./themebutton";

interface Config { dev_login: boolean; registration: boolean }
interface Field { name: string; label: string; type: string; hint?: string; complete: string; least?: number }

function form(title: string, fields: Field[], path: string, button: string, done: () => void): HTMLFormElement {
  const id = path.replace(/\W+/g, "-").slice(1);
  const error = h("p", { class: "error", role: "alert", id: id + "-error" });
  const submit = h("button", { class: "primary" }, button);
  const node = h("form", { "aria-label": title, onsubmit: (event: Event) => { event.preventDefault(); void go(); } },
    ...fields.flatMap((f): Child[] => {
      const input = h("input", { name: f.name, id: `${id}-${f.name}`, type: f.type, required: true, autocomplete: f.complete, minlength: f.least, maxlength: 320, spellcheck: "false", autocapitalize: "none", "aria-describedby": f.hint ? `${id}-${f.name}-hint ${id}-error` : id + "-error" });
      return [h("label", { for: input.id }, f.label), f.type === "password" ? withReveal(input) : input, f.hint ? h("p", { class: "quiet", id: `${id}-${f.name}-hint` }, f.hint) : null];
    }), error, submit);
  async function go(): Promise<void> {
    error.textContent = "";
    submit.disabled = true;
    try {
      const data = Object.fromEntries(new FormData(node));
      saveSession((await call("POST", path, { ...data, client_id: clientId() })) as Session);
      done();
    } catch (e) {
      error.textContent = explainSignIn(e);
      node.querySelector<HTMLElement>("input[type=password], input")?.focus();
    } finally {
      submit.disabled = false;
    }
  }
  return node;
}

function withReveal(input: HTMLInputElement): HTMLElement {
  const button = h("button", { type: "button", class: "ghost", "aria-pressed": "false", onclick: () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-label", shown ? "Show the password" : "Hide the password");
  }, "aria-label": "Show the password" }, "Show");
  return h("span", { class: "reveal" }, input, button);
}

/** `why` is said above the forms: that a session ended and nothing is lost, for one. */
export async function showSignIn(app: HTMLElement, why: string, done: () => void): Promise<void> {
  let config: Config = { dev_login: false, registration: true };
  let trouble = "";
  try { config = (await call("GET", "/auth/config")) as Config; } catch (e) { trouble = explain(e); }
  const name: Field = { name: "username", label: "Name", type: "text", complete: "username", least: 3 };
  const login = form("Sign in with a password", [
    { name: "username", label: "Username or e-mail", type: "text", complete: "username" },
    { name: "password", label: "Password", type: "password", complete: "current-password" }], "/auth/login", "Sign in", done);
  const register = form("New account", [
    { name: "username", label: "Username", type: "text", complete: "username", least: 3, hint: "At least 3 characters; others in a case see it." },
    { name: "email", label: "E-mail", type: "email", complete: "email" },
    { name: "password", label: "New password", type: "password", complete: "new-password", least: 8, hint: "At least 8 characters." }], "/auth/register", "Make the account", done);
  app.replaceChildren(h("main", { id: "main", class: "signin", tabindex: -1 },
    h("div", { class: "brandline" }, h("img", { src: "/icon.svg", alt: "", width: 40, height: 40 }), h("h1", {}, "FaultMaven"), h("span", { class: "spacer" }), themeButton()),
    h("p", { class: "quiet" }, "Work on a fault together with an AI, in cases that never forget."),
    why ? h("p", { class: "note-box", role: "status" }, why) : null,
    trouble ? h("p", { class: "error", role: "alert" }, trouble, " ", h("button", { type: "button", onclick: () => void showSignIn(app, why, done) }, "Try again")) : null,
    config.dev_login ? h("section", { class: "card" }, h("h2", {}, "Sign in on this machine"), form("Sign in on this machine", [name], "/auth/dev-login", "Sign in", done)) : null,
    h("details", { class: "card", open: !config.dev_login }, h("summary", {}, "Sign in with a password"), login),
    config.registration ? h("details", { class: "card" }, h("summary", {}, "Make an account"), register) : null));
  document.title = "Sign in · FaultMaven";
  app.querySelector<HTMLElement>("input")?.focus();
}
