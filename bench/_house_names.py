"""Names in a package: functions named by a bare participle, and locals with a vague name."""

import ast
from collections.abc import Iterator

from bench._house_source import Function, Module


def _words(text: str) -> set[str]:
    return set(text.split())


VAGUE = _words("found told said asked known own mine")
_IRREGULAR = _words(
    """
    begun bent bitten bought broken brought built caught chosen done drawn driven eaten fallen
    fed felt forgotten fought found frozen given gone gotten grown heard held hidden kept known
    laid learnt led left lent lost made meant met paid proven risen said seen sent shaken shown
    sold sought spent spoken stolen stood struck sworn taken taught thought thrown told torn
    understood unspoken won worn woven written
    """
)
# Words that end as a participle ends and are none.
_NO_PARTICIPLE = _words("bed bleed embed exceed feed hundred need proceed seed shed speed")
# A trailing preposition does not make a noun of a participle: `held_out`, `judged_by`.
_TRAILING = _words("against as at away by for from in into of off on out over to up with")
# A finite verb anywhere makes a question of the name: `is_acknowledged`, `_nobody_is_lost`.
_FINITE = _words("are can did do does has have is may must should was were will")
_VERBS = _words(
    """
    add adjust aggregate align allow append apply assert assign attach average bind bound build
    calculate call cast check choose clear close collect combine compare compile compute
    concatenate convert copy count create cut declare decode define delete derive describe
    divide download draw drop emit encode ensure estimate evaluate exclude execute expect
    explain export extract fetch fill filter find fit fold format forward gather get give group
    handle hash hide ignore import include infer insert iterate join keep learn list load locate
    look make map mark match measure merge name normalise open order parse pick plot post
    predict prepare print prune publish put quarantine raise rank read record refuse register
    reject release remember remove rename render repeat replace report require reset resolve
    restrict return roll round run sample save scale score search select send serve set show
    simulate skip sort split stack start stop store stream subtract sum summarise take tell test
    total track train transform translate trim truncate update use validate wait warn watch with
    wrap write yield
    """
)
# Names that asyncio.Protocol gives.
_GIVEN = {"connection_made", "connection_lost", "data_received"}


def participles(module: Module) -> list[Function]:
    """Functions named by a participle with no verb beside it; properties may be adjectives."""
    return [
        node
        for node in module.functions
        if is_bare_participle(node.name) and not _is_property(node)
    ]


def is_bare_participle(name: str) -> bool:
    """Whether a name says only that something was done, with no verb and no noun.

    >>> names = ["judged", "_held_out", "not_told", "is_known", "with_derived", "read_features"]
    >>> [name for name in names if is_bare_participle(name)]
    ['judged', '_held_out', 'not_told']
    """
    words = name.strip("_").lower().split("_")
    while len(words) > 1 and words[-1] in _TRAILING:
        words.pop()
    if name in _GIVEN or (len(words) > 1 and (words[0] in _VERBS or _FINITE.intersection(words))):
        return False
    return _is_participle(words[-1])


def vague_locals(module: Module) -> Iterator[tuple[str, int]]:
    """Parameters and locals with a vague name, once a function: the name and its first line."""
    for function in module.functions:
        seen: set[str] = set()
        for name, line in _bound(function):
            if name in VAGUE and name not in seen:
                seen.add(name)
                yield name, line


def _is_participle(word: str) -> bool:
    return word in _IRREGULAR or (
        word.endswith("ed") and len(word) > 3 and word not in _NO_PARTICIPLE
    )


def _is_property(function: Function) -> bool:
    return any(
        "property" in text or text.endswith((".setter", ".getter", ".deleter"))
        for text in map(ast.unparse, function.decorator_list)
    )


def _bound(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Names bound in a function, without those of functions within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.arg):
            yield child.arg, child.lineno
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id, child.lineno
        if not isinstance(child, Function):
            yield from _bound(child)
