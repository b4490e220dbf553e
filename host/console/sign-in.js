"use strict";
// Signing in. Whatever asks the host goes on asking by `fetch`: a request that is answered with 401 waits here for the form,
// and is sent again; one that changes something carries what the host gave this session to tell its page from others.
(() => {
  const SESSION = "api/v1/session";
  const plain = window.fetch.bind(window);
  let csrf = null;
  let signingIn = null;

  window.fetch = async (resource, options = {}) => {
    for (;;) {
      const headers = new Headers(options.headers);
      if (csrf && !["GET", "HEAD"].includes((options.method ?? "GET").toUpperCase())) headers.set("x-fonio-csrf", csrf);
      const reply = await plain(resource, { ...options, headers });
      if (reply.status !== 401) return reply;
      signingIn ??= signIn().finally(() => { signingIn = null; });
      await signingIn;
    }
  };

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    dialog { border: 1px solid var(--line); border-radius: 6px; background: var(--card); color: var(--ink); max-width: 24rem; }
    dialog::backdrop { background: var(--ground); }
    dialog h2 { margin-top: 0; }
    dialog label { display: block; margin: .6rem 0; }
    dialog input { display: block; width: 100%; font: inherit; padding: .3rem; }
    dialog .by { display: block; text-align: center; padding: .5rem; border: 1px solid var(--good); border-radius: 4px;
                 color: var(--good); text-decoration: none; overflow-wrap: anywhere; }
    dialog .by:hover, dialog .by:focus-visible { background: var(--good); color: var(--card); }
    dialog .or { display: flex; align-items: center; gap: .6rem; margin: .8rem 0; color: var(--soft); }
    dialog .or::before, dialog .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
    .who { margin-left: auto; }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

  function made(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function field(label, properties) {
    const input = made("input", properties);
    return [input, made("label", {}, label, input)];
  }

  function signIn() {
    return new Promise(resolve => {
      const [name, nameField] = field("Name", { autocomplete: "username" });
      const [password, passwordField] = field("Password", { type: "password", autocomplete: "current-password" });
      const [token, tokenField] = field("or a token", { type: "password", autocomplete: "off", placeholder: "fonio_…" });
      const said = made("p", { className: "bad", role: "alert" });
      const button = made("button", { textContent: "Sign in" });
      const form = made("form", {}, made("h2", { textContent: "Sign in" }), nameField, passwordField, tokenField, said, button);
      const dialog = made("dialog", {}, form);
      dialog.setAttribute("aria-label", "Sign in");
      // There is nothing to see behind it.
      dialog.addEventListener("cancel", event => event.preventDefault());
      form.addEventListener("submit", async event => {
        event.preventDefault();
        button.disabled = true;
        const shown = token.value ? { token: token.value.trim() } : { name: name.value.trim(), password: password.value };
        try {
          const reply = await plain(SESSION, {
            method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(shown) });
          const answer = await reply.json();
          if (reply.ok) {
            dialog.remove();
            welcome(answer);
            resolve();
          } else said.textContent = answer.detail;
        } catch (error) {
          said.textContent = `the host does not answer (${error.message})`;
        }
        button.disabled = false;
      });
      document.body.append(dialog);
      dialog.showModal();
      name.focus();
      offerOthers(form, name);
    });
  }

  // Another service that says who one is, where the host goes by one: above the form, because whoever has that needs no form.
  async function offerOthers(form, name) {
    const { oidc } = await plain(`${SESSION}/ways`).then(reply => reply.json()).catch(() => ({}));
    if (!oidc) return;
    const link = made("a", { className: "by", href: oidc.href, textContent: `Sign in with ${oidc.name}` });
    form.querySelector("h2").after(link, made("div", { className: "or", textContent: "or" }));
    if (!name.value) link.focus();
  }

  function welcome(session) {
    csrf = session.csrf;
    document.querySelector(".who")?.remove();
    const who = made("span", { className: "soft who", textContent: session.dev ? "open (--dev)" : `${session.who} ` });
    if (csrf) {
      const out = made("button", { textContent: "Sign out", className: "run" });
      out.onclick = async () => {
        await plain(SESSION, { method: "DELETE", headers: { "x-fonio-csrf": csrf } });
        location.reload();
      };
      who.append(out);
    }
    document.querySelector("header").append(who);
  }

  plain(SESSION).then(async reply => { if (reply.ok) welcome(await reply.json()); }).catch(() => {});
})();
