"""The platform's own phrases in Spanish: labels of the shared parts, and what arrives as a value.

A use case says ``Invoice`` or why a bank took its money back in English; a Spanish mail says it
in Spanish. A phrase that is not listed, such as a processor's own words, stays as it is.
"""

import re
from typing import Final

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
    # What has happened to a sign-in.
    "Your password was changed": "Se cambió su contraseña",
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

_RETURNED = re.compile(r"The bank returned the debit \((R[0-9]{2})\): .*", re.DOTALL)
_RETURNS: Final[dict[str, str]] = {
    "R01": "fondos insuficientes",
    "R02": "cuenta cerrada",
    "R03": "la cuenta no existe o no está a ese nombre",
    "R04": "el número de cuenta no es válido",
    "R05": "débito comercial en una cuenta personal sin autorización",
    "R07": "el cliente revocó la autorización",
    "R08": "el cliente detuvo el pago",
    "R09": "fondos aún no disponibles",
    "R10": "el cliente indica que el débito no fue autorizado",
    "R11": "el débito difiere de lo autorizado",
    "R16": "cuenta congelada",
    "R20": "la cuenta no admite este tipo de débito",
    "R29": "la empresa indica que el débito no fue autorizado",
}


def in_spanish(phrase: str) -> str:
    """Return a phrase of the platform's in Spanish, and any other text unchanged."""
    returned = _RETURNED.fullmatch(phrase)
    if returned and (meaning := _RETURNS.get(returned[1])):
        return f"El banco devolvió el débito ({returned[1]}): {meaning}."
    return PHRASES.get(phrase, phrase)
