// Inside the sandbox's frames: the card fields, and the calls that the page asks for.
(() => {
  "use strict";

  const TAG = "dueport-sandbox-stripe";
  const KEY = new URLSearchParams(window.location.search).get("key");
  const API = `${window.location.origin}/stripe/v1`;
  const form = document.querySelector("form[data-card]");
  let options = {};
  let parentOrigin = null;

  const notify = (notice, more = {}) => {
    window.parent.postMessage({ tag: TAG, notice, ...more }, parentOrigin ?? "*");
  };

  const encode = (value, prefix = "") =>
    Object.entries(value)
      .filter(([, entry]) => entry !== undefined && entry !== null)
      .flatMap(([name, entry]) => {
        const key = prefix ? `${prefix}[${name}]` : name;
        return typeof entry === "object" ? encode(entry, key) : [[key, String(entry)]];
      });

  const call = async (method, path, params) => {
    const encoded = new URLSearchParams(encode(params)).toString();
    const url = method === "GET" ? `${API}${path}?${encoded}` : `${API}${path}`;
    try {
      const answer = await fetch(url, {
        method,
        headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/x-www-form-urlencoded" },
        body: method === "GET" ? undefined : encoded,
      });
      const body = await answer.json();
      return body.error ? { error: body.error } : { body };
    } catch (failure) {
      return { error: { type: "api_connection_error", message: "The payment service could not be reached. Try again." } };
    }
  };

  const intentResult = ({ error, body }) => {
    if (error) return { error };
    return body.object === "setup_intent" ? { setupIntent: body } : { paymentIntent: body };
  };

  const intentPath = (clientSecret) => {
    const id = clientSecret.split("_secret_")[0];
    return `/${id.startsWith("seti_") ? "setup_intents" : "payment_intents"}/${id}`;
  };

  // The card fields.

  const digits = (text) => text.replace(/\D/g, "");

  const passesLuhn = (number) => {
    let total = 0;
    [...number].reverse().forEach((digit, place) => {
      const value = Number(digit) * (place % 2 ? 2 : 1);
      total += value > 9 ? value - 9 : value;
    });
    return number.length >= 12 && total % 10 === 0;
  };

  const expiry = (text) => {
    const match = /^(\d{1,2})\D*(\d{2}|\d{4})$/.exec(text.trim());
    if (!match) return null;
    const month = Number(match[1]);
    const year = Number(match[2].length === 2 ? `20${match[2]}` : match[2]);
    return month >= 1 && month <= 12 ? { month, year } : null;
  };

  const field = (name) => form.elements.namedItem(name);

  const faults = {
    number: (text) => {
      if (!digits(text)) return "Your card number is incomplete.";
      return passesLuhn(digits(text)) ? "" : "Your card number is invalid.";
    },
    expiry: (text) => (expiry(text) ? "" : "Your card’s expiration date is incomplete."),
    cvc: (text) => (/^\d{3,4}$/.test(text.trim()) ? "" : "Your card’s security code is incomplete."),
    postal: (text) => (text.trim() ? "" : "Your ZIP code is incomplete."),
  };

  const show = (name, message) => {
    const input = field(name);
    const place = document.getElementById(`${name}-error`);
    place.textContent = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    fit();
  };

  const general = (message) => {
    document.getElementById("form-error").textContent = message;
    fit();
  };

  const fit = () => notify("height", { height: Math.ceil(document.documentElement.getBoundingClientRect().height) });

  const validate = () => {
    const wrong = Object.keys(faults).filter((name) => {
      const message = faults[name](field(name).value);
      show(name, message);
      return message;
    });
    general("");
    if (!wrong.length) return { selectedPaymentMethod: "card" };
    field(wrong[0]).focus();
    return { error: { type: "validation_error", message: faults[wrong[0]](field(wrong[0]).value) } };
  };

  const methodData = (params = {}) => {
    const { month, year } = expiry(field("expiry").value);
    const given = params.payment_method_data ?? {};
    const billing = given.billing_details ?? {};
    return {
      type: "card",
      card: { number: digits(field("number").value), exp_month: month, exp_year: year, cvc: field("cvc").value.trim() },
      billing_details: { ...billing, address: { ...(billing.address ?? {}), postal_code: field("postal").value.trim() } },
      allow_redisplay: given.allow_redisplay,
    };
  };

  const shown = (result) => {
    const byParam = { number: "number", exp_month: "expiry", exp_year: "expiry", cvc: "cvc" };
    const name = byParam[result.error?.param];
    if (name) show(name, result.error.message);
    else if (result.error) general(result.error.message);
    return result;
  };

  const configure = () => {
    const root = document.documentElement;
    const { theme, variables = {} } = options.appearance ?? {};
    root.dataset.theme = theme ?? "stripe";
    for (const [name, value] of Object.entries(variables)) {
      const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      root.style.setProperty(`--${kebab}`, value);
    }
    fit();
  };

  const calls = {
    configure: (args) => {
      options = args.options;
      if (form) configure();
      return {};
    },
    focus: () => {
      field("number").focus();
      return {};
    },
    submit: () => validate(),
    createConfirmationToken: async ({ params }) => {
      const { error, body } = await call("POST", "/confirmation_tokens", {
        payment_method_data: methodData(params),
        return_url: params.return_url,
        shipping: params.shipping,
        setup_future_usage: options.setupFutureUsage,
        use_stripe_sdk: true,
      });
      return shown(error ? { error } : { confirmationToken: body });
    },
    confirm: async ({ resource, clientSecret, params }) => {
      const { payment_method: saved, ...rest } = params;
      const method = form ? { payment_method_data: methodData(params) } : { payment_method: saved };
      delete rest.payment_method_data;
      const path = `${intentPath(clientSecret)}/confirm`;
      const result = await call("POST", path, { ...rest, ...method, client_secret: clientSecret, use_stripe_sdk: true });
      return form ? shown(intentResult(result)) : intentResult(result);
    },
    retrieve: async ({ clientSecret }) =>
      intentResult(await call("GET", intentPath(clientSecret), { client_secret: clientSecret })),
    fail: () => {
      document.querySelector("button[value=fail]")?.click();
      return {};
    },
  };

  window.addEventListener("message", async (event) => {
    if (event.source !== window.parent) return;
    const message = event.data;
    if (!message || message.tag !== TAG || !Object.hasOwn(calls, message.name)) return;
    parentOrigin = event.origin;
    const result = await calls[message.name](message.args);
    window.parent.postMessage({ tag: TAG, answerTo: message.call, result }, parentOrigin);
  });

  if (form) {
    const complete = () => Object.keys(faults).every((name) => !faults[name](field(name).value));
    const empty = () => Object.keys(faults).every((name) => !field(name).value);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      const input = event.target;
      if (input.name === "number") input.value = digits(input.value).slice(0, 19).replace(/(\d{4})(?=\d)/g, "$1 ");
      if (input.name === "expiry" && /^\d{2}$/.test(input.value) && event.inputType !== "deleteContentBackward") input.value += " / ";
      if (input.getAttribute("aria-invalid")) show(input.name, faults[input.name](input.value));
      notify("change", { detail: { complete: complete(), empty: empty(), collapsed: false, value: { type: "card" } } });
    });
    form.addEventListener("focusout", (event) => {
      const input = event.target;
      if (input.value && faults[input.name]) show(input.name, faults[input.name](input.value));
      notify("blur");
    });
    form.addEventListener("focusin", () => notify("focus"));
    new ResizeObserver(fit).observe(document.body);
  }
  if (document.querySelector("[data-challenge-finished]")) notify("challenge-finished");
  notify("ready");
})();
