"""The report of tools/bench_peers as Markdown tables."""
import statistics

PRECISIONS = {"fp32": "Strict float32", "tf32": "TF32 products", "bf16": "bfloat16 activations, float32 weights"}


def summarise(result):
    """Adds to one contender's result at one batch size what its rounds come to."""
    rounds = result["rounds_us"]
    result["us"] = statistics.median(rounds)
    result["low_us"], result["high_us"] = min(rounds), max(rounds)
    return result


def best_peer(results, precision, batch_size):
    """The fastest result that is not Strata's, at equal precision; None without one."""
    peers = [r for r in results if r["framework"] != "strata" and r["precision"] == precision
             and r["batch_size"] == batch_size]
    return min(peers, key=lambda r: r["us"], default=None)


def add_ratios(results):
    """Of Strata's results: how many times as fast as the best peer of the same precision."""
    for result in results:
        peer = best_peer(results, result["precision"], result["batch_size"])
        if result["framework"] == "strata" and peer:
            result["times_best_peer"] = peer["us"] / result["us"]
            result["best_peer"] = peer["contender"]


def figure(us):
    return f"{us:,.0f}" if us >= 1000 else f"{us:.1f}"


def cell(result, best):
    if result is None:
        return "–"
    text = f"{figure(result['us'])} ({figure(result['low_us'])}–{figure(result['high_us'])})"
    if "times_best_peer" in result:
        text += f", {result['times_best_peer']:.2f}x"
    return f"**{text}**" if result is best else text


def table(title, rows, batch_sizes, cell_of):
    lines = [f"### {title}", "", "| | " + " | ".join(f"batch {b:,}" for b in batch_sizes) + " |",
             "|---|" + "---|" * len(batch_sizes)]
    for name in rows:
        lines.append(f"| {name} | " + " | ".join(cell_of(name, b) for b in batch_sizes) + " |")
    return "\n".join(lines) + "\n"


def markdown(report):
    results, batch_sizes = report["results"], report["batch_sizes"]
    at = {(r["contender"], r["batch_size"]): r for r in results}
    parts = [header(report)]
    for precision, title in PRECISIONS.items():
        names = list(dict.fromkeys(r["contender"] for r in results if r["precision"] == precision))
        if not names:
            continue
        fastest = {b: min((r for r in results if r["precision"] == precision and r["batch_size"] == b),
                          key=lambda r: r["us"], default=None) for b in batch_sizes}
        parts.append(table(f"{title}: µs a training step", names, batch_sizes,
                           lambda name, b: cell(at.get((name, b)), fastest[b])))
    names = list(dict.fromkeys(r["contender"] for r in results if r.get("peak_bytes") is not None))
    if names:
        def megabytes(name, b):
            peak = at.get((name, b), {}).get("peak_bytes")
            return "–" if peak is None else f"{peak / 1e6:,.1f}"
        parts.append(table("Peak memory of a step, MB, the data set left out", names, batch_sizes, megabytes))
    if report.get("epoch"):
        parts.append(epoch_table(report["epoch"]))
    if report["skipped"]:
        parts.append("Not measured:\n\n" + "\n".join(f"- {s['contender']}: {s['why']}" for s in report["skipped"]) + "\n")
    return "\n".join(parts) + f"\n`{report['command']}`\n"


def header(report):
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if name != "gpu")
    return (f"{report['device']}, {report['date']}; {versions}; Strata at {report['commit']}.\n\n"
            f"`lenet` with Adam, inputs on the device. Medians of {report['rounds']} rounds, in each of which "
            f"every contender is measured once, in a new order (lowest–highest); Strata's with how many times "
            f"as fast as the best peer of that table. Strata's step also draws and normalises its batch.\n")


def epoch_table(rows):
    lines = ["### One epoch, from start to exit of the process", "",
             "| | start to exit, s | training, s | test accuracy, % |", "|---|---|---|---|"]
    for row in rows:
        whole, training = row["total_seconds"], row["train_seconds"]
        lines.append(f"| {row['name']} | {statistics.median(whole):.2f} ({min(whole):.2f}–{max(whole):.2f}) "
                     f"| {statistics.median(training):.3f} | {min(row['accuracy']):.2f}–{max(row['accuracy']):.2f} |")
    return "\n".join(lines) + "\n"
