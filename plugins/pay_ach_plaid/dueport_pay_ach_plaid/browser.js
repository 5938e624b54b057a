// Links a bank account with Plaid Link. What the customer types stays inside Plaid's own frame;
// what this script hands back is Plaid's token for the account that was chosen.
(function () {
  "use strict";

  const GENERAL = "The bank could not be linked. Try again.";
  const STORED = "dueport-link-token";
  const LABELS = { link: "Link your bank", update: "Reconnect your bank" };

  function messageOf(error) {
    if (error && error.error_code === "INVALID_LINK_TOKEN") {
      return "This page was open for too long. Reload it, then link your bank.";
    }
    return (error && error.display_message) || GENERAL;
  }

  // A bank that signs in on its own site leads back to this page with a state in the address.
  function isBackFromBank() {
    return new URLSearchParams(window.location.search).has("oauth_state_id");
  }

  function createLink(bootstrap, listeners) {
    const options = {
      token: bootstrap.link_token,
      onSuccess: listeners.onSuccess,
      onExit: listeners.onExit,
      onLoad: listeners.onLoad,
    };
    const stored = isBackFromBank() && window.sessionStorage.getItem(STORED);
    if (stored) {
      options.token = stored;
      options.receivedRedirectUri = window.location.href;
    }
    window.sessionStorage.setItem(STORED, options.token);
    return { handler: window.Plaid.create(options), goesOn: Boolean(stored) };
  }

  function mount(element, bootstrap, callbacks) {
    if (!window.Plaid) {
      callbacks.failed("Plaid could not be loaded. Reload the page.");
      return null;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-primary w-100";
    button.textContent = bootstrap.button_label || LABELS[bootstrap.mode] || LABELS.link;
    button.disabled = true;
    const status = document.createElement("p");
    status.className = "form-text";
    status.setAttribute("role", "status");
    element.replaceChildren(button, status);

    function onSuccess(publicToken, metadata) {
      const accounts = (metadata && metadata.accounts) || [];
      window.sessionStorage.removeItem(STORED);
      if (bootstrap.mode !== "update" && accounts.length !== 1) {
        button.disabled = false;
        callbacks.failed("Choose exactly one account to pay from.");
        return;
      }
      status.textContent = "Your bank is linked.";
      callbacks.done(
        bootstrap.mode === "update"
          ? {}
          : { public_token: publicToken, account_id: accounts[0].id },
      );
    }

    function onExit(error) {
      button.disabled = false;
      status.textContent = error ? "" : "No bank was linked. You can try again at any time.";
      if (error) {
        callbacks.failed(messageOf(error));
      }
    }

    let link = null;
    function open() {
      if (button.disabled) {
        return;
      }
      button.disabled = true;
      status.textContent = "";
      link.handler.open();
    }

    function onLoad() {
      button.disabled = false;
      callbacks.ready();
      if (link.goesOn) {
        open();
      }
    }

    try {
      link = createLink(bootstrap, { onSuccess: onSuccess, onExit: onExit, onLoad: onLoad });
    } catch {
      callbacks.failed(GENERAL);
      return null;
    }
    button.addEventListener("click", open);
    return {
      submit: open,
      destroy: function () {
        link.handler.destroy();
        element.replaceChildren();
      },
    };
  }

  // The second step: a debit that Plaid decides only after the customer has signed in again.
  function handleAction(bootstrap, callbacks) {
    if (!window.Plaid) {
      callbacks.failed("Plaid could not be loaded. Reload the page.");
      return;
    }
    try {
      const link = createLink(bootstrap, {
        onSuccess: function () {
          window.sessionStorage.removeItem(STORED);
          callbacks.done({});
        },
        onExit: function (error) {
          callbacks.failed(
            error ? messageOf(error) : "Your bank was not reconnected, so nothing was paid.",
          );
        },
        onLoad: function () {
          callbacks.ready();
          link.handler.open();
        },
      });
    } catch {
      callbacks.failed(GENERAL);
    }
  }

  window.DueportCollect = { mount: mount, handleAction: handleAction };
})();
