"""Lists of contacts as Klaviyo, HubSpot and Meta import them, from the addresses of a run.

Who has no address that the receiver can use is in neither arm; so is whoever shares one with a
customer of the other arm, whom the message would reach as well.
"""

import hashlib
from dataclasses import dataclass, replace

import polars as pl

from holdfast.campaigns.audience import Audience, keep_customers
from holdfast.campaigns.export_journal import CampaignList
from holdfast.campaigns.treatments import CONTACT
from holdfast.errors import InputError, nearest
from holdfast.report.exports.customer_rows import neutralise
from holdfast.report.formatting import plural
from holdfast.serving.load import read_table
from holdfast.storage.run_folder import Run

# A letter or figure first: what a spreadsheet takes for a formula is no address.
_EMAIL = r"^[\p{L}\p{N}_][^@\s,;\"'<>]*@[^@\s,;\"'<>]+\.[^@\s,;\"'<>]+$"
_PHONE = r"^\+[1-9][0-9]{6,14}$"


@dataclass(frozen=True, kw_only=True)
class ListFormat:
    """What a receiver imports.

    Attributes
    ----------
    headings
        Column of ours -> the receiver's name of it, in its order: `email` and `phone` of the
        addresses, others of the list.
    needs
        Addresses of which each customer has at least one.
    hashed
        Whether addresses leave as SHA-256 only.
    """

    headings: dict[str, str]
    needs: tuple[str, ...]
    hashed: bool = False


_PROPERTIES = {
    "customer_id": "Customer ID", "segment": "Segment", "offer": "Offer", "campaign": "Campaign",
    "run_id": "Holdfast run",
}  # fmt: skip
FORMATS = {
    "klaviyo": ListFormat(
        headings={"email": "Email", "phone": "Phone Number", **_PROPERTIES},
        needs=("email", "phone"),
    ),
    # Without its e-mail HubSpot cannot tell whether it knows a contact already.
    "hubspot": ListFormat(
        headings={"email": "Email", "phone": "Phone number", **_PROPERTIES}, needs=("email",)
    ),
    "meta": ListFormat(
        headings={"email": "email", "phone": "phone"}, needs=("email", "phone"), hashed=True
    ),
}
"""Receiver -> what it imports; docs/how-to/export-to-a-crm.md names the pages that say so."""


def find_format(name: str) -> ListFormat:
    """The format of a receiver.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name not in FORMATS:
        raise InputError(
            f"there is no list for {name!r}", fix=nearest(name, list(FORMATS)), receiver=name
        )
    return FORMATS[name]


def normalise_addresses(addresses: pl.DataFrame) -> pl.DataFrame:
    """ADDRESSES as receivers take them: e-mails in small letters, phones as + and figures (E.164);
    null where it is no address, or a number without its country code.

    >>> raw = {"customer_id": ["a", "b"], "email": [" Ann@X.de ", "none"],
    ...        "phone": ["0044 (0)20 7946-0000", "020 7946 0000"]}
    >>> normalise_addresses(pl.DataFrame(raw)).rows()
    [('a', 'ann@x.de', '+442079460000'), ('b', None, None)]
    """
    email = pl.col("email").str.strip_chars().str.to_lowercase()
    figures = (
        pl.col("phone").str.replace(r"\(0\)", "", literal=False).str.replace_all(r"[\s()./\-]", "")
    )
    phone = figures.str.replace(r"^00", "+")
    return addresses.select(
        "customer_id",
        email=pl.when(email.str.contains(_EMAIL)).then(email),
        phone=pl.when(phone.str.contains(_PHONE)).then(phone),
    )


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Who gets the lists, and the addresses for them, as of `normalise_addresses`."""

    form: ListFormat
    addresses: pl.DataFrame

    @classmethod
    def of(cls, name: str, run: Run) -> "Receiver":
        """A receiver by its name, with the addresses of a run.

        Raises
        ------
        InputError
            There is none of that name, or the run has no addresses.
        """
        addresses = read_table(run, "addresses")
        if addresses.is_empty():
            raise InputError(
                f"run {run.run_id} has no addresses",
                fix='name their columns in the study, [customers.columns] email = "...", and run '
                "again",
            )
        return cls(form=find_format(name), addresses=normalise_addresses(addresses))

    def fit(
        self, listed: CampaignList, contacted: pl.DataFrame, held_out: pl.DataFrame
    ) -> tuple[CampaignList, list[pl.DataFrame], list[str]]:
        """Keep those of both arms who can be reached.

        Returns
        -------
        tuple
            The campaign without the others, its two lists as the receiver imports them, and
            sentences on who was left out.

        Raises
        ------
        InputError
            Nobody to be contacted is left.
        """
        kept, notes = find_reachable(listed.arms, self.addresses, self.form)
        lists = [
            self.lay_out(rows.filter(pl.col("customer_id").is_in(kept.implode())), listed.campaign)
            for rows in (contacted, held_out)
        ]
        if lists[0].is_empty():
            raise InputError("; ".join(["nobody is left to contact", *notes]), fix="see to them")
        arms = listed.arms.filter(pl.col("customer_id").is_in(kept.implode()))
        return replace(listed, arms=arms), lists, notes

    def fit_audience(self, audience: Audience) -> tuple[Audience, list[str]]:
        """The audience of those who can be reached, and sentences on who was left out."""
        arms = audience.customers.select("customer_id", treated=pl.col("arm") == CONTACT)
        kept, notes = find_reachable(arms, self.addresses, self.form)
        return keep_customers(audience, pl.col("customer_id").is_in(kept.implode())), notes

    def lay_out(self, rows: pl.DataFrame, campaign: str) -> pl.DataFrame:
        """A list of a campaign as the receiver imports it."""
        return lay_out(rows.with_columns(campaign=pl.lit(campaign)), self.addresses, self.form)


def find_reachable(
    arms: pl.DataFrame, addresses: pl.DataFrame, receiver: ListFormat
) -> tuple[pl.Series, list[str]]:
    """Say of each customer of two arms whether a list can carry it.

    Parameters
    ----------
    arms
        customer_id and treated (whether it is to be contacted).
    addresses
        Of `normalise_addresses`.

    Returns
    -------
    tuple
        The customers who can be reached, and sentences on how many cannot.
    """
    joined = arms.join(addresses, on="customer_id", how="left", maintain_order="left")
    has_one = pl.any_horizontal(pl.col(kind).is_not_null() for kind in receiver.needs)
    shared = pl.any_horizontal(
        pl.col(kind).is_not_null() & (pl.col("treated").n_unique().over(kind) > 1)
        for kind in ("email", "phone")
    )
    judged = joined.select("customer_id", reached=has_one, shared=shared & has_one)
    left_out = {
        f"with no {' or '.join(receiver.needs)} that can be used": int((~judged["reached"]).sum()),
        "who share an address across the two lists": int(judged["shared"].sum()),
    }
    notes = [f"{plural(n, 'customer')} {why} left out" for why, n in left_out.items() if n]
    return judged.filter(pl.col("reached") & ~pl.col("shared"))["customer_id"], notes


def lay_out(rows: pl.DataFrame, addresses: pl.DataFrame, receiver: ListFormat) -> pl.DataFrame:
    """A list as the receiver imports it; words that a spreadsheet would run are neutralised."""
    words = [name for name, kind in rows.schema.items() if kind == pl.String]
    safe = rows.with_columns(neutralise(name).alias(f"_{name}") for name in words)
    joined = safe.join(addresses, on="customer_id", how="left", maintain_order="left")
    if receiver.hashed:
        joined = joined.with_columns(
            # Meta takes a phone as figures alone.
            _hash(joined["email"]),
            _hash(joined["phone"].str.strip_prefix("+")),
        )
    kinds = [kind for kind in ("email", "phone") if joined[kind].null_count() < joined.height]
    columns = [(name, name) for name in kinds] + [(f"_{name}", name) for name in words]
    by_heading = {shown: column for column, shown in columns}
    return joined.select(
        pl.col(by_heading[name]).alias(heading)
        for name, heading in receiver.headings.items()
        if name in by_heading
    )


def _hash(values: pl.Series) -> pl.Series:
    """SHA-256 of each, 64 hex digits."""
    digests = [
        None if value is None else hashlib.sha256(value.encode()).hexdigest() for value in values
    ]
    return pl.Series(values.name, digests, pl.String)
