/* The sandbox's stand-in for Plaid Link: the same surface (`Plaid.create` and its handler), with
   Link's own page in a frame that the sandbox serves, so that the paying page never sees what is
   typed there. All styling goes through the CSSOM, so a page with a strict policy can use it. */
(() => {
  "use strict";

  const origin = new URL(document.currentScript.src).origin;
  const asked = "dueport-link";

  const styled = (element, rules) => {
    for (const [name, value] of Object.entries(rules)) element.style.setProperty(name, value);
    return element;
  };

  const create = (configuration) => {
    const { token, onSuccess, onExit, onEvent, onLoad } = configuration || {};
    if (typeof token !== "string" || token === "") {
      throw new Error("Plaid.create needs a link token");
    }
    if (typeof onSuccess !== "function") throw new Error("Plaid.create needs onSuccess");

    let overlay = null;
    let frame = null;
    let inertBefore = [];
    let focusBefore = null;
    let overflowBefore = "";
    let destroyed = false;

    const close = () => {
      if (overlay === null) return;
      window.removeEventListener("message", hear);
      overlay.remove();
      overlay = frame = null;
      for (const element of inertBefore) element.inert = false;
      inertBefore = [];
      document.documentElement.style.setProperty("overflow", overflowBefore);
      if (focusBefore && focusBefore.isConnected) focusBefore.focus();
    };

    const hear = (message) => {
      if (message.origin !== origin || frame === null) return;
      if (message.source !== frame.contentWindow || message.data?.asked !== asked) return;
      const { kind, body } = message.data;
      if (kind === "event") onEvent?.(body.name, body.metadata);
      if (kind === "success") {
        close();
        onSuccess(body.public_token, body.metadata);
      }
      if (kind === "exit") {
        close();
        onExit?.(body.error, body.metadata);
      }
    };

    const say = (kind) => frame?.contentWindow?.postMessage({ asked, kind }, origin);

    const open = () => {
      if (destroyed || overlay !== null) return;
      focusBefore = document.activeElement;
      overflowBefore = document.documentElement.style.getPropertyValue("overflow");
      document.documentElement.style.setProperty("overflow", "hidden");
      inertBefore = [...document.body.children].filter((element) => !element.inert);
      for (const element of inertBefore) element.inert = true;

      overlay = styled(document.createElement("div"), {
        position: "fixed",
        inset: "0",
        "z-index": "2147483647",
        display: "flex",
        "align-items": "center",
        "justify-content": "center",
        background: "rgb(17 24 39 / 0.6)",
      });
      overlay.id = "plaid-link-overlay";
      overlay.setAttribute("role", "dialog");
      overlay.setAttribute("aria-modal", "true");
      overlay.setAttribute("aria-label", "Connect your bank account");
      frame = styled(document.createElement("iframe"), {
        width: "min(100vw, 400px)",
        height: "min(100dvh, 640px)",
        border: "0",
        "border-radius": window.innerWidth > 420 ? "12px" : "0",
        background: "#fff",
        "color-scheme": "light",
      });
      frame.id = "plaid-link-iframe";
      frame.title = "Connect your bank account";
      const address = new URL("/plaid-link/frame", origin);
      address.hash = new URLSearchParams({ token, parent: window.location.origin }).toString();
      frame.src = address.href;
      frame.addEventListener("load", () => frame?.focus());
      window.addEventListener("message", hear);
      overlay.append(frame);
      document.body.append(overlay);
    };

    const exit = (options) => {
      if (overlay === null) return;
      if (options?.force) {
        close();
        onExit?.(null, { institution: null, status: "", link_session_id: "", request_id: "" });
      } else {
        say("leave");
      }
    };

    window.setTimeout(() => !destroyed && onLoad?.(), 0);
    return {
      open,
      exit,
      submit: () => {},
      destroy: () => {
        destroyed = true;
        close();
      },
    };
  };

  window.Plaid = Object.freeze({ create, version: "dueport-sandbox" });
})();
