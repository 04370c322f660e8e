"""Columns of a log: which of them hold users, items, ratings and times.

They are guessed from their names unless the user names them, and every guess is said. Names are
compared without case, spaces, ``_`` and ``-``: ``User ID`` is ``user_id`` is ``userId``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from headstart.errors import ConfigError, DataError
from headstart.findings import Finding
from headstart.said import N_, _, commas, listed, sentences

ROLES = ("user", "item", "rating", "time")
USERS = (
    *("userid", "user", "uid", "username", "customerid", "customer", "custid", "cid", "visitorid"),
    *("visitor", "memberid", "member", "memberno", "accountid", "account", "reviewerid"),
    *("reviewer", "clientid", "client", "buyerid", "buyer", "shopperid", "shopper", "personid"),
    *("person", "readerid", "reader", "listenerid", "listener", "viewerid", "viewer", "playerid"),
    *("player", "studentid", "student", "profileid", "sessionid", "session"),
    *(
        "用户id",
        "用户",
        "用户编号",
        "用户名",
        "会员id",
        "会员",
        "会员编号",
        "会员号",
        "客户id",
        "客户",
    ),
    *("客户编号", "顾客id", "顾客", "买家id", "买家", "读者id", "读者", "学生"),
)
ITEMS = (
    *("itemid", "item", "iid", "movieid", "movie", "filmid", "film", "productid", "product"),
    *("productcode", "skuid", "sku", "asin", "parentasin", "goodsid", "goods", "stockcode"),
    *("articleid", "article", "bookid", "book", "isbn", "songid", "song", "trackid", "track"),
    *("artistid", "artist", "albumid", "album", "videoid", "video", "gameid", "game", "appid"),
    *("app", "animeid", "anime", "courseid", "course", "newsid", "news", "recipeid", "recipe"),
    *("restaurantid", "restaurant", "businessid", "business", "placeid", "place", "poiid", "poi"),
    *("venueid", "venue", "contentid", "content", "docid", "document", "jokeid", "joke"),
    *(
        "商品id",
        "商品",
        "商品编号",
        "物品id",
        "物品",
        "物品编号",
        "产品id",
        "产品",
        "产品编号",
        "货号",
    ),
    *(
        "电影id",
        "电影",
        "图书id",
        "图书",
        "书籍",
        "歌曲id",
        "歌曲",
        "视频id",
        "视频",
        "文章id",
        "文章",
    ),
    *("课程id", "课程", "菜谱"),
)
RATINGS = (
    *("rating", "ratings", "userrating", "score", "stars", "star", "starrating", "overall"),
    *("rate", "grade", "评分", "打分", "星级", "分数"),
)
TIMES = (
    *("timestamp", "time", "datetime", "date", "eventtime", "eventdate", "unixtime"),
    *("unixreviewtime", "ts", "createdat", "createtime", "created", "ratedat", "ratingtime"),
    *("ratingdate", "reviewtime", "reviewdate", "orderdate", "ordertime", "purchasedate"),
    *("purchasetime", "invoicedate", "visitdate", "visittime", "clicktime", "transactiondate"),
    *(
        "时间戳",
        "时间",
        "日期",
        "日期时间",
        "下单时间",
        "购买时间",
        "创建时间",
        "点击时间",
        "行为时间",
    ),
    *("评分时间", "评论时间"),
)
KNOWN = dict(zip(ROLES, (USERS, ITEMS, RATINGS, TIMES), strict=True))
TYPED = re.compile(r"(.+):(token|float|token_seq|float_seq)")
"""A name in a header of RecBole's atomic files."""
SAID = {
    "user": N_("users from column {column!r} (--user chooses another)"),
    "item": N_("items from column {column!r} (--item chooses another)"),
    "rating": N_("ratings from column {column!r} (--rating chooses another)"),
    "time": N_("times from column {column!r} (--time chooses another)"),
}
EARLIEST = 1e8
"""Seconds since 1970, March 1973: from here on a number is more likely a time than a rating."""


@dataclass(frozen=True)
class Roles:
    """The columns of a log by what they hold; None where there is none."""

    user: str
    item: str
    rating: str | None = None
    time: str | None = None

    def named(self) -> list[str]:
        """List the columns that there are."""
        return [c for c in (self.user, self.item, self.rating, self.time) if c is not None]


def plain(name: str) -> str:
    """Write a column's name as all its spellings may be written.

    Examples
    --------
    >>> plain("User ID"), plain("movieId"), plain("user_id:token"), plain("用户 ID")
    ('userid', 'movieid', 'userid', '用户id')
    """
    typed = TYPED.fullmatch(name.strip())
    return re.sub(r"[\s_\-.]+", "", typed[1] if typed else name).casefold()


def guess(names: Sequence[str], known: Sequence[str], taken: Collection[str | None]) -> str | None:
    """Return the column that has the first of the known names; None without one."""
    free = {plain(name): name for name in reversed(names) if name not in taken}
    return next((free[name] for name in known if name in free), None)


def choose(
    table: str, names: Sequence[str], asked: dict[str, str | None]
) -> tuple[Roles, list[Finding]]:
    """Choose the columns by what the user said, and else by their names.

    Parameters
    ----------
    table : str
        The file's name, for messages.
    names : sequence of str
        Its columns.
    asked : dict
        For ``"user"``, ``"item"``, ``"rating"``, ``"time"`` the column, or None.

    Returns
    -------
    roles : Roles
    findings : list of Finding
        What was guessed.

    Raises
    ------
    DataError
        No such column; none that looks like users or items.
    ConfigError
        One column for two things.
    """
    found = {role: named(table, names, column) for role, column in asked.items() if column}
    _refuse_twice(found)
    guessed = []
    for role in ROLES:
        if role not in found:
            column = guess(names, KNOWN[role], found.values())
            if column is not None:
                found[role] = column
                guessed.append(_(SAID[role], column=column))
    _refuse_lacking(table, names, found)
    roles = Roles(found["user"], found["item"], found.get("rating"), found.get("time"))
    if not guessed:
        return roles, []
    message = _("{table}: guessed {what}.", table=table, what=listed(guessed))
    return roles, [Finding("note", "info", message, dict(found))]


def named(table: str, names: Sequence[str], column: str) -> str:
    """Return a column that the user named, as the table writes it.

    Raises
    ------
    DataError
        There is none; the hint suggests a near one.
    """
    if column in names:
        return column
    same = [name for name in names if plain(name) == plain(column)]
    if len(same) == 1:
        return same[0]
    near = difflib.get_close_matches(column, names)
    raise DataError(
        sentences(
            _("{table} has no column {column!r}.", table=table, column=column), columns_of(names)
        ),
        _("Did you mean {names}?", names=listed(map(repr, near)))
        if near
        else _("Name one of its columns."),
    )


def columns_of(names: Sequence[str]) -> str:
    """Say which columns there are."""
    return _("Its columns are {columns}.", columns=commas(repr(name[:40]) for name in names[:30]))


def without_header(first: Sequence[str]) -> list[str] | None:
    """Tell whether a first row is no header but an interaction, by its shape; name its columns.

    The known shapes are MovieLens' ``user item rating time`` with numbers throughout, the same
    with any ids where the last is a time and the one before a number, and three numbers.

    Examples
    --------
    >>> without_header(["196", "242", "3", "881250949"])
    ['user', 'item', 'rating', 'time']
    >>> without_header(["196", "242", "881250949"]), without_header(["user", "item", "rating"])
    (['user', 'item', 'time'], None)
    """
    values = [_number(cell) for cell in first]
    if len(values) == 4 and values[2] is not None and values[3] is not None:
        if values[3] >= EARLIEST or None not in values:
            return ["user", "item", "rating", "time"]
    elif len(values) == 3 and values[2] is not None and None not in values:
        return ["user", "item", "time" if values[2] >= EARLIEST else "rating"]
    return None


def _number(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", cell, re.ASCII) else None


def _refuse_twice(found: dict[str, str]) -> None:
    by_column: dict[str, str] = {}
    for role, column in found.items():
        if column in by_column:
            raise ConfigError(
                _(
                    "--{one} and --{other} both name {column!r}.",
                    one=by_column[column],
                    other=role,
                    column=column,
                ),
                _("Users, items, ratings and times are columns of their own."),
            )
        by_column[column] = role


def _refuse_lacking(table: str, names: Sequence[str], found: dict[str, str]) -> None:
    lacking = [
        what for role, what in (("user", _("users")), ("item", _("items"))) if role not in found
    ]
    if lacking:
        raise DataError(
            sentences(
                _(
                    "No column of {table} looks like {what}.",
                    table=table,
                    what=listed(lacking, "or"),
                ),
                columns_of(names),
            ),
            _(
                "Name them with --user COLUMN and --item COLUMN. If the first row is no header, "
                "put one above it, such as user,item,rating,time."
            ),
        )
