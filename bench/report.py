"""The tables in both languages, and the plot."""

from __future__ import annotations

import statistics
from typing import Any

from .target import TARGETS
from .world import ROOT

LABELS = {target.name: target.label for target in TARGETS}
#: What an operation is called, and who counts as 1.
OPERATIONS = {
    "returning": ("returning login", "再次登录", "orm"),
    "first": ("first login", "首次登录", "orm"),
    "me": ("`GET me`", "`GET me`", "tutorial"),
    "phone": ("phone, encryptedData", "手机号（encryptedData）", "orm"),
    "phone_code": ("phone, by code", "手机号（code）", "orm"),
}
CHINESE = {
    "raw SQL": "裸 SQL",
    "ORM by hand": "手写 ORM",
    "tutorial, authtoken": "教程写法，authtoken",
    "CPU per request": "每次请求的 CPU",
    "over HTTPS to WeChat": "以 HTTPS 访问微信",
    "over HTTP to WeChat": "以 HTTP 访问微信",
    "What a request asks of the servers around": "每次请求对周边服务的访问",
    "Logins a second, WeChat answering in 80 ms": "每秒登录次数（微信 80 毫秒应答）",
    "Memory, start-up, races": "内存、启动、并发首登",
    "Where the CPU of the project goes": "本项目的 CPU 花在哪里",
    "server ms": "服务进程 ms",
    "spread": "波动",
    "ratio": "倍数",
    "PostgreSQL ms": "PostgreSQL ms",
    "operation": "操作",
    "target": "对象",
    "statements": "SQL 语句",
    "PostgreSQL round trips": "PostgreSQL 往返",
    "Redis commands": "Redis 命令",
    "Redis round trips": "Redis 往返",
    "calls to WeChat": "微信调用",
    "new connections": "新建连接",
    "threads": "线程",
    "clients": "客户端",
    "a second": "每秒",
    "failed": "失败",
    "MB per worker after": "每进程 MB，登录次数",
    "start, s": "启动，秒",
    "start, CPU s": "启动，CPU 秒",
    "16 first logins at once: failed": "16 个首登并发：失败",
    "group": "类别",
}
BEGIN, END = "<!-- figures of make bench -->", "<!-- end of figures -->"


def text(results: dict[str, Any], language: str) -> str:
    """All tables, in Markdown."""

    def tr(words: str) -> str:
        return CHINESE.get(words, words) if language == "zh" else words

    def table(title: str, header: list[str], rows: list[list[str]]) -> str:
        lines = [header, ["---"] * len(header), *rows]
        return f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def operation(name: str) -> str:
        return OPERATIONS[name][language == "zh"]

    def label(name: str) -> str:
        return tr(LABELS[name])

    parts = []
    for scheme in ("https", "http"):
        rows = []
        for name in OPERATIONS:
            turns = results[scheme].get(name, {})
            base = OPERATIONS[name][2]
            for target in turns:
                one = [turn["server"] for turn in turns[target]]
                database = statistics.median(turn["postgres"] for turn in turns[target])
                rows.append(
                    [operation(name), label(target), f"{statistics.median(one):.2f}",
                     f"±{50 * _spread(one):.0f} %", f"{ratio(turns, target, base):.2f}",
                     f"{database:.2f}"]
                )  # fmt: skip
        title = f"{tr('CPU per request')}, {tr(f'over {scheme.upper()} to WeChat')}"
        head = ("operation", "target", "server ms", "spread", "ratio", "PostgreSQL ms")
        parts.append(table(title, [tr(word) for word in head], rows))
    rows = [
        [operation(name), label(target), *(f"{count:.4g}" for count in counts[name].values())]
        for name in OPERATIONS
        for target, counts in results["counts"].items()
        if name in counts
    ]
    head = ("operation", "target", "statements", "PostgreSQL round trips", "Redis commands",
            "Redis round trips", "calls to WeChat", "new connections")  # fmt: skip
    title = tr("What a request asks of the servers around")
    parts.append(table(title, [tr(word) for word in head], rows))
    rows = [
        [label(target), str(row["threads"]), str(row["clients"]), f"{row['per_second']:.0f}",
         f"{row['p50']:.0f}", f"{row['p99']:.0f}", str(row["failed"])]
        for target, found in results["crowd"].items()
        for row in found
    ]  # fmt: skip
    head = ("target", "threads", "clients", "a second", "p50 ms", "p99 ms", "failed")
    title = tr("Logins a second, WeChat answering in 80 ms")
    parts.append(table(title, [tr(word) for word in head], rows))
    rows = []
    for target, (seconds, used) in results["start_up"].items():
        memory = results["memory"].get(target, {})
        race = results["races"].get(target, {})
        rows.append(
            [label(target), " · ".join(f"{step}: {size:.0f}" for step, size in memory.items()),
             f"{seconds:.2f}", f"{used:.2f}", " / ".join(str(number) for number in race.values())]
        )  # fmt: skip
    head = ("target", "MB per worker after", "start, s", "start, CPU s",
            "16 first logins at once: failed")  # fmt: skip
    parts.append(table(tr("Memory, start-up, races"), [tr(word) for word in head], rows))
    if profile := results.get("profile"):
        groups = sorted({g for shares in profile.values() for g in shares})
        rows = [
            [g, *(f"{100 * shares.get(g, 0):.0f} %" for shares in profile.values())] for g in groups
        ]
        head_ = [tr("group"), *(operation(name) for name in profile)]
        parts.append(table(tr("Where the CPU of the project goes"), head_, rows))
    return "\n\n".join(parts)


def ratio(turns: dict[str, Any], target: str, base: str) -> float:
    """The median of what the rounds say: each compares what happened within a few seconds."""
    return statistics.median(
        one["server"] / (two["server"] or 0.01)
        for one, two in zip(turns[target], turns[base], strict=True)
    )


def _spread(values: list[float]) -> float:
    return (max(values) - min(values)) / (statistics.median(values) or 1)


def write(results: dict[str, Any]) -> None:
    """Put the tables between their marks in docs/, and draw."""
    for name, language in (("performance.md", "en"), ("performance.zh-CN.md", "zh")):
        page = ROOT / "docs" / name
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(f"{before}{BEGIN}\n\n{text(results, language)}\n\n{END}{after}")
    draw(results)


def draw(results: dict[str, Any]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "wxauth"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    for axis, name in zip(axes, ("returning", "me"), strict=False):
        turns = results["https"][name]
        below = [0.0] * len(turns)
        for part in ("server", "postgres"):
            heights = [statistics.median(turn[part] for turn in turns[one]) for one in turns]
            axis.barh([LABELS[one] for one in turns], heights, left=below, label=part)
            below = [a + b for a, b in zip(below, heights, strict=True)]
        axis.invert_yaxis()
        axis.set_title(f"{OPERATIONS[name][0].strip('`')}: CPU, ms")
        axis.legend()
    most = max(row["clients"] for rows in results["crowd"].values() for row in rows)
    for target, rows in results["crowd"].items():
        points = [(row["threads"], row["per_second"]) for row in rows if row["clients"] == most]
        axes[2].plot(*zip(*points, strict=True), marker="o", label=LABELS[target])
    axes[2].set_xscale("log", base=2)
    axes[2].set_xticks(sorted({row["threads"] for row in results["crowd"]["project"]}))
    axes[2].get_xaxis().set_major_formatter("{x:.0f}")
    axes[2].set_title(f"logins a second by threads, {most} clients, WeChat in 80 ms")
    axes[2].legend()
    figure.savefig(ROOT / "docs" / "images" / "performance.svg", metadata={"Date": None})
