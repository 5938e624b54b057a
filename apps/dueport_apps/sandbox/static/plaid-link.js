/* The steps of the simulated Link, in a frame (it tells the page that opened it) or by itself. */
(() => {
  "use strict";

  const asked = "dueport-link";
  const hash = new URLSearchParams(window.location.hash.slice(1));
  const embedded = window.parent !== window;
  const parent = hash.get("parent") || "";
  const token = hash.get("token") || decodeURIComponent(window.location.pathname.split("/").pop());
  const steps = ["waiting", "choose-bank", "credentials", "choose-account", "done", "left"];
  const views = {
    "choose-bank": "SELECT_INSTITUTION",
    credentials: "CREDENTIAL",
    "choose-account": "SELECT_ACCOUNT",
  };

  const one = (selector) => document.querySelector(selector);
  const problem = one("#problem");
  let session = null;
  let bank = null;
  let step = "waiting";
  let lastError = null;
  let updating = false;

  const tell = (kind, body) => {
    if (embedded && parent) window.parent.postMessage({ asked, kind, body }, parent);
  };

  const note = (name, more = {}) => {
    const metadata = {
      institution_id: bank?.id ?? null,
      institution_name: bank?.name ?? null,
      link_session_id: session?.link_session_id ?? "",
      timestamp: new Date().toISOString(),
      ...more,
    };
    tell("event", { name, metadata });
  };

  const call = async (path, body) => {
    const answer = await fetch(`/plaid-link/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ link_token: token, link_session_id: session?.link_session_id, ...body }),
    });
    const content = await answer.json();
    if (!answer.ok) throw content;
    return content;
  };

  const show = (name) => {
    step = name;
    problem.hidden = true;
    for (const id of steps) one(`#${id}`).hidden = id !== name;
    one("#leave").hidden = name === "waiting" || name === "done" || name === "left";
    if (views[name]) note("TRANSITION_VIEW", { view_name: views[name] });
    const first = name === "credentials" ? one("#username") : one(`#${name} h1`);
    first?.focus();
  };

  const explain = (failure) => {
    lastError = failure?.error_code ? failure : null;
    problem.textContent =
      failure?.display_message || failure?.error_message || "The simulated bank did not answer. Try again.";
    problem.hidden = false;
    if (lastError) note("ERROR", { error_code: lastError.error_code, error_type: lastError.error_type });
  };

  const busy = async (form, work) => {
    const buttons = [...form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    problem.hidden = true;
    try {
      await work();
    } catch (failure) {
      explain(failure);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  };

  const askCredentials = (chosen) => {
    bank = chosen;
    one("#credentials h1").textContent = updating ? `Reconnect ${bank.name}` : `Sign in to ${bank.name}`;
    one("#credentials form").reset();
    one("#other-bank").hidden = updating;
    show("credentials");
  };

  const finish = async (accountIds) => {
    const result = await call("finish", { account_ids: accountIds });
    note("HANDOFF");
    if (embedded) {
      tell("success", result);
      return;
    }
    if (result.completion_redirect_uri) {
      window.location.assign(result.completion_redirect_uri);
      return;
    }
    show("done");
  };

  const askAccount = (accounts) => {
    one("#choose-account .bank").textContent = bank.name;
    const rows = accounts.map((account, index) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "account", value: account.id, checked: index === 0 });
      const text = document.createElement("span");
      const small = document.createElement("small");
      text.textContent = account.name;
      small.textContent = `${account.subtype} •••• ${account.mask}`;
      text.append(small);
      label.append(input, text);
      return label;
    });
    one("#accounts").replaceChildren(...rows);
    show("choose-account");
    one("#accounts input")?.focus();
  };

  const leave = async () => {
    const statuses = { credentials: "requires_credentials", "choose-account": "requires_account_selection" };
    const status = statuses[step] || "requires_credentials";
    let metadata = { institution: null, status, link_session_id: "", request_id: "" };
    try {
      if (session) ({ metadata } = await call("leave", { status }));
    } catch (failure) {
      lastError = failure?.error_code ? failure : lastError;
    }
    note("EXIT", { exit_status: status });
    tell("exit", { error: lastError, metadata });
    if (!embedded) show("left");
  };

  one("#credentials form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.target, async () => {
      note("SUBMIT_CREDENTIALS");
      const fields = new FormData(event.target);
      const { accounts } = await call("sign-in", {
        institution_id: bank.id,
        username: fields.get("username").trim(),
        password: fields.get("password"),
      });
      lastError = null;
      if (updating) await finish(accounts.map((account) => account.id));
      else askAccount(accounts);
    });
  });

  one("#choose-account form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.target, () => finish([new FormData(event.target).get("account")]));
  });

  one("#other-bank").addEventListener("click", () => show("choose-bank"));
  one("#leave").addEventListener("click", leave);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !one("#leave").hidden) leave();
  });
  window.addEventListener("message", (message) => {
    if (message.source === window.parent && message.data?.asked === asked && message.data.kind === "leave") leave();
  });

  const start = async () => {
    session = await call("start", {});
    for (const element of document.querySelectorAll(".client")) element.textContent = session.client_name;
    note("OPEN");
    if (session.update) {
      updating = true;
      askCredentials(session.update);
      return;
    }
    const rows = session.institutions.map((institution) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = institution.name;
      button.addEventListener("click", () => {
        bank = institution;
        note("SELECT_INSTITUTION");
        askCredentials(institution);
      });
      row.append(button);
      return row;
    });
    one("#banks").replaceChildren(...rows);
    show("choose-bank");
  };

  start().catch((failure) => {
    explain(failure);
    one("#waiting h1").textContent = "This link does not work";
    one("#leave").hidden = !embedded;
  });
})();
