"use strict";
// The blinded review: nothing leaves the page but the file that the reader downloads.
(() => {
  const byId = (id) => document.getElementById(`review-${id}`);
  const block = byId("data");
  if (!block) return;
  const facts = JSON.parse(block.textContent);
  const messages = JSON.parse(byId("messages").textContent);
  const said = (key, values = {}) => messages[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const total = facts.cases.length;
  let review = null; // the document that is kept and downloaded
  let order = []; // places of the cases as this reader meets them
  let at = 0;
  let kept = true;
  let dirty = false;

  // --- SHA-256 (FIPS 180-4): crypto.subtle is missing where a page comes over plain http ------------------------

  const sha256 = (text) => {
    const K = [], H = [];
    for (let n = 2; K.length < 64; n += 1) {
      let prime = true;
      for (let d = 2; d * d <= n; d += 1) if (n % d === 0) prime = false;
      if (!prime) continue;
      if (H.length < 8) H.push((Math.sqrt(n) * 2 ** 32) | 0);
      K.push((Math.cbrt(n) * 2 ** 32) | 0);
    }
    const bytes = new TextEncoder().encode(text);
    const padded = new Uint8Array(((bytes.length + 72) >> 6) << 6);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
    view.setUint32(padded.length - 4, bytes.length << 3);
    const turn = (x, by) => (x >>> by) | (x << (32 - by));
    const w = new Int32Array(64);
    for (let start = 0; start < padded.length; start += 64) {
      for (let i = 0; i < 16; i += 1) w[i] = view.getInt32(start + 4 * i);
      for (let i = 16; i < 64; i += 1) {
        const a = w[i - 15], b = w[i - 2];
        const s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3), s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      let [a, b, c, d, e, f, g, h] = H;
      for (let i = 0; i < 64; i += 1) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((value, i) => { H[i] = (H[i] + value) | 0; });
    }
    return H.map((value) => (value >>> 0).toString(16).padStart(8, "0")).join("");
  };

  // One spelling of a document: keys in order, no blanks. The reader of the file computes the same.
  const spelled = (value) => {
    if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${spelled(value[key])}`).join(",")}}`;
  };
  const seal = ({ digest, ...content }) => sha256(spelled(content));
  // Half a sign of two (an emoji that was cut) has no spelling in UTF-8.
  const whole = (text) => Array.from(text, (sign) => (/^[\ud800-\udfff]$/.test(sign) ? "\ufffd" : sign)).join("");
  const now = () => `${new Date().toISOString().slice(0, 19)}+00:00`;
  const same = (reader) => reader.trim().replace(/\s+/g, " ").toLowerCase();

  // --- the order of cases, by the reader's name --------------------------------------------------------------------

  const shuffled = (seed) => {
    let state = parseInt(sha256(seed).slice(0, 8), 16);
    const next = () => { // mulberry32
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const places = facts.cases.map((one) => one.place);
    for (let i = places.length - 1; i > 0; i -= 1) {
      const j = Math.floor(next() * (i + 1));
      [places[i], places[j]] = [places[j], places[i]];
    }
    return places;
  };

  // --- keeping ------------------------------------------------------------------------------------------------------

  const held = new Map(); // while the page is open, whatever the browser keeps
  const shelf = (reader) => `automed-review:${facts.subject}:${sha256(same(reader))}`;
  const keep = () => {
    review.saved = now();
    review.digest = seal(review);
    dirty = true;
    const text = JSON.stringify(review);
    held.set(shelf(review.reader), text);
    try {
      localStorage.setItem(shelf(review.reader), text);
      kept = true;
    } catch {
      kept = false;
    }
    progress();
  };
  const recall = (reader) => {
    let text = held.get(shelf(reader));
    try {
      text = text || localStorage.getItem(shelf(reader));
    } catch {
      // Nothing is kept here: what the page itself holds is all there is.
    }
    try {
      const found = JSON.parse(text || "null");
      return found && !wrong(found) ? found : null;
    } catch {
      return null;
    }
  };
  const wrong = (found) => {
    if (!found || found.format !== facts.format || !Array.isArray(found.cases)) return "json";
    if (found.version !== facts.version) return "later";
    if (found.digest !== seal(found)) return "changed";
    const known = new Map(facts.cases.map((one) => [one.place, one.digest]));
    const ours = found.run === facts.run && found.model === facts.model;
    return ours && found.cases.every((one) => known.get(one.place) === one.digest) ? null : "other";
  };

  // --- what is on the page ------------------------------------------------------------------------------------------

  const say = (text, bad = false) => {
    byId("status").textContent = text;
    byId("status").className = bad ? "note bad" : "note";
  };
  const done = () => review.cases.filter((one) => one.after).length;
  const progress = () => {
    byId("progress").max = total;
    byId("progress").value = done();
    byId("count").textContent = said("done", { done: done(), of: total });
    byId("kept").textContent = said(kept ? "kept" : "refused");
  };
  const drawings = [...document.querySelectorAll("main svg")]; // as they stand before a case is shown
  // A copy with words and ids of its own: what it refers to must not lie in a part that is put away.
  const again = (twin, label) => {
    const copy = twin.cloneNode(true);
    copy.setAttribute("aria-label", label);
    for (const one of copy.querySelectorAll("*"))
      for (const { name, value } of [...one.attributes])
        if (name === "id") one.id = `review-${value}`;
        else if (value.includes("(#")) one.setAttribute(name, value.replace("#", "#review-"));
        else if (name === "href" && value.startsWith("#")) one.setAttribute(name, `#review-${value.slice(1)}`);
    return copy;
  };
  const fill = (into, id) => {
    into.replaceChildren(byId(id).content.cloneNode(true));
    for (const image of into.querySelectorAll("img[data-ends]")) {
      const twin = document.querySelector(`main img[src$="${image.dataset.ends}"]`);
      if (twin) image.src = twin.src;
    }
    for (const drawing of into.querySelectorAll("svg[data-twin]")) {
      const twin = drawings[Number(drawing.dataset.twin)];
      if (twin) drawing.replaceWith(again(twin, drawing.getAttribute("aria-label")));
    }
  };
  const boxes = (name) => [...document.querySelectorAll(`input[name="review-${name}"]`)];
  const ticked = (name) => boxes(name).filter((box) => box.checked).map((box) => box.value);
  const tick = (name, values) => boxes(name).forEach((box) => { box.checked = values.includes(box.value); });
  // undefined: nothing was said; null: cannot say; [] none of the labels.
  const answer = (name) => {
    const values = ticked(name);
    if (!values.length) return undefined;
    if (values.includes("cannot")) return null;
    return values.filter((value) => value !== "none").map((value) => facts.keys[Number(value)]);
  };
  const show = (name, given) => {
    if (given === undefined) return tick(name, []);
    if (given === null) return tick(name, ["cannot"]);
    return tick(name, given.length ? given.map((key) => String(facts.keys.indexOf(key))) : ["none"]);
  };
  const screen = (name) => {
    for (const part of ["start", "case", "end"]) byId(part).hidden = part !== name;
    byId("bar").hidden = name === "start";
    document.body.classList.toggle("reviewing", name !== "start");
  };

  const entry = () => review.cases.find((one) => one.place === order[at]);
  const go = (to) => {
    at = Math.max(0, Math.min(to, total));
    say("");
    if (at === total) return finish();
    const known = entry();
    screen("case");
    byId("title").textContent = said("case", { at: at + 1, of: total });
    fill(byId("shown"), `case-${order[at]}`);
    show("before", known ? known.before.answer : undefined);
    tick("confidence", known ? [String(known.before.confidence)] : []);
    reveal(Boolean(known));
    byId("back").disabled = at === 0;
    byId("title").focus();
    byId("form").scrollIntoView();
    progress();
  };
  const reveal = (open) => {
    const known = entry();
    byId("first").disabled = open; // what was said blind stays as it was said
    byId("look").hidden = open;
    byId("second").hidden = !open;
    byId("next").hidden = !open;
    if (!open) return byId("told").replaceChildren();
    fill(byId("told"), `told-${order[at]}`);
    show("after", known.after ? known.after.answer : undefined);
    tick("mind", known.after ? [known.after.mind] : []);
    byId("comment").value = known.comment;
  };
  const look = () => {
    const given = answer("before"), [confidence] = ticked("confidence");
    if (given === undefined || !confidence) return say(said("first"), true);
    const one = facts.cases.find((known) => known.place === order[at]);
    review.cases.push({
      place: one.place, row: one.row, digest: one.digest, position: at + 1,
      before: { answer: given, confidence: Number(confidence) }, after: null, comment: "",
    });
    keep();
    say("");
    reveal(true);
    byId("answer").focus();
  };
  const note = () => {
    const known = entry(), given = answer("after"), [mind] = ticked("mind");
    if (!known) return false;
    known.comment = whole(byId("comment").value);
    if (given !== undefined && mind) known.after = { answer: given, mind };
    keep();
    return Boolean(known.after);
  };
  const finish = () => {
    screen("end");
    const left = total - done();
    byId("sum").textContent = left ? said("done", { done: done(), of: total }) : said("whole");
    tick("decision", review.decision ? [review.decision.answer] : []);
    byId("remark").value = review.decision ? review.decision.remark : "";
    byId("over").focus();
    byId("form").scrollIntoView();
    progress();
  };
  const decide = () => {
    const [given] = ticked("decision"), remark = whole(byId("remark").value);
    review.decision = given || remark ? { answer: given || "none", remark } : null;
    keep();
  };

  // --- beginning, ending, files -------------------------------------------------------------------------------------

  const begin = (found) => {
    review = found;
    order = shuffled(`${facts.subject}|${same(review.reader)}`);
    const open = order.findIndex((place) => !review.cases.some((one) => one.place === place && one.after));
    const resumed = review.cases.length > 0;
    keep();
    go(open < 0 ? total : open);
    if (resumed) say(said("resumed", { reader: review.reader, done: done(), of: total }));
  };
  const start = () => {
    const reader = whole(byId("reader").value).trim().replace(/\s+/g, " ");
    if (!reader) {
      byId("reader").focus();
      return say(said("reader"), true);
    }
    const { format, version, run, model } = facts;
    return begin(recall(reader) || { format, version, run, model, reader, started: now(), saved: now(), cases: [], decision: null });
  };
  const load = async () => {
    const [file] = byId("file").files;
    if (!file) return;
    let found = null;
    try {
      found = JSON.parse(await file.text());
    } catch {
      // Told below: what is no JSON is no review.
    }
    byId("file").value = "";
    const problem = wrong(found);
    if (problem) say(said(problem), true);
    else begin(found);
  };
  const download = () => {
    keep();
    const name = `review-${review.reader.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 30) || "reader"}.json`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${JSON.stringify(review, null, 1)}\n`], { type: "application/json" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    dirty = false;
    say(said("downloaded", { name }));
  };
  const leave = () => {
    review = null;
    screen("start");
    byId("reader").focus();
  };
  const remove = () => {
    held.delete(shelf(review.reader));
    try {
      localStorage.removeItem(shelf(review.reader));
    } catch {
      // Where nothing can be kept there is nothing to remove.
    }
    dirty = false;
    leave();
    say(said("removed"));
  };

  // "None of these" and "cannot say" rule the labels out, and the labels them.
  const exclude = (changed, name) => {
    if (!facts.labelled || !changed.checked) return;
    const alone = (box) => box.value === "none" || box.value === "cannot";
    for (const box of boxes(name)) if (box !== changed && (alone(changed) || alone(box))) box.checked = false;
  };

  for (const name of ["before", "after"])
    for (const box of boxes(name)) box.addEventListener("change", () => exclude(box, name));
  for (const box of [...boxes("after"), ...boxes("mind")]) box.addEventListener("change", note);
  for (const box of boxes("decision")) box.addEventListener("change", decide);
  byId("comment").addEventListener("input", note);
  byId("remark").addEventListener("input", decide);
  byId("begin").addEventListener("click", start);
  byId("reader").addEventListener("keydown", (event) => { if (event.key === "Enter") start(); });
  byId("file").addEventListener("change", load);
  byId("look").addEventListener("click", look);
  byId("next").addEventListener("click", () => (note() ? go(at + 1) : say(said("second"), true)));
  byId("back").addEventListener("click", () => { note(); go(at - 1); });
  byId("again").addEventListener("click", () => go(total - 1));
  for (const id of ["download", "save"]) byId(id).addEventListener("click", download);
  byId("leave").addEventListener("click", leave);
  byId("remove").addEventListener("click", remove);
  addEventListener("beforeunload", (event) => { if (dirty && !kept) event.preventDefault(); });

  byId("needs").hidden = true;
  byId("form").hidden = false;
})();
