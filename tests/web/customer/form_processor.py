"""A fake processor whose form can be used in a real browser: a button that gives a method.

Its script is served by nobody: the browser under test answers for `VENDOR_URL` itself.
"""

from typing import Any

import msgspec
from dependency_injector import providers

from dueport_apps.adapters.configured import ConfiguredProcessors
from dueport_ports import (
    BrowserScript,
    CollectRequest,
    CollectSession,
    Instrument,
    PaymentMethodKind,
)
from dueport_ports.testing.fake_processor import FakeProcessor
from tests.world import PROCESSOR, World

VENDOR_URL = "https://vendor.example/v1.js"
VENDOR_SCRIPT = "window.Vendor = true;"
ADAPTER = """\
window.DueportCollect = {
  mount(element, bootstrap, callbacks) {
    if (!window.Vendor) { callbacks.failed("The form could not be loaded. Reload the page."); return; }
    const label = document.createElement("label");
    label.className = "form-label";
    label.textContent = bootstrap.label;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-primary w-100 mt-2";
    button.textContent = "Use it";
    button.addEventListener("click", () => callbacks.done({instrument_ref: bootstrap.instrument_ref}));
    element.replaceChildren(label, button);
    callbacks.ready();
  },
  handleAction(bootstrap, callbacks) {
    callbacks.ready();
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Complete the bank's check";
    button.addEventListener("click", () => callbacks.done({}));
    document.querySelector("[data-bank-action]").append(button);
  },
};
"""


class FormProcessor(FakeProcessor):
    """Hands out the next method of its list at every collection."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.next: dict[PaymentMethodKind, Instrument] = {}

    async def begin_collect(self, request: CollectRequest) -> CollectSession:
        session = await super().begin_collect(request)
        instrument = self.next.get(request.kind) or (
            self.card() if request.kind is PaymentMethodKind.CARD else self.bank()
        )
        return msgspec.structs.replace(
            session,
            script=BrowserScript(
                vendor_url=VENDOR_URL,
                adapter=ADAPTER,
                csp={"script-src": ("https://vendor.example",)},
            ),
            bootstrap={"instrument_ref": instrument.instrument_ref, "label": instrument.label},
        )


def use_forms(world: World) -> FormProcessor:
    """Give a world the processor with forms; call it before the application is built."""
    processor = FormProcessor(world.clock)
    world.processor = processor
    methods = dict.fromkeys(PaymentMethodKind, PROCESSOR)
    world.container.processors.override(
        providers.Object(ConfiguredProcessors({PROCESSOR: processor}, methods))
    )
    return processor
