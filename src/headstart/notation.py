"""How numbers that may be negative are written: one place, so that none of them reads "-0.0".

What rounds to zero is zero. Python's ``z`` (PEP 682) rounds first and then drops the sign.
"""

from __future__ import annotations

from headstart.said import number


def percent(share: float, digits: int = 1) -> str:
    """Write a share.

    Examples
    --------
    >>> percent(0.8704), percent(-0.0001), percent(0.5, 0)
    ('87.0%', '0.0%', '50%')
    """
    return number(share, f"z.{digits}%")


def in_points(share: float, digits: int = 1) -> str:
    """Write a difference of shares in points, with its sign.

    Examples
    --------
    >>> in_points(0.043), in_points(-0.062), in_points(-0.0001)
    ('+4.3', '-6.2', '+0.0')
    """
    return number(100 * share, f"+z.{digits}f")


def decimal(value: float, digits: int = 3) -> str:
    """Write a number with so many digits behind the point, a minus only where it shows.

    Examples
    --------
    >>> decimal(0.81249), decimal(-1.5), decimal(-0.0004)
    ('0.812', '-1.500', '0.000')
    """
    return number(value, f"z.{digits}f")


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many digits that count.

    Examples
    --------
    >>> significant(0.98765), significant(-2.3456), significant(-0.0)
    ('0.988', '-2.35', '0')
    """
    return number(value, f"z.{digits}g")
