"""The page that shows a verdict: one HTML file that asks for nothing from outside.

English and Chinese stand side by side, so that one stored page serves every reader.
"""

from datetime import datetime
from html import escape

from expectations.suite import Finding, Verdict

STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--dim:#667382;--line:#dfe4ea;--page:#fff;
--good:#16794c;--bad:#b3261e;--soft:#f5f7f9}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf1;--dim:#9aa6b4;--line:#323b46;
--page:#171c22;--good:#5fcf9b;--bad:#ff8a80;--soft:#1f262e}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:2.5rem 1.5rem;background:var(--page);color:var(--ink);
font:15px/1.55 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h1 small{font-weight:400;color:var(--dim)}
.verdict{display:inline-block;margin:.75rem 0 1.25rem;padding:.2rem .8rem;border-radius:1rem;
border:1px solid currentColor;font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}
dl{display:flex;flex-wrap:wrap;gap:1.75rem;margin:0 0 1.5rem}
dt{color:var(--dim);font-size:.8rem}dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
table{width:100%;border-collapse:collapse}
th{font-size:.8rem;color:var(--dim);text-align:left;font-weight:500}
th,td{padding:.6rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
tr.broken{background:var(--soft)}.number{text-align:right;font-variant-numeric:tabular-nums}
.zh{color:var(--dim)}code{font-size:.85em;overflow-wrap:anywhere}
footer{margin-top:1.5rem;color:var(--dim);font-size:.8rem}
"""


def render_page(verdict: Verdict, *, files: int, run_id: str, at: datetime) -> str:
    """The page of one verdict; `files` were in the batch, judged at `at` by run `run_id`."""
    tone, words = ("good", "Valid 合格") if verdict.is_valid else ("bad", "Held back 已暂缓")
    facts = (
        ("Files 文件", f"{files:,}"),
        ("Readings 读数", f"{verdict.rows:,}"),
        ("Refused rows 拒绝行", f"{verdict.refused:,}"),
        ("Rules met 通过规则", f"{_met(verdict)} / {len(verdict.findings)}"),
        ("Seconds 秒", f"{verdict.seconds:.2f}"),
    )
    cells = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in facts)
    rows = "".join(_row(finding) for finding in verdict.findings)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(verdict.feed.value)} · {words}</title><style>{STYLE}</style></head><body>
<h1>{escape(verdict.feed.value)} <small>validation 数据校验</small></h1>
<div class="verdict {tone}">{words}</div>
<dl>{cells}</dl>
<table><thead><tr><th>Rule 规则</th><th></th><th class="number">Checked 检查</th>
<th class="number">Broken by 违反</th><th class="number">Must hold for 要求比例</th>
<th>Examples 示例</th></tr></thead><tbody>{rows}</tbody></table>
<footer>{at:%Y-%m-%d %H:%M:%S %Z} · run {escape(run_id)}</footer>
</body></html>
"""


def _met(verdict: Verdict) -> int:
    return sum(finding.is_met for finding in verdict.findings)


def _row(finding: Finding) -> str:
    mark = '<b class="good">✓</b>' if finding.is_met else '<b class="bad">✗</b>'
    examples = finding.problem or ", ".join(finding.examples)
    return (
        f"<tr{'' if finding.is_met else ' class=broken'}>"
        f'<td>{escape(finding.english)}<br><span class="zh">{escape(finding.chinese)}</span></td>'
        f'<td>{mark}</td><td class="number">{finding.checked:,}</td>'
        f'<td class="number">{finding.unexpected:,}</td>'
        f'<td class="number">{finding.needed_share:.0%}</td>'
        f"<td><code>{escape(examples[:300])}</code></td></tr>"
    )
