"""The simulated market of a share: files, calendar, thin and full hours, prints against quotes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest

from spymaster_lake import cli
from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import SimulationReport, simulate
from spymaster_lake.simulator.equity_plans import equity_facts, equity_plans, premarket_minutes
from spymaster_lake.simulator.market import market_model
from spymaster_lake.simulator.plans import session_times

CONF = Path(__file__).parents[2] / "conf"
FIRST, SESSIONS = date(2025, 11, 26), 4
HALF_DAY, FULL_DAY, HOLIDAY = date(2025, 11, 28), date(2025, 12, 1), date(2025, 11, 27)
MINUTE = 60_000_000_000
REJECTED = {"undefined_price", "zero_price", "negative_price", "zero_size", "implausible_price"}


@dataclass(frozen=True)
class Shares:
    root: Path
    report: SimulationReport
    calendar: SessionCalendar
    profile: InstrumentProfile

    def table(self, kind: str, day: date) -> dict[str, np.ndarray]:
        """Columns of one file; codes stay texts, blanks are NaN."""
        folder = {"trades": "equities/trades_v1", "quotes": "equities/quotes_v1"}.get(kind)
        path = self.root / (folder or "options/trades_v1") / f"{day}.csv.gz"
        texts = dict.fromkeys(("ticker", "conditions", "correction"), pa.string())
        convert = pc.ConvertOptions(column_types=texts, strings_can_be_null=False)
        table = pc.read_csv(path, convert_options=convert)
        return {name: table.column(name).to_numpy() for name in table.column_names}

    def regular_prints(self, day: date) -> dict[str, np.ndarray]:
        """Prints of regular conditions in regular hours that are well formed and on the grid."""
        found, clock = self.table("trades", day), self.calendar.clock(day)
        cents = found["price"] / self.profile.tick_size
        good = np.isin(found["conditions"], ["", "14,41", "41", "14"])
        good &= (found["size"] > 0) & (np.abs(cents - np.rint(cents)) < 1e-6)
        good &= (found["price"] > 0) & (found["price"] < self.profile.quality.price_max)
        good &= found["correction"] == "0"
        time = found["sip_timestamp"]
        good &= (time >= clock.open_ns) & (time < clock.close_ns)
        return {name: column[good] for name, column in found.items()}


@pytest.fixture(scope="module")
def share() -> InstrumentProfile:
    """The profile of a share with options."""
    return InstrumentProfile.from_yaml(CONF / "instruments" / "tsla.yaml")


@pytest.fixture(scope="module")
def shares(share, tmp_path_factory) -> Shares:
    """Four light sessions around Thanksgiving."""
    root = tmp_path_factory.mktemp("shares")
    calendar = SessionCalendar(share.calendar)
    report = _simulate(root, share, calendar)
    return Shares(root, report, calendar, share)


def _simulate(root, share, calendar, **changes):
    given = {"start": FIRST, "sessions": SESSIONS, "seed": 3, "processes": 1, **changes}
    return simulate(root / "equities", root / "options", share, calendar, **given)


def _hashes(root):
    return {
        p.relative_to(root).as_posix(): sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*.gz"))
    }


def test_files__same_bytes_from_any_start(shares, share, tmp_path):
    """A session does not depend on the first session asked for: its bytes are the same."""
    _simulate(tmp_path, share, shares.calendar, start=FULL_DAY, sessions=1)
    expected = {k: v for k, v in _hashes(shares.root).items() if FULL_DAY.isoformat() in k}
    assert _hashes(tmp_path) == expected
    assert len(expected) == 3


def test_files__another_seed_differs(shares, share, tmp_path):
    """Another seed changes every file."""
    _simulate(tmp_path, share, shares.calendar, start=FULL_DAY, sessions=1, seed=4, size="tiny")
    before = _hashes(shares.root)
    assert all(before[name] != digest for name, digest in _hashes(tmp_path).items())


def test_files__sizes(shares):
    """A light session has about ten thousand prints and forty thousand quotes; the report is right."""
    for session in shares.report.sessions:
        for path, rows in session.files.items():
            kind = "options" if "/options/" in path else path.split("/")[-2].removesuffix("_v1")
            assert len(shares.table(kind, session.day)["ticker"]) == rows
        assert 9_000 < session.trades["TSLA"] < 11_500
        assert 39_000 < session.book["TSLA"] < 42_000
    assert shares.report.seconds < 1.5 * SESSIONS


def test_files__order(shares):
    """Tape times and sequence numbers ascend; the exchange's time is earlier than the tape's."""
    for kind in ("trades", "quotes"):
        found = shares.table(kind, FULL_DAY)
        assert (np.diff(found["sip_timestamp"]) >= 0).all()
        assert (np.diff(found["sequence_number"]) > 0).all()
        assert (found["participant_timestamp"] < found["sip_timestamp"]).all()


def test_sessions__calendar(shares):
    """Holidays have no file; trading starts with the pre-market and ends soon after a half day."""
    assert [s.day for s in shares.report.sessions] == shares.calendar.sessions(
        FIRST, FIRST + timedelta(days=6)
    )[:SESSIONS]
    assert HOLIDAY not in [s.day for s in shares.report.sessions]
    for day, minutes in ((HALF_DAY, 225), (FULL_DAY, 630)):
        clock, found = shares.calendar.clock(day), shares.table("quotes", day)
        inside = found["sip_timestamp"][found["sip_timestamp"] < clock.end_ns]
        assert clock.premarket_start_ns <= inside.min() < clock.open_ns
        last = (inside.max() - clock.open_ns) / MINUTE
        assert minutes - 40 < last < minutes


@pytest.mark.parametrize("day", [FIRST, HALF_DAY, FULL_DAY])
def test_minutes__full_regular_thin_premarket(shares, day):
    """Nearly every regular minute has a regular print, few minutes of the pre-market have one."""
    clock, rule = shares.calendar.clock(day), shares.profile.quality
    time = shares.regular_prints(day)["sip_timestamp"]
    there = len(np.unique((time - clock.open_ns) // MINUTE))
    all_minutes = (clock.close_ns - clock.open_ns) // MINUTE
    assert all_minutes - rule.max_missing_regular_minutes <= there <= all_minutes
    time = shares.table("trades", day)["sip_timestamp"]
    early = time[time < clock.open_ns]
    thin = len(np.unique((early - clock.premarket_start_ns) // MINUTE))
    assert max(rule.min_premarket_minutes, 2) <= thin <= 46
    assert shares.table("trades", day)["conditions"][0].split(",")[0] == "12"


@pytest.mark.parametrize(
    ("missing", "fewest", "expected"), [(333, 1, (2, 46)), (5, 1, (327, 327)), (333, 60, (60, 60))]
)
def test_minutes__obey_the_profile(shares, missing, fewest, expected):
    """The pre-market is as full as the profile's completeness rules ask for."""
    rule = shares.profile.quality.model_copy(
        update={"max_missing_minutes": missing, "min_premarket_minutes": fewest}
    )
    profile = shares.profile.model_copy(update={"quality": rule})
    times = session_times(shares.calendar, FULL_DAY)
    assert premarket_minutes(profile, times) == expected


def _quote_before(shares, day, time):
    quotes = shares.table("quotes", day)
    good = (quotes["bid_price"] > 0) & (quotes["ask_price"] > 0) & (quotes["bid_size"] > 0)
    good &= quotes["ask_price"] < shares.profile.quality.price_max
    at = np.searchsorted(quotes["sip_timestamp"][good], time) - 1
    return quotes["bid_price"][good][at], quotes["ask_price"][good][at]


def test_prints__at_or_inside_the_quote(shares):
    """Regular prints lie at or inside the quote before them; nearly all are at bid or offer."""
    found = shares.regular_prints(FULL_DAY)
    bid, ask = _quote_before(shares, FULL_DAY, found["sip_timestamp"])
    price = found["price"]
    inside = (price >= bid - 1e-9) & (price <= ask + 1e-9)
    assert (~inside).sum() == 1  # the planted print far off the quote
    touch = (np.abs(price - bid) < 1e-9) | (np.abs(price - ask) < 1e-9)
    assert 0.9 < touch.mean() < 1.0
    assert 6_000 < len(price) < 8_500


def test_prints__conditions(shares):
    """There are odd lots, sub-penny prints, volume-only conditions, and both auctions."""
    found = shares.table("trades", FULL_DAY)
    has = {
        c: np.array([c in t.split(",") for t in found["conditions"]])
        for c in ("37", "17", "19", "16", "15", "52", "12")
    }
    assert 0.15 < has["37"].mean() < 0.25
    assert (found["size"][has["37"]] < 100).all()
    assert [has[c].sum() for c in ("17", "19", "16", "15")] == [1, 1, 1, 1]
    assert has["52"].sum() > 5
    cents = found["price"] / shares.profile.tick_size
    sub = np.abs(cents - np.rint(cents)) > 1e-6
    assert 0.03 < sub.mean() < 0.09
    clock = shares.calendar.clock(FULL_DAY)
    regular = (found["sip_timestamp"] >= clock.open_ns) & (found["sip_timestamp"] < clock.close_ns)
    assert not has["12"][regular].any()


def test_quotes__spread_and_sizes(shares):
    """The quote is uncrossed but for the planted row, some ticks wide, and in whole round lots."""
    quotes, clock = shares.table("quotes", FULL_DAY), shares.calendar.clock(FULL_DAY)
    time = quotes["sip_timestamp"]
    regular = (time >= clock.open_ns) & (time < clock.close_ns)
    regular &= (quotes["bid_price"] > 1) & (quotes["bid_price"] < 1e4) & (quotes["ask_price"] > 1)
    regular &= (quotes["ask_price"] < 1e4) & (quotes["bid_size"] > 0)
    spread = (quotes["ask_price"] - quotes["bid_price"])[regular]
    assert sorted(spread[spread < 0.005].round(2)) == [pytest.approx(-0.02, abs=0.05), 0.0]
    assert 0.005 < np.median(spread) / np.median(quotes["bid_price"][regular]) * 100 < 0.05
    assert set(quotes["bid_size"][regular] % 100) == {0}
    assert len(np.unique(quotes["bid_exchange"])) >= 4


def test_quotes__round_lots_as_the_vendor_counts(share, tmp_path):
    """Before the vendor's change, sizes are in lots; since then in shares."""
    calendar = SessionCalendar(share.calendar)
    sizes = {}
    for day in (date(2025, 10, 31), date(2025, 11, 3)):
        report = _simulate(tmp_path, share, calendar, start=day, sessions=1, size="tiny")
        made = Shares(tmp_path, report, calendar, share)
        sizes[day] = float(np.median(made.table("quotes", day)["bid_size"]))
    before, after = sizes.values()
    assert 1 <= before <= 10 < 100 <= after <= 1_000


def test_prices__follow_the_profile(shares):
    """One-minute ranges are about the ATR that the profile's zones assume, at its price."""
    bands = shares.profile.bands
    found, clock = shares.regular_prints(FULL_DAY), shares.calendar.clock(FULL_DAY)
    minute = (found["sip_timestamp"] - clock.open_ns) // MINUTE
    price = found["price"]
    far = np.abs(price - np.median(price)) > 0.02 * np.median(price)
    price, minute = price[~far], minute[~far]
    edge = np.flatnonzero(np.diff(minute, prepend=-1))
    ranges = np.maximum.reduceat(price, edge) - np.minimum.reduceat(price, edge)
    atr = 2 * bands.zone_half_width
    assert 0.5 * atr < ranges.mean() < 2.0 * atr
    assert 0.4 < np.median(price) / bands.reference_price < 1.6


def test_prices__splits_are_undone_backward(share):
    """Prices before a split are as they were printed: larger by its factor."""
    calendar = SessionCalendar(share.calendar)
    plans = equity_plans(
        share, calendar, start=date(2022, 8, 24), sessions=2, seed=0, model=market_model(share)
    )
    assert [p.basis for p in plans] == [3.0, 1.0]
    assert plans[0].times.day == date(2022, 8, 24)


def test_options__symbols_and_expiries(shares):
    """Symbols are OCC strings of today's and this week's expiry; premiums are within bounds."""
    found = shares.table("options", FULL_DAY)
    good = (found["price"] > 0) & (found["size"] > 0) & (found["conditions"] != "201")
    clock = shares.calendar.clock(FULL_DAY)
    good &= found["sip_timestamp"] < clock.end_ns
    tickers = found["ticker"][good]
    good[good] = [t.startswith("O:TSLA2") for t in tickers]
    tickers = found["ticker"][good]
    assert {t[6:12] for t in tickers} == {"251201", "251205"}
    assert 0.6 < np.mean([t[6:12] == "251201" for t in tickers]) < 0.8
    strike = np.array([int(t[13:]) for t in tickers]) / 1000
    assert set(strike % shares.profile.options.strike_step) == {0.0}
    is_call = np.array([t[12] == "C" for t in tickers])
    assert 0.3 < is_call.mean() < 0.7
    prints = shares.regular_prints(FULL_DAY)
    at = np.searchsorted(prints["sip_timestamp"], found["sip_timestamp"][good]) - 1
    spot, premium = prints["price"][at], found["price"][good]
    worth = np.maximum(np.where(is_call, spot - strike, strike - spot), 0.0)
    assert (premium > worth * 0.98 - 0.6).all()
    assert (premium < spot * 0.2 + worth).all()
    assert (found["sip_timestamp"][good] >= clock.open_ns).all()
    assert (found["sip_timestamp"][good] < clock.close_ns).all()


def test_options__friday_lists_the_next_week(share):
    """On a Friday the weekly expiry is that of the next week; before a holiday its last session."""
    calendar = SessionCalendar(share.calendar)
    model = market_model(share)

    def days(start):
        (plan,) = equity_plans(share, calendar, start=start, sessions=1, seed=0, model=model)
        return [e.day for e in plan.expiries]

    assert days(date(2025, 12, 5)) == [date(2025, 12, 5), date(2025, 12, 12)]
    assert days(date(2026, 3, 31)) == [date(2026, 3, 31), date(2026, 4, 2)]
    assert days(date(2026, 4, 2)) == [date(2026, 4, 2), date(2026, 4, 10)]


def test_options__none_without_a_block(share, tmp_path):
    """A share without options has no options file."""
    profile = share.model_copy(update={"options": None})
    calendar = SessionCalendar(share.calendar)
    report = _simulate(tmp_path, profile, calendar, start=FULL_DAY, sessions=1, size="tiny")
    assert len(report.sessions[0].files) == 2
    assert not (tmp_path / "options").exists()


def _moves(share, root, *, strength):
    """Buys less sells of four minutes and the move of the next four, in standard deviations."""
    calendar = SessionCalendar(share.calendar)
    profile = share.model_copy(update={"options": None})
    report = _simulate(
        root, profile, calendar, start=date(2025, 3, 24), sessions=6, seed=11,
        strength=strength, with_faults=False,
    )  # fmt: skip
    made = Shares(root, report, calendar, share)
    flows, moves = [], []
    for session in report.sessions:
        found, clock = made.regular_prints(session.day), calendar.clock(session.day)
        bid, ask = _quote_before(made, session.day, found["sip_timestamp"])
        side = np.sign(2 * found["price"] - bid - ask)
        at = np.searchsorted(
            found["sip_timestamp"], np.arange(clock.open_ns, clock.close_ns, 4 * MINUTE)
        )
        signed = np.concatenate([[0], np.cumsum(side)])
        flow, move = np.diff(signed[at])[:-1], np.diff(found["price"][np.maximum(at - 1, 0)])[1:]
        flows.append(flow / flow.std())
        moves.append(move / move.std())
    return np.concatenate(flows), np.concatenate(moves)


def test_market__null_and_planted(share, tmp_path):
    """At strength 0 past aggressors say nothing about the coming move; with an effect they do."""
    flow, move = _moves(share, tmp_path / "null", strength=0.0)
    assert len(flow) > 500
    assert abs(np.corrcoef(flow, move)[0, 1]) < 2.5 / np.sqrt(len(flow))
    flow, move = _moves(share, tmp_path / "planted", strength=2.0)
    assert np.corrcoef(flow, move)[0, 1] > 3.5 / np.sqrt(len(flow))


def test_command__dispatches_by_product(tmp_path, capsys):
    """The command writes a share's files where the resolver puts that vendor's files."""
    given = ["--instrument", "tsla", "--start", "2025-12-02", "--sessions", "1", "--size", "tiny"]
    assert cli.main(["simulate", *given, "--processes", "1", "--data-root", str(tmp_path)]) == 0
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.gz"))
    assert found == [
        "raw/tsla/equities/polygon/quotes_v1/2025-12-02.csv.gz",
        "raw/tsla/equities/polygon/trades_v1/2025-12-02.csv.gz",
        "raw/tsla/options/polygon/trades_v1/2025-12-02.csv.gz",
    ]
    faults = json.loads(capsys.readouterr().out)["sessions"][0]["faults"]
    assert {f"trades/{name}" for name in REJECTED} < set(faults)


def test_simulate__a_made_up_share(share, tmp_path):
    """Nothing but a profile is needed: another ticker, tick, price and widths."""
    bands = share.bands.model_copy(update={"reference_price": 20.0, "zone_half_width": 0.01})
    quality = share.quality.model_copy(update={"price_min": 2.0, "price_max": 90.0})
    profile = share.model_copy(
        update={
            "instrument": "abc", "equity_symbol": "ABC", "options": None, "bands": bands,
            "quality": quality, "corporate_actions": type(share.corporate_actions)(),
        }
    )  # fmt: skip
    calendar = SessionCalendar(profile.calendar)
    report = _simulate(tmp_path, profile, calendar, start=FULL_DAY, sessions=1, size="tiny")
    found = Shares(tmp_path, report, calendar, profile).regular_prints(FULL_DAY)
    assert set(found["ticker"]) == {"ABC"}
    assert 8.0 < np.median(found["price"]) < 32.0


def test_simulate__refuses(share, tmp_path):
    """A share without a ticker, or one whose quote sizes are unknown, is an error."""
    calendar = SessionCalendar(share.calendar)
    with pytest.raises(ConfigError, match="equity_symbol"):
        equity_facts(share.model_copy(update={"equity_symbol": None}))
    late = share.book.model_copy(
        update={
            "quote_lots": (
                share.book.quote_lots[0].model_copy(update={"valid_from": date(2030, 1, 1)}),
            )
        }
    )
    with pytest.raises(ConfigError, match="quote_lots"):
        _simulate(tmp_path, share.model_copy(update={"book": late}), calendar, sessions=1)
    assert not list(tmp_path.iterdir())


def test_model__pressure_scales_with_the_steps(share):
    """The planted effect is as strong in deviations whatever the tick: gain times root of variance."""
    model = market_model(share)
    other = market_model(share.model_copy(update={"tick_size": 0.05}))
    assert other.session_variance == pytest.approx(model.session_variance / 25)
    assert other.pressure_gain == pytest.approx(5 * model.pressure_gain)
