// Takes a card with Stripe's Payment Element. The card's number stays inside Stripe's own frame;
// what this script hands back is the id of what Stripe has made of it.
(function () {
  "use strict";

  const GENERAL = "The card could not be taken. Check it and try again.";

  function messageOf(error) {
    return (error && error.message) || GENERAL;
  }

  function elementOptions(bootstrap) {
    const options = {
      mode: bootstrap.mode,
      currency: bootstrap.currency,
      paymentMethodTypes: ["card"],
    };
    if (bootstrap.mode === "payment") {
      options.amount = bootstrap.amount_cents;
      if (bootstrap.save) {
        options.setupFutureUsage = "off_session";
      }
    }
    return options;
  }

  async function takeForPayment(stripe, elements, bootstrap) {
    const made = await stripe.createConfirmationToken({
      elements: elements,
      params: { return_url: bootstrap.return_url },
    });
    return made.error
      ? { error: made.error }
      : { payload: { confirmation_token: made.confirmationToken.id } };
  }

  async function takeForSaving(stripe, elements, bootstrap) {
    const done = await stripe.confirmSetup({
      elements: elements,
      confirmParams: { return_url: bootstrap.return_url },
      redirect: "if_required",
    });
    return done.error
      ? { error: done.error }
      : { payload: { setup_intent: done.setupIntent.id } };
  }

  async function mount(element, bootstrap, callbacks) {
    if (!window.Stripe) {
      callbacks.failed("The card form could not be loaded. Reload the page.");
      return null;
    }
    const stripe = window.Stripe(bootstrap.publishable_key);
    const elements =
      bootstrap.mode === "setup"
        ? stripe.elements({ clientSecret: bootstrap.client_secret })
        : stripe.elements(elementOptions(bootstrap));
    const field = document.createElement("div");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-primary w-100 mt-3";
    button.textContent = bootstrap.mode === "setup" ? "Save this card" : "Use this card";
    button.disabled = true;
    element.replaceChildren(field, button);

    const payment = elements.create("payment");
    payment.on("ready", function () {
      button.disabled = false;
      callbacks.ready();
    });
    payment.on("loaderror", function (event) {
      callbacks.failed(messageOf(event && event.error));
    });
    payment.mount(field);

    async function submit() {
      if (button.disabled) {
        return;
      }
      button.disabled = true;
      button.setAttribute("aria-busy", "true");
      try {
        const checked = await elements.submit();
        const take = bootstrap.mode === "setup" ? takeForSaving : takeForPayment;
        const taken = checked.error
          ? { error: checked.error }
          : await take(stripe, elements, bootstrap);
        if (taken.error) {
          callbacks.failed(messageOf(taken.error));
        } else {
          callbacks.done(taken.payload);
        }
      } catch (error) {
        callbacks.failed(messageOf(error));
      } finally {
        button.disabled = false;
        button.removeAttribute("aria-busy");
      }
    }

    button.addEventListener("click", submit);
    return {
      submit: submit,
      destroy: function () {
        payment.unmount();
        element.replaceChildren();
      },
    };
  }

  // The second step: 3-D Secure for a payment that the server has already made.
  async function handleAction(bootstrap, callbacks) {
    if (!window.Stripe) {
      callbacks.failed("The bank's check could not be loaded. Reload the page.");
      return;
    }
    const stripe = window.Stripe(bootstrap.publishable_key);
    callbacks.ready();
    try {
      const handled = bootstrap.payment_method
        ? await stripe.confirmPayment({
            clientSecret: bootstrap.client_secret,
            confirmParams: {
              payment_method: bootstrap.payment_method,
              return_url: bootstrap.return_url || window.location.href,
            },
            redirect: "if_required",
          })
        : await stripe.handleNextAction({ clientSecret: bootstrap.client_secret });
      if (handled.error) {
        callbacks.failed(messageOf(handled.error));
      } else {
        callbacks.done({ payment_intent: handled.paymentIntent.id });
      }
    } catch (error) {
      callbacks.failed(messageOf(error));
    }
  }

  window.DueportCollect = { mount: mount, handleAction: handleAction };
})();
