// A stand-in for Stripe's browser script, for pages that talk to the sandbox.
//
// Card fields live in a frame that the sandbox serves, so the page's own code never sees a card
// number. The page's content security policy needs this script's origin in script-src and
// frame-src, nothing else: styles are set through the object model, calls are made by the frame.
(() => {
  "use strict";

  const ORIGIN = new URL(document.currentScript.src).origin;
  const TAG = "dueport-sandbox-stripe";

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  const styled = (element, styles) => {
    for (const [name, value] of Object.entries(styles)) element.style.setProperty(name, value);
    return element;
  };

  // A frame of the sandbox, with calls into it and notices out of it.
  class Frame {
    constructor(path, title) {
      this.waiting = new Map();
      this.lastCall = 0;
      this.listeners = [];
      this.element = document.createElement("iframe");
      this.element.src = ORIGIN + path;
      this.element.title = title;
      this.ready = new Promise((resolve) => {
        this.onReady = resolve;
      });
      this.receive = (event) => {
        if (event.origin !== ORIGIN || event.source !== this.element.contentWindow) return;
        const message = event.data;
        if (!message || message.tag !== TAG) return;
        if (message.notice === "ready") this.onReady();
        if (message.notice) this.listeners.forEach((listener) => listener(message));
        if (message.answerTo && this.waiting.has(message.answerTo)) {
          this.waiting.get(message.answerTo)(message.result);
          this.waiting.delete(message.answerTo);
        }
      };
      window.addEventListener("message", this.receive);
    }

    async call(name, args = {}) {
      await this.ready;
      const call = ++this.lastCall;
      return new Promise((resolve) => {
        this.waiting.set(call, resolve);
        this.element.contentWindow.postMessage({ tag: TAG, call, name, args }, ORIGIN);
      });
    }

    remove() {
      window.removeEventListener("message", this.receive);
      this.element.remove();
      this.waiting.forEach((resolve) => resolve({ error: connectionError() }));
    }
  }

  const connectionError = () => ({
    type: "api_connection_error",
    message: "The payment form was closed before it answered.",
  });

  const query = (values) => new URLSearchParams(values).toString();

  class PaymentElement {
    constructor(elements) {
      this.elements = elements;
      this.handlers = new Map();
      this.frame = null;
    }

    mount(target) {
      const place = typeof target === "string" ? document.querySelector(target) : target;
      if (!place) throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements.`);
      if (this.frame) throw new IntegrationError("This Element is already mounted.");
      const key = this.elements.stripe.key;
      this.frame = new Frame(`/stripe/frame/payment?${query({ key })}`, "Secure payment input frame");
      const { element } = this.frame;
      styled(element, { width: "100%", border: "0", display: "block", height: "290px" });
      element.allow = "payment *";
      this.frame.listeners.push((message) => {
        if (message.notice === "height") styled(element, { height: `${message.height}px` });
        else this.emit(message.notice, message.detail);
      });
      element.addEventListener("error", () => {
        this.emit("loaderror", { elementType: "payment", error: connectionError() });
      });
      place.replaceChildren(element);
      this.frame.call("configure", { options: this.elements.options });
      return this;
    }

    on(name, handler) {
      if (!this.handlers.has(name)) this.handlers.set(name, new Set());
      this.handlers.get(name).add(handler);
      return this;
    }

    once(name, handler) {
      const once = (event) => {
        this.off(name, once);
        handler(event);
      };
      return this.on(name, once);
    }

    off(name, handler) {
      if (handler) this.handlers.get(name)?.delete(handler);
      else this.handlers.delete(name);
      return this;
    }

    emit(name, detail) {
      const event = { elementType: "payment", ...detail };
      [...(this.handlers.get(name) ?? [])].forEach((handler) => handler(event));
    }

    update(options) {
      this.elements.update(options);
      return this;
    }

    focus() {
      this.frame?.call("focus");
    }

    collapse() {}

    unmount() {
      this.frame?.remove();
      this.frame = null;
      return this;
    }

    destroy() {
      this.unmount();
      this.elements.payment = null;
    }
  }

  class Elements {
    constructor(stripe, options) {
      this.stripe = stripe;
      this.options = { mode: options.clientSecret?.startsWith("seti_") ? "setup" : "payment", ...options };
      this.payment = null;
      this.submitted = false;
    }

    create(type) {
      if (type !== "payment") throw new IntegrationError(`The sandbox has no element of type ${type}; create a payment element.`);
      if (this.payment) throw new IntegrationError("Can only create one Element of type payment.");
      this.payment = new PaymentElement(this);
      return this.payment;
    }

    getElement(type) {
      return type === "payment" ? this.payment : null;
    }

    update(options) {
      Object.assign(this.options, options);
      this.payment?.frame?.call("configure", { options: this.options });
    }

    async fetchUpdates() {
      return {};
    }

    async submit() {
      const result = await this.frame().call("submit");
      this.submitted = !result.error;
      return result;
    }

    frame() {
      if (!this.payment?.frame) throw new IntegrationError("Mount the payment element before you use it.");
      return this.payment.frame;
    }
  }

  class StripeDouble {
    constructor(key) {
      if (typeof key !== "string" || !key.startsWith("pk_")) {
        throw new IntegrationError("Please call Stripe() with your publishable key. You used an empty string or a secret key.");
      }
      this.key = key;
      this.controller = null;
    }

    elements(options = {}) {
      return new Elements(this, options);
    }

    control(name, args) {
      if (!this.controller) {
        this.controller = new Frame(`/stripe/frame/controller?${query({ key: this.key })}`, "Payment controller");
        const { element } = this.controller;
        element.setAttribute("aria-hidden", "true");
        element.tabIndex = -1;
        styled(element, { position: "absolute", width: "1px", height: "1px", border: "0", opacity: "0", "pointer-events": "none" });
        document.body.append(element);
      }
      return this.controller.call(name, args);
    }

    async createConfirmationToken({ elements, params = {} }) {
      if (!elements.submitted) {
        throw new IntegrationError("elements.submit() must be called before stripe.createConfirmationToken().");
      }
      return elements.frame().call("createConfirmationToken", { params });
    }

    async retrievePaymentIntent(clientSecret) {
      return this.control("retrieve", { clientSecret });
    }

    async retrieveSetupIntent(clientSecret) {
      return this.control("retrieve", { clientSecret });
    }

    async handleNextAction({ clientSecret }) {
      const before = await this.control("retrieve", { clientSecret });
      if (before.error) return before;
      const kind = before.setupIntent ? "setupIntent" : "paymentIntent";
      const intent = before[kind];
      const action = intent.next_action;
      if (intent.status !== "requires_action" || !action) return before;
      if (action.type === "redirect_to_url") {
        window.location.assign(action.redirect_to_url.url);
        return new Promise(() => {});
      }
      await askTheBank(action.use_stripe_sdk.stripe_js);
      const after = await this.control("retrieve", { clientSecret });
      const error = after[kind]?.last_payment_error ?? after[kind]?.last_setup_error;
      return error ? { error: { ...error, [kind === "paymentIntent" ? "payment_intent" : "setup_intent"]: after[kind] } } : after;
    }

    confirmPayment(options) {
      return this.confirm("payment_intents", options);
    }

    confirmSetup(options) {
      return this.confirm("setup_intents", options);
    }

    async confirm(resource, { elements, clientSecret, confirmParams = {}, redirect = "always" }) {
      const secret = clientSecret ?? elements?.options.clientSecret;
      if (!secret) throw new IntegrationError("Pass the clientSecret of the intent to confirm.");
      if (redirect === "always" && !confirmParams.return_url) {
        throw new IntegrationError("Pass confirmParams.return_url, or redirect: 'if_required'.");
      }
      const args = { resource, clientSecret: secret, params: confirmParams };
      let result;
      if (elements) {
        const submitted = await elements.submit();
        if (submitted.error) return submitted;
        result = await elements.frame().call("confirm", args);
      } else {
        result = await this.control("confirm", args);
      }
      if (result.error) return result;
      const intent = result.paymentIntent ?? result.setupIntent;
      if (intent.status === "requires_action") {
        result = await this.handleNextAction({ clientSecret: secret });
        if (result.error) return result;
      }
      if (redirect === "if_required") return result;
      const url = new URL(confirmParams.return_url);
      const name = resource === "payment_intents" ? "payment_intent" : "setup_intent";
      url.searchParams.set(name, intent.id);
      url.searchParams.set(`${name}_client_secret`, secret);
      url.searchParams.set("redirect_status", "succeeded");
      window.location.assign(url.href);
      return new Promise(() => {});
    }
  }

  // The bank's question, in a dialog over the page. Closing it counts as not passing.
  const askTheBank = (url) =>
    new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.setAttribute("aria-label", "Your bank asks you to confirm this payment");
      styled(dialog, { padding: "0", border: "0", "border-radius": "8px", width: "min(420px, 96vw)", "max-width": "96vw" });
      const frame = new Frame(`${new URL(url).pathname}${new URL(url).search}`, "Confirmation by your bank");
      styled(frame.element, { width: "100%", height: "420px", "max-height": "85vh", border: "0", display: "block" });
      const finish = () => {
        frame.remove();
        dialog.close();
        dialog.remove();
        resolve();
      };
      frame.listeners.push((message) => {
        if (message.notice === "challenge-finished") finish();
      });
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        frame.call("fail");
      });
      dialog.append(frame.element);
      document.body.append(dialog);
      dialog.showModal();
    });

  const Stripe = (key, options) => new StripeDouble(key, options);
  Stripe.version = "sandbox";
  window.Stripe = Stripe;
})();
