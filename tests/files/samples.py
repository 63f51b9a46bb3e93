"""Files of our own making, as banks write them."""

from collections.abc import Sequence
from datetime import date

Row = tuple[str, date, str, str]
"""Its id, its day, its amount and its words."""

OFX_HEAD = (
    "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\n"
    "CHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
)
COFFEE: Row = ("F1", date(2026, 11, 2), "-3.20", "COFFEE HOUSE")
TICKET: Row = ("F2", date(2026, 11, 2), "-2.50", "CITY BUS")
TWIN: Row = ("F3", date(2026, 11, 2), "-2.50", "CITY BUS")
PAY: Row = ("F4", date(2026, 11, 3), "1000.00", "ACME PAYROLL")
ROWS = (COFFEE, TICKET, TWIN, PAY)


def ofx(
    rows: Sequence[Row] = ROWS,
    *,
    account: str = "12345678",
    ledger: tuple[str, str] | None = None,
    currency: str = "EUR",
    extra: str = "",
) -> bytes:
    """Return an OFX 1 file, the closing tags of values left out."""
    days = [row[1] for row in rows] or [date(2026, 11, 2)]
    told = "".join(
        f"<STMTTRN>\n<TRNTYPE>OTHER\n<DTPOSTED>{day:%Y%m%d}120000[-5:EST]\n<TRNAMT>{amount}\n"
        f"<FITID>{name}\n<NAME>{words}\n</STMTTRN>\n"
        for name, day, amount, words in rows
    )
    stands = ""
    if ledger:
        stands = f"<LEDGERBAL><BALAMT>{ledger[0]}<DTASOF>{ledger[1]}</LEDGERBAL>\n"
    return (
        f"{OFX_HEAD}<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
        "<FI><ORG>Our Bank<FID>77</FI><INTU.BID>77</SONRS></SIGNONMSGSRSV1>\n<BANKMSGSRSV1>"
        f"<STMTTRNRS><TRNUID>0<STMTRS><CURDEF>{currency}<BANKACCTFROM><BANKID>77<ACCTID>{account}"
        f"<ACCTTYPE>CHECKING</BANKACCTFROM>\n<BANKTRANLIST><DTSTART>{min(days):%Y%m%d}"
        f"<DTEND>{max(days):%Y%m%d}\n{told}{extra}</BANKTRANLIST>\n{stands}"
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    ).encode("cp1252")
