"""The platform's own phrases in Spanish: labels of the shared parts, and what arrives as a value.

A use case says ``Invoice`` or why a bank took its money back in English; a Spanish mail says it
in Spanish. A phrase that is not listed, such as a processor's own words, stays as it is.
"""

import re
from typing import Final

from dueport_apps.wording import ANY_BROWSER, BROWSERS, SYSTEMS

PHRASES: Final[dict[str, str]] = {
    # Labels of the shared parts.
    "Method": "Forma de pago",
    "ending in": "terminada en",
    "Transaction ID": "ID de transacción",
    "Account": "Cuenta",
    "Submitted by": "Enviado por",
    "Subtotal": "Subtotal",
    "Credit": "Crédito",
    "Discount": "Descuento",
    "more items": "documentos más",
    "more credits": "créditos más",
    "The payment’s page lists all of them.": "La página del pago los muestra todos.",
    "If the button does not work, copy this address into your browser:": (
        "Si el botón no funciona, copie esta dirección en su navegador:"
    ),
    # Kinds of documents, methods and fees.
    "Invoice": "Factura",
    "Debit adjustment": "Ajuste de débito",
    "Credit adjustment": "Ajuste de crédito",
    "Finance charge": "Cargo por financiamiento",
    "Balance forward": "Saldo anterior",
    "Card surcharge": "Recargo por tarjeta",
    "Account credit": "Crédito de la cuenta",
    # What has happened to a login, and from where.
    "Your password was changed": "Se cambió su contraseña",
    ANY_BROWSER: "un navegador",
    # Why a payment failed.
    "The account did not have enough money available.": "La cuenta no tenía fondos suficientes.",
    "The card's bank declined the payment.": "El banco emisor de la tarjeta rechazó el pago.",
    "The card has expired.": "La tarjeta está vencida.",
    "The number, date or security code was not right.": (
        "El número, la fecha o el código de seguridad no eran correctos."
    ),
    "The card's bank asks you to confirm the payment yourself.": (
        "El banco emisor de la tarjeta le pide que confirme el pago personalmente."
    ),
    "The payment is above the limit of the card or account.": (
        "El pago supera el límite de la tarjeta o de la cuenta."
    ),
    "The bank declined the payment; contact the bank or use another method.": (
        "El banco rechazó el pago; comuníquese con el banco o use otra forma de pago."
    ),
    "The bank account is closed.": "La cuenta bancaria está cerrada.",
    "The bank does not find the account.": "El banco no encuentra la cuenta.",
    "The bank account does not allow debits.": "La cuenta bancaria no admite débitos.",
    "The authorization for this account was revoked.": (
        "La autorización para esta cuenta fue revocada."
    ),
    "The bank could not be reached.": "No fue posible comunicarse con el banco.",
    "The payment did not reach the payment processor.": "El pago no llegó al procesador de pagos.",
    "The bank or card did not say why.": "El banco o la tarjeta no indicó el motivo.",
}

_BROWSER = re.compile(rf"({'|'.join(BROWSERS.values())}) on ({'|'.join(SYSTEMS.values())})")
_RETURNED = re.compile(r"The bank returned the debit \((R[0-9]{2})\): .*", re.DOTALL)
RETURNS: Final[dict[str, str]] = {
    "R01": "fondos insuficientes",
    "R02": "cuenta cerrada",
    "R03": "la cuenta no existe o no está a ese nombre",
    "R04": "el número de cuenta no es válido",
    "R05": "débito comercial en una cuenta personal sin autorización",
    "R06": "el banco que envió el débito pidió que se devolviera",
    "R07": "el cliente revocó la autorización",
    "R08": "el cliente detuvo el pago",
    "R09": "fondos aún no disponibles",
    "R10": "el cliente indica que el débito no fue autorizado",
    "R11": "el débito difiere de lo autorizado",
    "R12": "la cuenta pasó a otro banco",
    "R13": "el número de ruta del banco no es válido",
    "R14": "el representante del titular de la cuenta falleció o ya no puede actuar",
    "R15": "el titular de la cuenta falleció",
    "R16": "cuenta congelada",
    "R17": "el banco no pudo usar los datos de la cuenta o sospecha un fraude",
    "R18": "la fecha del débito no es válida",
    "R19": "el importe no es válido",
    "R20": "la cuenta no admite este tipo de débito",
    "R21": "la identificación de la empresa no es válida",
    "R22": "la identificación del cliente no es válida",
    "R23": "el destinatario rechazó el abono",
    "R24": "el banco recibió dos veces el mismo débito",
    "R25": "la información adicional del débito no es válida",
    "R26": "falta un dato obligatorio o es incorrecto",
    "R27": "el número de rastreo falta o es incorrecto",
    "R28": "el número de ruta del banco tiene un dígito incorrecto",
    "R29": "la empresa indica que el débito no fue autorizado",
    "R31": "los dos bancos acordaron la devolución",
    "R32": "el banco del cliente no puede liquidar el débito",
    "R34": "el banco del cliente ya no admite débitos bancarios",
    "R51": "el cheque original no se puede cobrar de esta manera",
    "R61": "la devolución se envió al banco equivocado",
    "R62": "se devolvió un débito enviado por error",
    "R67": "la misma devolución se envió dos veces",
    "R68": "la devolución llegó tarde",
    "R69": "la devolución contiene datos incorrectos",
    "R70": "los bancos no habían acordado la devolución",
    "R71": "la objeción a la devolución se envió al banco equivocado",
    "R72": "la objeción a la devolución llegó tarde",
    "R73": "la devolución llegó a tiempo",
    "R74": "la devolución fue corregida",
    "R75": "la devolución no estaba duplicada",
    "R76": "la devolución no tenía errores",
    "R77": "el banco no acepta la objeción a la devolución",
}
_UNLISTED: Final = "el banco dio un motivo que no está en la lista"


def in_spanish(phrase: str) -> str:
    """Return a phrase of the platform's in Spanish, and any other text unchanged."""
    returned = _RETURNED.fullmatch(phrase)
    if returned:
        meaning = RETURNS.get(returned[1], _UNLISTED)
        return f"El banco devolvió el débito ({returned[1]}): {meaning}."
    if browser := _BROWSER.fullmatch(phrase):
        return f"{browser[1]} en {browser[2]}"
    return PHRASES.get(phrase, phrase)
