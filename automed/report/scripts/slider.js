// The panel at the operating point: figures of any threshold and prevalence, from counts of test records.
"use strict";
(() => {
  const find = (name) => document.getElementById(`slider-${name}`);
  const held = JSON.parse(find("data").textContent);
  const { questions, prevalences, text, minus, percent } = held;
  const part = Object.fromEntries(
    ["panel", "whole", "question", "threshold", "threshold-number", "prevalence", "prevalence-number", "reset", "expected", "said"]
      .map((name) => [name, find(name)])
  );
  const tiles = [...part.whole.querySelectorAll("[data-figure]")];
  const PAUSE = 250; // ms without a change before the sentence is said
  const DIGITS = 6; // of a threshold: as many as the counts can tell apart
  let one, steps, threshold, prevalence, exact, waiting;

  // --- how numbers are written: as on the rest of the page ---

  function fixed(size, digits) {
    const written = size.toFixed(digits);
    const halves = size * 2 ** (digits + 1);
    // Of two that are equally near, toFixed takes the larger and the rest of the page the even one.
    const tie = Number.isInteger(halves) && halves % 2 === 1 && Number(written.slice(-1)) % 2 === 1;
    return tie ? (size - 10 ** -(digits + 1)).toFixed(digits) : written;
  }
  function decimal(value, digits) {
    const written = fixed(Math.abs(value), digits);
    const sign = value < 0 && Number(written) !== 0 ? minus : "";
    return sign + (written.startsWith("0.") ? written.slice(1) : written);
  }
  function perThousand(share) {
    const count = share * 1000;
    if (count > 0 && count < 0.05) return text.trace;
    return fixed(count, count > 0 && count < 9.95 ? 1 : 0);
  }
  const isCount = (key) => key === "flagged" || key === "missed";
  const shown = (key, value) =>
    isCount(key) ? perThousand(value) : decimal(value, { net_benefit: 3, nne: 1 }[key] ?? 2);
  const short = (value, digits) => String(Number(value.toPrecision(digits)));
  const share = (value) => short(value * 100, 3) + percent;
  function probability(value) {
    return value === one.thresholds[one.chosen] ? one.shown : short(value, DIGITS).replace(/^0\./, ".");
  }
  const fill = (sentence, values) => sentence.replace(/{(\w+)}/g, (_, name) => values[name]);

  // --- what a threshold yields ---

  function place(value) { // of the first threshold as high; past the last one none is flagged
    let low = 0, high = one.thresholds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (one.thresholds[middle] < value) low = middle + 1; else high = middle;
    }
    return low;
  }
  function figures() {
    const at = place(threshold), { positives, negatives } = one;
    const hits = one.hits[at] ?? 0, alarms = one.alarms[at] ?? 0;
    const left = negatives - alarms, missed = positives - hits;
    // At the prevalence of the test set these weights are the counts themselves.
    const here = prevalence === one.prevalence;
    const yes = here ? 1 : prevalence / positives, no = here ? 1 : (1 - prevalence) / negatives;
    const all = here ? positives + negatives : 1;
    const flagged = yes * hits + no * alarms, others = yes * missed + no * left;
    const ratio = (a, b) => (b > 0 ? a / b : null);
    return {
      sensitivity: hits / positives,
      specificity: left / negatives,
      ppv: ratio(yes * hits, flagged),
      npv: ratio(no * left, others),
      nne: ratio(flagged, yes * hits),
      flagged: flagged / all,
      missed: (yes * missed) / all,
      net_benefit: threshold < 1 ? (yes * hits - no * alarms * (threshold / (1 - threshold))) / all : null,
      hits, alarms, found: (yes * hits) / all, wrongly: (no * alarms) / all,
    };
  }
  function interval(key) { // of the chosen threshold only
    if (threshold !== one.thresholds[one.chosen]) return null;
    if (key === "sensitivity" || key === "specificity" || prevalence === one.prevalence) return one.intervals[key];
    return prevalence === one.expected ? one.intervals_expected[key] ?? null : null;
  }

  // --- what the page shows ---

  function sentence(now) {
    const values = {
      prevalence: share(prevalence), found: perThousand(prevalence), threshold: probability(threshold),
      hits: perThousand(now.found), missed: perThousand(now.missed), alarms: perThousand(now.wrongly),
    };
    const counts = { hits: now.hits, positives: one.positives, alarms: now.alarms, negatives: one.negatives };
    const grouped = Object.fromEntries(Object.entries(counts).map(([key, n]) => [key, n.toLocaleString("en-GB")]));
    const chosen = threshold === one.thresholds[one.chosen];
    return [
      fill(text.of, values),
      fill(now.hits + now.alarms ? text.yields : text.none, values),
      fill(text.tested, grouped),
      chosen ? text.chosen : text.other,
      exact ? "" : text.nearest,
      prevalence === one.prevalence ? "" : text.moved,
    ].filter(Boolean).join(" ");
  }
  function say(words, later) {
    clearTimeout(waiting);
    if (later) waiting = setTimeout(() => { part.said.textContent = words; }, PAUSE);
    else part.said.textContent = words;
  }
  function nearest(values, value) {
    return values.reduce((best, other, k) => (Math.abs(other - value) < Math.abs(values[best] - value) ? k : best), 0);
  }
  function show({ later = true, typing = null } = {}) {
    const now = figures();
    for (const tile of tiles) {
      const key = tile.dataset.figure, value = now[key], limits = interval(key);
      tile.querySelector(".value").textContent = value === null ? "–" : shown(key, value);
      tile.querySelector(".range").textContent =
        value === null ? text.undefined : limits ? fill(text.span, { low: limits[0], high: limits[1] }) : text.no_interval;
    }
    part.threshold.value = Math.min(place(threshold), one.thresholds.length - 1);
    part.threshold.setAttribute("aria-valuetext", probability(threshold));
    part.prevalence.value = nearest(steps, prevalence);
    part.prevalence.setAttribute("aria-valuetext", share(prevalence));
    const digits = threshold === one.thresholds[one.chosen] ? 3 : DIGITS;
    if (typing !== "threshold") part["threshold-number"].value = short(Math.min(threshold, 1), digits);
    if (typing !== "prevalence") part["prevalence-number"].value = short(prevalence * 100, 3);
    say(sentence(now), later);
  }

  // --- what a reader does ---

  function simplest(at) { // the shortest threshold that flags the same records
    const high = one.thresholds[at], low = at ? one.thresholds[at - 1] : -1;
    if (at === one.chosen || !one.complete) return high;
    for (let digits = 1; digits < DIGITS; digits++) {
      const value = Math.floor(high * 10 ** digits) / 10 ** digits;
      if (value > low && value <= high) return value;
    }
    return high;
  }
  function take(value) { // a threshold that was typed
    const rounded = Number(value.toPrecision(DIGITS));
    threshold = one.complete ? rounded : one.thresholds[nearest(one.thresholds, rounded)];
    exact = threshold === rounded;
  }
  function back() {
    threshold = one.thresholds[one.chosen];
    exact = true;
    prevalence = one.prevalence;
  }
  function ask(at) {
    one = questions[at];
    one.prevalence = one.positives / (one.positives + one.negatives);
    const own = one.expected === null ? [one.prevalence] : [one.prevalence, one.expected];
    steps = [...new Set([...prevalences, ...own])].sort((a, b) => a - b);
    part.threshold.max = one.thresholds.length - 1;
    part.prevalence.max = steps.length - 1;
    part.expected.hidden = one.expected === null;
    if (one.expected !== null) part.expected.textContent = fill(text.expected, { prevalence: share(one.expected) });
    back();
  }
  function typed(field, low, high, use, name) {
    const within = () => field.value !== "" && field.valueAsNumber >= low && field.valueAsNumber <= high;
    field.addEventListener("input", () => {
      field.setAttribute("aria-invalid", String(!within()));
      if (!within()) return;
      use(field.valueAsNumber);
      show({ typing: name });
    });
    field.addEventListener("change", () => { field.setAttribute("aria-invalid", "false"); show(); });
  }

  part.threshold.addEventListener("input", () => {
    threshold = simplest(part.threshold.valueAsNumber);
    exact = true;
    show();
  });
  part.prevalence.addEventListener("input", () => {
    prevalence = steps[part.prevalence.valueAsNumber];
    show();
  });
  typed(part["threshold-number"], 0, 1, take, "threshold");
  typed(part["prevalence-number"], 0.01, 99.99, (value) => { prevalence = Number((value / 100).toPrecision(DIGITS)); }, "prevalence");
  part.question?.addEventListener("change", () => { ask(part.question.selectedIndex); show(); });
  part.reset.addEventListener("click", () => { back(); show(); });
  part.expected.addEventListener("click", () => { prevalence = one.expected; show(); });

  ask(part.question ? Math.max(part.question.selectedIndex, 0) : 0);
  part.panel.hidden = false;
  part.whole.classList.add("works");
  show({ later: false });
})();
