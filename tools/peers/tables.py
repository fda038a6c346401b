"""The report of tools/bench_peers as Markdown tables."""
import statistics

import dense
import epoch

PRECISIONS = {"fp32": "Strict float32", "tf32": "TF32 products", "bf16": "bfloat16 activations, float32 weights"}


def summarise(result):
    """Adds to one contender's result at one batch size what its rounds come to."""
    rounds = result["rounds_us"]
    result["us"] = statistics.median(rounds)
    result["low_us"], result["high_us"] = min(rounds), max(rounds)
    return result


def workload(result):
    return result.get("model", "lenet"), result["batch_size"]


def best_peer(results, of, frameworks=("torch", "jax")):
    """The peers' fastest result at the workload and precision of another; None without one."""
    peers = [r for r in results if r["framework"] in frameworks and r["precision"] == of["precision"]
             and workload(r) == workload(of)]
    return min(peers, key=lambda r: r["us"], default=None)


def add_ratios(results):
    """Of Strata's results: how many times as fast as the best peer of the same precision and threads."""
    for result in results:
        peer = None if result["one_thread"] else best_peer(results, result)
        if result["framework"] == "strata" and peer:
            result["times_best_peer"] = peer["us"] / result["us"]
            result["best_peer"] = peer["contender"]


def add_shares(results, ceilings):
    """Of results whose FLOP are known: FLOP a second and, on the CPU, the share of the measured peak."""
    peaks = {peak["threads"]: peak for peak in ceilings}
    for result in results:
        if not result.get("flop"):
            continue
        result["flops"] = result["flop"] / result["us"] * 1e6
        peak = peaks.get(1 if result["one_thread"] else max(peaks, default=0), {})
        if f"{result['precision']}_flops" in peak:
            result["share_of_peak"] = result["flops"] / peak[f"{result['precision']}_flops"]


def figure(us):
    return f"{us:,.0f}" if us >= 1000 else f"{us:.1f}"


def cell(result, best):
    if result is None:
        return "–"
    text = f"{figure(result['us'])} ({figure(result['low_us'])}–{figure(result['high_us'])})"
    if "times_best_peer" in result:
        text += f", {result['times_best_peer']:.2f}x"
    return f"**{text}**" if result is best else text


def table(title, rows, columns, cell_of):
    """A column for each (model, batch size); the model is named where there are several."""
    several = len({model for model, _ in columns}) > 1
    heads = [f"{model if several else 'batch'} {size:,}" for model, size in columns]
    lines = [f"### {title}", "", "| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(columns)]
    for name in rows:
        lines.append(f"| {name} | " + " | ".join(cell_of(name, what) for what in columns) + " |")
    return "\n".join(lines) + "\n"


def markdown(report):
    results, columns = report["results"], list(dict.fromkeys(map(workload, report["results"])))
    at = {(r["contender"], workload(r)): r for r in results}
    parts = [header(report)]
    for precision, title in PRECISIONS.items():
        names = list(dict.fromkeys(r["contender"] for r in results if r["precision"] == precision))
        if not names:
            continue
        fastest = {what: min((r for r in results if r["precision"] == precision and workload(r) == what),
                             key=lambda r: r["us"], default=None) for what in columns}
        parts.append(table(f"{title}: µs a training step", names, columns,
                           lambda name, what: cell(at.get((name, what)), fastest[what])))
        if report.get("threads"):
            parts.append(ratios(precision, results, at, columns))
    names = list(dict.fromkeys(r["contender"] for r in results if r.get("peak_bytes") is not None))
    if names:
        def megabytes(name, what):
            peak = at.get((name, what), {}).get("peak_bytes")
            return "–" if peak is None else f"{peak / 1e6:,.1f}"
        parts.append(table("Peak memory of a step, MB, the data set left out", names, columns, megabytes))
    if report.get("dense"):
        parts.append(dense.table(report["dense"]))
    if report.get("epoch"):
        parts.append(epoch.table(report["epoch"]))
    if report.get("ceilings"):
        parts.append(peaks_line(report["ceilings"]))
    for name, share in report.get("busy_while_idle", {}).items():
        parts.append(f"Not a fair run: {name} kept {share:.2f} of a core busy while nobody was measured.\n")
    for name, what in (("others_cores", "the training steps"), ("dense_others_cores", "the products")):
        if report.get(name, 0) > 0.1:
            parts.append(f"Not a quiet machine: other processes kept {report[name]:.2f} cores busy during {what}.\n")
    if report["skipped"]:
        reasons = [f"- {skipped['contender']}: {skipped['why']}\n" for skipped in report["skipped"]]
        parts.append("Not measured:\n\n" + "".join(reasons))
    return "\n".join(part for part in parts if part) + f"\n`{report['command']}`\n"


def ratios(precision, results, at, columns):
    """What Strata's own kernels come to on the CPU, beside whom one compares them with."""
    own = f"strata-own-{precision}"
    if not any((own, what) in at for what in columns):
        return ""

    def times(other, result):
        return f"{other['us'] / result['us']:.2f}" if other else "–"

    def torch_cell(result):
        peer = best_peer(results, result, ["torch"])
        return f"{times(peer, result)} ({peer['contender']})" if peer else "–"

    rows = {
        "times as fast as PyTorch at its best": torch_cell,
        "times as fast as the best peer": lambda result: times(best_peer(results, result), result),
        "times as fast as the library rung":
            lambda result: times(at.get((f"strata-library-{precision}", workload(result))), result),
        "times as fast as with one thread": lambda result: times(at.get((f"{own}-1thread", workload(result))), result),
        "GFLOP/s": lambda result: f"{result['flops'] / 1e9:,.1f}" if "flops" in result else "–",
        "share of the measured peak, %":
            lambda result: f"{100 * result['share_of_peak']:.0f}" if "share_of_peak" in result else "–",
    }
    return table(own, rows, columns, lambda row, what: rows[row](at[own, what]) if (own, what) in at else "–")


def peaks_line(ceilings):
    def peak(of):
        figures = [f"{of[key] / 1e9:,.0f} {name}" for key, name in
                   (("fp32_flops", "in float32"), ("bf16_flops", "in bfloat16")) if key in of]
        return f"{' and '.join(figures)} with {of['threads']} thread{'s' if of['threads'] > 1 else ''}"
    return "Measured peak in GFLOP/s: " + "; ".join(map(peak, ceilings)) + ".\n"


def header(report):
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items()
                         if name not in ("gpu", "device"))
    threads = f", {report['threads']} threads each" if report.get("threads") else ""
    machine = f"{report['device']}{threads}, {report['date']}; {versions}; Strata at {report['commit']}.\n\n"
    rounds = (f"Medians of {report['rounds']} rounds, in each of which every contender is measured once, in a new "
              f"order")
    if not report["results"]:
        return machine + (f"{rounds}.\n" if report.get("dense") else "")
    models = " and ".join(f"`{model}`" for model in dict.fromkeys(workload(r)[0] for r in report["results"]))
    return machine + (f"{models} with Adam, inputs on the device. {rounds} (lowest–highest); Strata's with how many "
                      f"times as fast as the best peer of that table. Strata's step also draws and normalises its batch.\n")
